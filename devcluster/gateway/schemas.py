"""Schemas of the plugins of this stand-in, in the form of Kong's `GET /schemas/plugins/<name>`.

KIC reads them to fill in defaults before it pushes, and this stand-in validates with them. Field names, types and defaults follow
Kong Gateway 3.13, 3.14 and 3.15; an older version is taken for 3.13, a newer one for 3.15. A few further plugins are known without a
check of their fields, so that a user's plugin can be attached to a route; the proxy does not run those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .ai_proxy_advanced_schema import ai_proxy_advanced_schema
from .ai_proxy_schema import ai_proxy_schema
from .field_types import Schema, Version, array_of, boolean, field, number, record, string

__all__ = ["config_schema", "is_known", "plugin_schema", "protocols_schema"]

_REFERENCED_URL: Final = string(referenceable=True, format="url")

_PHASES: Final = ("certificate", "rewrite", "access", "header_filter", "body_filter", "log")
_WEBSOCKET_PHASES: Final = ("ws_client_frame", "ws_close", "ws_handshake", "ws_upstream_frame")
_CODE: Final = array_of({"type": "string", "format": "lua"}, required=True, default=[])
_FUNCTION: Final = record(dict.fromkeys([*_PHASES, *_WEBSOCKET_PHASES], _CODE), required=True)

_QUEUE: Final = record(
    {
        "max_batch_size": number(200, (1, 1000000), "integer"),
        "max_coalescing_delay": number(1, (0, 3600)),
        "max_entries": number(10000, (1, 1000000), "integer"),
        "max_bytes": number(kind="integer"),
        "max_retry_time": number(60),
        "initial_retry_delay": number(0.01, (0.001, 1000000)),
        "max_retry_delay": number(60, (0.001, 1000000)),
        "concurrency_limit": number(1, kind="integer", one_of=[-1, 1]),
    },
    required=True,
    default={"max_batch_size": 200},
)

_FORMATS: Final = ["w3c", "b3", "b3-single", "jaeger", "ot", "aws", "datadog", "gcp", "instana"]
_EXTRACTED: Final = [name for name in _FORMATS if name != "b3-single"]
_MILLISECONDS: Final = (0, 2147483646)

_METRICS: Final = {
    "endpoint": _REFERENCED_URL,
    "push_interval": number(60),
    **{f"enable_{name}_metrics": boolean(default=False) for name in ("bandwidth", "latency", "request", "upstream_health")},
    "enable_consumer_attribute": boolean(default=False),
}
_ATTRIBUTES_BY_LUA: Final = field("map", keys={"type": "string"}, values={"type": "string", "format": "lua"})
_PROPAGATION: Final = record(
    {
        "extract": array_of({"type": "string", "one_of": _EXTRACTED}),
        "clear": array_of(),
        "inject": array_of({"type": "string", "one_of": ["preserve", *_FORMATS]}),
        "default_format": string(required=True, one_of=_FORMATS),
    },
    required=True,
    default={"default_format": "w3c"},
)


def _opentelemetry(version: Version) -> Schema:
    if version >= _ACCESS_LOGS_SINCE:
        access_logs = {"access_logs": record({"endpoint": _REFERENCED_URL, "custom_attributes_by_lua": _ATTRIBUTES_BY_LUA})}
        metrics = _METRICS | {"enable_ai_metrics": boolean(default=False)}
    else:
        access_logs, metrics = {"access_logs_endpoint": _REFERENCED_URL}, _METRICS
    return record(_OPENTELEMETRY | access_logs | {"metrics": record(metrics)}, required=True)


_ACCESS_LOGS_SINCE: Final[Version] = (3, 14)
_STRATEGIES: Final = ["parent_drop_probability_fallback", "parent_probability_fallback"]
_OPENTELEMETRY: Final = {
    "traces_endpoint": _REFERENCED_URL,
    "logs_endpoint": _REFERENCED_URL,
    "headers": field("map", keys={"type": "string", "format": "header_name"}, values={"type": "string", "referenceable": True}),
    "resource_attributes": field("map", keys={"type": "string", "required": True}, values={"type": "string", "required": True}),
    "queue": _QUEUE,
    "batch_span_count": number(kind="integer"),
    "batch_flush_delay": number(kind="integer"),
    "connect_timeout": number(1000, _MILLISECONDS, "integer"),
    "send_timeout": number(5000, _MILLISECONDS, "integer"),
    "read_timeout": number(5000, _MILLISECONDS, "integer"),
    "http_response_header_for_traceid": string(),
    "header_type": string(default="preserve", one_of=["preserve", "ignore", *_FORMATS]),
    "sampling_rate": number(between=(0, 1)),
    "sampling_strategy": string(default="parent_drop_probability_fallback", one_of=_STRATEGIES),
    "propagation": _PROPAGATION,
}

_UNCHECKED: Final = frozenset(
    [
        "acl",
        "ai-prompt-guard",
        "ai-sanitizer",
        "basic-auth",
        "correlation-id",
        "cors",
        "file-log",
        "http-log",
        "ip-restriction",
        "jwt",
        "key-auth",
        "prometheus",
        "proxy-cache",
        "rate-limiting",
        "rate-limiting-advanced",
        "request-size-limiting",
        "request-termination",
        "request-transformer",
        "response-transformer",
        "zipkin",
    ]
)
"""Plugins whose configuration is not checked and which the proxy does not run."""

_CHECKED: Final[dict[str, Callable[[Version], Schema]]] = {
    "ai-proxy": ai_proxy_schema,
    "ai-proxy-advanced": ai_proxy_advanced_schema,
    "pre-function": lambda _: _FUNCTION,
    "post-function": lambda _: _FUNCTION,
    "opentelemetry": _opentelemetry,
}
_HTTP: Final = ["grpc", "grpcs", "http", "https"]
_WEBSOCKET: Final = ["ws", "wss"]
_STREAM: Final = ["tcp", "tls", "tls_passthrough", "udp"]


def is_known(name: str) -> bool:
    """Whether this stand-in has a plugin of that name."""
    return name in _CHECKED or name in _UNCHECKED


def config_schema(name: str, version: Version) -> Schema | None:
    """The schema of `config` for a plugin that is validated field by field."""
    build = _CHECKED.get(name)
    return build(version) if build else None


def protocols_schema(name: str) -> Schema:
    """The schema of a plugin's `protocols`."""
    own = _HTTP + _WEBSOCKET if name.startswith("ai-") else _HTTP
    possible = own if name.startswith("ai-") else _HTTP + _STREAM + _WEBSOCKET
    return field("set", required=True, default=own, elements={"type": "string", "one_of": possible})


def plugin_schema(name: str, version: Version) -> Schema | None:
    """The schema of a plugin in the form of Kong's Admin API; None for an unknown plugin."""
    config = config_schema(name, version) or (record({}, required=True) if is_known(name) else None)
    fields = [{"protocols": protocols_schema(name)}, {"config": config}]
    return None if config is None else {"name": name, "fields": fields, "entity_checks": []}
