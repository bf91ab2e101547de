"""Kong files for the tests: the shape of Fiddler's integration page, and what others have in theirs."""

from __future__ import annotations

import copy
from typing import Any, Final

Json = dict[str, Any]

APPLICATION: Final = "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11"
OTHER_APPLICATION: Final = "9a1b6c0e-2d4f-4e6a-8b1c-5f7d3e2a1b0c"

FIDDLER_KEY: Final = "canary-fiddler.0123456789abcdef"
PROVIDER_KEY: Final = "canary-provider-0123456789abcdef"

ACCESS: Final = """-- the conversation of a call
local conversation = kong.request.get_header('X-Fiddler-Conversation-Id')
if conversation and conversation ~= '' then
    ngx.ctx.fiddler_conversation_id = conversation
end
"""
STAMP: Final = """local conversation = ngx.ctx.fiddler_conversation_id
if conversation then
    local found = ngx.ctx.KONG_SPANS
    if found then -- none without tracing
        for _, each in ipairs(found) do
            each:set_attribute("gen_ai.conversation.id", conversation)
        end
    end
end
"""


def opentelemetry(**changes: Any) -> Json:
    """The config of a plugin that exports to Fiddler."""
    return {
        "traces_endpoint": "https://acme.fiddler.ai/v1/traces",
        "headers": {"Authorization": f"Bearer {FIDDLER_KEY}", "fiddler-application-id": APPLICATION},
        "resource_attributes": {"service.name": "kong", "application.id": APPLICATION},
        "propagation": {"default_format": "w3c"},
        **changes,
    }


def of_application(application: str, **changes: Any) -> Json:
    """The same for another application."""
    headers = {"Authorization": f"Bearer {FIDDLER_KEY}", "fiddler-application-id": application}
    return opentelemetry(headers=headers, resource_attributes={"service.name": "kong", "application.id": application}, **changes)


def ai_proxy(
    provider: str = "openai", name: str = "gpt-4o-mini", *, options: Json | None = None, auth: Json | None = None, **more: Any
) -> Json:
    """The config of an ai-proxy with a bearer token, unless `auth` says otherwise."""
    bearer = {"header_name": "Authorization", "header_value": f"Bearer {PROVIDER_KEY}"}
    return {
        "route_type": "llm/v1/chat",
        **({"auth": bearer if auth is None else auth} if auth != {} else {}),
        "model": {"provider": provider, "name": name, **({"options": options} if options else {})},
        "logging": {"log_statistics": True, "log_payloads": False},
        **more,
    }


def plugin(name: str, config: Json | None = None, **scope: Any) -> Json:
    return {"name": name, **scope, "config": {} if config is None else config}


def service(name: str = "openai-service", *routes: Json, **more: Any) -> Json:
    return {
        "name": name,
        "url": "https://api.openai.com",
        "routes": list(routes) or [{"name": f"{name}-route", "paths": [f"/{name}"]}],
        **more,
    }


def kong_file(services: list[Json], plugins: list[Json], **more: Any) -> Json:
    """A file; a copy, so that a test can change it."""
    return copy.deepcopy({"_format_version": "3.0", "services": services, "plugins": plugins, **more})


SESSIONS: Final = plugin("pre-function", {"access": [ACCESS], "header_filter": [STAMP]})
FIDDLER: Final = plugin("opentelemetry", opentelemetry())


def page(**changes: Any) -> Json:
    """The file of the integration page, in which `changes` replace the ai-proxy's config."""
    route = {"name": "openai-chat-route", "paths": ["/openai"], "strip_path": True}
    origin = {"name": "openai-service", "host": "api.openai.com", "port": 443, "protocol": "https", "routes": [route]}
    config = ai_proxy(options={"max_tokens": 512, "temperature": 0.7}, logging={"log_statistics": True, "log_payloads": True})
    return kong_file([origin], [plugin("ai-proxy", config | changes, service="openai-service"), SESSIONS, FIDDLER])
