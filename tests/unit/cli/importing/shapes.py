"""Shapes of real Kong files: what each has, and the plugins that Kong must have after the import too."""

from __future__ import annotations

from typing import Any, Final

from tests.unit.cli.importing.kong_files import (
    APPLICATION,
    FIDDLER,
    FIDDLER_KEY,
    OTHER_APPLICATION,
    PROVIDER_KEY,
    SESSIONS,
    Json,
    ai_proxy,
    kong_file,
    of_application,
    opentelemetry,
    page,
    plugin,
    service,
)
from tests.unit.cli.importing.models import ANTHROPIC, MODELS, OPENAI, Shape

__all__ = ["SHAPES"]


def traced(name: str, config: Json) -> Shape:
    """The integration page's file with another opentelemetry."""
    file = kong_file([service()], [plugin("ai-proxy", OPENAI, service="openai-service"), SESSIONS, plugin("opentelemetry", config)])
    return Shape(name, file, [OPENAI], [config])


def routed(name: str, route: Json, *, count: int = 1, lossy: bool = False, **of_service: Any) -> Shape:
    """The integration page's file with another route, or service."""
    origin = service("openai-service", {"name": "chat", **route}, **of_service)
    return Shape(
        name, kong_file([origin], [plugin("ai-proxy", OPENAI, service="openai-service"), SESSIONS, FIDDLER]), [OPENAI] * count, lossy=lossy
    )


PAGE: Final = page()

NESTED: Final = kong_file(
    [
        service("a", {"name": "a", "paths": ["/a"], "plugins": [plugin("ai-proxy", OPENAI)]}, plugins=[FIDDLER, SESSIONS]),
        service("b", {"name": "b", "paths": ["/b"]}, plugins=[plugin("ai-proxy", ANTHROPIC), FIDDLER, SESSIONS]),
    ],
    [],
)
FLAT: Final = {
    "_format_version": "3.0",
    "services": [
        {"id": "0c8e6e0e-9c3f-4d9c-8b3e-0e9f7d6c5b4a", "name": "a", "host": "localhost", "port": 32000},
        {"name": "b", "host": "localhost"},
    ],
    "routes": [
        {"name": "ra", "service": {"id": "0c8e6e0e-9c3f-4d9c-8b3e-0e9f7d6c5b4a"}, "paths": ["/a"]},
        {"name": "rb", "service": {"name": "b"}, "paths": ["/b"]},
        {"name": "rc", "service": "b", "paths": ["/c"]},
        {"name": "rd", "paths": ["/d"]},
    ],
    "plugins": [
        plugin("ai-proxy", OPENAI, service={"id": "0c8e6e0e-9c3f-4d9c-8b3e-0e9f7d6c5b4a"}),
        plugin("ai-proxy", ANTHROPIC, route={"name": "rb"}),
        plugin("ai-proxy", OPENAI, route="rc"),
        plugin("ai-proxy", ANTHROPIC),
        SESSIONS,
        FIDDLER,
    ],
}
DUMP: Final = kong_file(
    [
        service(
            "openai-service",
            {
                "id": "1c8e6e0e-9c3f-4d9c-8b3e-0e9f7d6c5b4a",
                "name": "openai-chat-route",
                "paths": ["/openai"],
                "methods": None,
                "hosts": None,
                "headers": None,
                "https_redirect_status_code": 426,
                "path_handling": "v0",
                "preserve_host": False,
                "protocols": ["http", "https"],
                "regex_priority": 0,
                "request_buffering": True,
                "response_buffering": True,
                "strip_path": True,
                "snis": None,
                "sources": None,
                "tags": ["team-a"],
            },
            id="2c8e6e0e-9c3f-4d9c-8b3e-0e9f7d6c5b4a",
            connect_timeout=60000,
            read_timeout=60000,
            write_timeout=60000,
            retries=5,
            enabled=True,
            tags=["team-a"],
            ca_certificates=None,
            created_at=1700000000,
        )
    ],
    [
        plugin(
            "ai-proxy",
            ai_proxy(
                genai_category="text/generation",
                llm_format="openai",
                max_request_body_size=1048576,
                model_name_header=True,
                response_streaming="allow",
                auth={
                    "allow_override": False,
                    "aws_access_key_id": None,
                    "azure_use_managed_identity": False,
                    "gcp_use_service_account": False,
                    "header_name": "Authorization",
                    "header_value": f"Bearer {PROVIDER_KEY}",
                    "param_name": None,
                },
                options={"azure_api_version": "2023-05-15", "bedrock": None, "max_tokens": 256, "top_k": None, "temperature": None},
            ),
            enabled=True,
            protocols=["grpc", "grpcs", "http", "https"],
            service="openai-service",
            tags=["team-a"],
        ),
        plugin(
            "pre-function",
            SESSIONS["config"] | {"rewrite": [], "log": [], "body_filter": [], "certificate": [], "ws_handshake": []},
            enabled=True,
        ),
        plugin(
            "opentelemetry",
            opentelemetry(
                batch_flush_delay=None,
                connect_timeout=1000,
                header_type="preserve",
                logs_endpoint=None,
                metrics={"endpoint": None, "push_interval": 60, "enable_latency_metrics": False},
                propagation={"clear": None, "default_format": "w3c", "extract": None, "inject": None},
                queue={"concurrency_limit": 1, "max_batch_size": 200, "max_bytes": None, "initial_retry_delay": 0.01},
                read_timeout=5000,
                sampling_rate=None,
                sampling_strategy="parent_drop_probability_fallback",
                send_timeout=5000,
            ),
        ),
    ],
    _info={"select_tags": ["team-a"]},
    _transform=True,
)
CROWDED: Final = PAGE | {
    "_info": {"select_tags": ["llm"]},
    "_transform": False,
    "consumers": [{"username": "alice", "keyauth_credentials": [{"key": "canary-consumer-0123456789"}]}],
    "upstreams": [{"name": "models", "targets": [{"target": "10.0.0.1:80"}]}],
    "plugins": [
        *PAGE["plugins"],
        plugin("rate-limiting", {"minute": 5}, service="openai-service"),
        plugin("ai-proxy", ANTHROPIC, service="openai-service", consumer="alice"),
        plugin("cors"),
    ],
}
SHARED: Final = kong_file(
    [service()],
    [{"name": "ai-proxy", "_config": "chat", "service": "openai-service", "config": {"response_streaming": "deny"}}, SESSIONS, FIDDLER],
    _plugin_configs={"chat": OPENAI},
)
TWO: Final = kong_file(
    [
        service("a", plugins=[plugin("ai-proxy", OPENAI), FIDDLER]),
        service("b", plugins=[plugin("ai-proxy", ANTHROPIC), plugin("opentelemetry", of_application(OTHER_APPLICATION))]),
    ],
    [SESSIONS],
)
COLLECTOR: Final = opentelemetry(traces_endpoint="http://otel-collector.observability.svc:4318/v1/traces")

