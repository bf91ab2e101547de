"""The URL of a self-hosted or proxied model. Kong calls it exactly as it is: it adds no path and no port."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import StringConstraints

from .rules import Rule, form, unlike

__all__ = ["OPERATIONS", "UpstreamUrl", "operation_rule", "operations_rule", "path_of"]

OPERATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "llm/v1/chat": "/chat/completions",
        "llm/v1/completions": "/completions",
        "llm/v1/embeddings": "/embeddings",
        "llm/v1/responses": "/responses",
        "llm/v1/assistants": "/assistants",
        "llm/v1/batches": "/batches",
        "llm/v1/files": "/files",
        "audio/v1/audio/speech": "/audio/speech",
        "audio/v1/audio/transcriptions": "/audio/transcriptions",
        "audio/v1/audio/translations": "/audio/translations",
        "image/v1/images/generations": "/images/generations",
        "image/v1/images/edits": "/images/edits",
        "video/v1/videos/generations": "/videos",
        "realtime/v1/realtime": "/realtime",
    }
)
"""The end of the URL's path by route type, as OpenAI and those who speak its language have it."""

_EXAMPLE: Final = "https://llm.example.com/v1/chat/completions"

UpstreamUrl = Annotated[
    str,
    StringConstraints(min_length=8, max_length=512),
    form(
        r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[A-Za-z0-9._~:/@%+-]*)?(\?[A-Za-z0-9._~:/@%&=+-]+)?",
        f"must be http:// or https://, a DNS name or IPv4 address, and the path of the operation, such as {_EXAMPLE}",
    ),
    unlike(
        r"https?://[^/?]+(/|(/[^?]*)?/v[0-9][a-z0-9]*|/[^?]*/)?(\?.*)?",
        f"must be the full URL of the operation, such as {_EXAMPLE}, not a base URL: Kong calls exactly this URL",
    ),
    unlike(r"http://[^:/?]+([/?].*)?", "must name the port where it is http, such as http://ollama.ai.svc:11434: Kong would call port 443"),
    unlike(
        r".*[?&](?i:key|api[-_]?key|token|access[-_]token|subscription-key)=.*",
        "must hold no key in its query, which is no place for one: put the key into a Secret and name that in llm.auth",
    ),
]
"""A URL that Kong can call for a model, and that holds nothing Kong would evaluate as a template."""


def path_of(url: str) -> str:
    """The URL without its query."""
    return url.partition("?")[0]


def _fits(url: str | None, route_type: str) -> bool:
    return url is None or all(OPERATIONS[route_type].endswith(o) for o in OPERATIONS.values() if path_of(url).endswith(o))


def _cel(model: str) -> str:
    """The rule in CEL for one model, a variable's name."""
    operations = ", ".join(f"'{route_type}': '{operation}'" for route_type, operation in OPERATIONS.items())
    url = f"{model}.options.upstreamUrl"
    return (
        f"!has({model}.options) || !has({url}) || {list(OPERATIONS.values())}.all(o, "
        f"!{url}.split('?')[0].endsWith(o) || {{{operations}}}[self.routeType].endsWith(o))"
    )


_OF_THE_OPERATION: Final = f"of the operation that routeType names, such as {OPERATIONS['llm/v1/chat']} for llm/v1/chat"


def operation_rule() -> Rule:
    """The rule that the URL of a model is not that of another operation than `routeType` says. Other ends are free."""
    return Rule(
        cel=_cel("self"),
        message=f"must be the URL {_OF_THE_OPERATION}",
        holds=lambda llm: _fits(llm.options.upstream_url, llm.route_type),
        field="options.upstreamUrl",
    )


def operations_rule() -> Rule:
    """The same rule for the URLs of several models."""
    return Rule(
        cel=f"!has(self.targets) || self.targets.all(t, {_cel('t')})",
        message=f"must have no options.upstreamUrl but that {_OF_THE_OPERATION}",
        holds=lambda llm: all(_fits(target.options.upstream_url, llm.route_type) for target in llm.targets or ()),
        field="targets",
    )