SHARED_MODELS: Final = {"targets": [OPENAI, ANTHROPIC], "balancer": {"algorithm": "priority", "retries": 5}}
SHAPES: Final = [
    Shape("the integration page's file", PAGE, [PAGE["plugins"][0]["config"]]),
    Shape("nested routes and plugins", NESTED, [OPENAI, ANTHROPIC]),
    Shape("flat routes, with services by name and id, and a global ai-proxy", FLAT, [OPENAI, ANTHROPIC, OPENAI, ANTHROPIC]),
    Shape("a dump of decK, with every default", DUMP, [DUMP["plugins"][0]["config"]], [DUMP["plugins"][2]["config"]]),
    Shape("consumers, upstreams and other plugins beside", CROWDED, [PAGE["plugins"][0]["config"]], lossy=True),
    Shape("decK's shared configs", SHARED, [OPENAI | {"response_streaming": "deny"}]),
    Shape("two applications", TWO, [OPENAI, ANTHROPIC], [opentelemetry(), of_application(OTHER_APPLICATION)]),
    Shape("no sessions", kong_file([service(plugins=[plugin("ai-proxy", OPENAI)])], [FIDDLER]), [OPENAI], headers=()),
    Shape(
        "another session header",
        kong_file(
            [service(plugins=[plugin("ai-proxy", OPENAI)])],
            [
                plugin(
                    "pre-function",
                    {p: [c.replace("X-Fiddler-Conversation-Id", "X-Chat") for c in t] for p, t in SESSIONS["config"].items()},
                ),
                FIDDLER,
            ],
        ),
        [OPENAI],
        headers=("X-Chat",),
    ),
    Shape(
        "a collector",
        kong_file([service(plugins=[plugin("ai-proxy", OPENAI)])], [SESSIONS, plugin("opentelemetry", COLLECTOR)]),
        [OPENAI],
        [COLLECTOR],
        arguments=("--fiddler-url", "https://acme.fiddler.ai"),
    ),
    *MODELS,
    routed("several paths and hosts", {"paths": ["/openai", "/v2/chat"], "hosts": ["llm.example.com", "LLM.example.org"]}, count=4),
    routed("timeouts", {"paths": ["/openai"]}, read_timeout=600000, connect_timeout=1500, retries=2),
    Shape(
        "timeouts and retries of a service with several models",
        kong_file(
            [service(retries=0, read_timeout=600000)],
            [plugin("ai-proxy-advanced", SHARED_MODELS, service="openai-service"), SESSIONS, FIDDLER],
        ),
        [SHARED_MODELS],
    ),
    routed("methods", {"paths": ["/openai"], "methods": ["POST"]}, lossy=True),
    routed("a regular expression", {"paths": ["~/v[0-9]+/chat$"]}, lossy=True),
    routed(
        "headers, SNIs and an unstripped path",
        {"paths": ["/openai"], "headers": {"x-team": ["a"]}, "snis": ["a.example"], "strip_path": False},
        lossy=True,
    ),
    routed("only https", {"paths": ["/openai"], "protocols": ["https"]}, lossy=True),
    routed("no path", {"hosts": ["llm.example.com"]}, lossy=True),
    traced(
        "a queue, timeouts and attributes",
        opentelemetry(
            queue={"max_batch_size": 50, "max_coalescing_delay": 3, "max_retry_time": 60},
            read_timeout=9000,
            resource_attributes={
                "service.name": "kong",
                "application.id": APPLICATION,
                "deployment.environment": "prod",
                "team/name": "a~b",
            },
        ),
    ),
    traced(
        "a sampling rate, and the trace of the client left aside",
        opentelemetry(sampling_rate=0.25, propagation={"default_format": "w3c", "extract": []}),
    ),
    traced(
        "other propagation",
        opentelemetry(propagation={"default_format": "b3", "extract": ["w3c", "b3"], "inject": ["preserve"]}, header_type="w3c"),
    ),
    traced(
        "the key's header in another case",
        opentelemetry(headers={"authorization": f"Bearer {FIDDLER_KEY}", "Fiddler-Application-Id": APPLICATION}),
    ),
]
