"""Schemas of the entities and plugins of this stand-in, in the form of Kong's `GET /schemas/plugins/<name>`.

KIC reads them to fill in defaults before it pushes, and this stand-in validates with them. Field names, types and defaults follow
Kong Gateway 3.13 as far as Fiddler's integration page needs them. A few further plugins are known without a check of their fields
(`PERMISSIVE`), so that a user's plugin can be attached to a route; the proxy does not run those.
"""

from __future__ import annotations

from typing import Final

from .field_types import Schema, array_of, boolean, field, number, record, string

__all__ = ["PERMISSIVE", "PLUGIN_SCHEMAS", "Schema", "plugin_schema"]

_SECRET: Final[Schema] = string(referenceable=True, encrypted=True)
_REFERENCE: Final[Schema] = string(referenceable=True)

_AUTH: Final = record(
    {
        "header_name": _REFERENCE,
        "header_value": _SECRET,
        "param_name": _REFERENCE,
        "param_value": _SECRET,
        "param_location": string(one_of=["query", "body"]),
        "allow_override": boolean(default=False),
        "aws_access_key_id": _SECRET,
        "aws_secret_access_key": _SECRET,
        "azure_use_managed_identity": boolean(default=False),
        "azure_client_id": _REFERENCE,
        "azure_client_secret": _SECRET,
        "azure_tenant_id": _REFERENCE,
        "gcp_use_service_account": boolean(default=False),
        "gcp_service_account_json": _SECRET,
    }
)

_OPTIONS: Final = record(
    {
        "max_tokens": number(kind="integer"),
        "temperature": number(between=(0, 5)),
        "top_p": number(between=(0, 1)),
        "top_k": number(between=(0, 500), kind="integer"),
        "input_cost": number(),
        "output_cost": number(),
        "upstream_url": string(),
        "upstream_path": string(),
        "anthropic_version": string(),
        "azure_instance": string(),
        "azure_deployment_id": string(),
        "azure_api_version": string(default="2023-05-15"),
        "llama2_format": string(one_of=["raw", "openai", "ollama"]),
        "mistral_format": string(one_of=["openai", "ollama"]),
        "embeddings_dimensions": number(kind="integer"),
        "bedrock": record({n: string() for n in ("aws_region", "aws_assume_role_arn", "aws_role_session_name")}),
        "gemini": record({n: string() for n in ("api_endpoint", "project_id", "location_id", "endpoint_id")}),
        "huggingface": record({"use_cache": boolean(), "wait_for_model": boolean()}),
        "cohere": record({"embedding_input_type": string(), "wait_for_model": boolean()}),
        "dashscope": record({"international": boolean(default=True)}),
    }
)

_PROVIDERS: Final = [
    "anthropic",
    "azure",
    "bedrock",
    "cerebras",
    "cohere",
    "dashscope",
    "gemini",
    "huggingface",
    "llama2",
    "mistral",
    "openai",
    "xai",
]
_ROUTE_TYPES: Final = [
    *(f"llm/v1/{name}" for name in ("chat", "completions", "embeddings", "assistants", "batches", "files", "responses")),
    *(f"audio/v1/audio/{name}" for name in ("speech", "transcriptions", "translations")),
    "image/v1/images/generations",
    "image/v1/images/edits",
    "video/v1/videos/generations",
    "realtime/v1/realtime",
    "preserve",
]

_AI_PROXY: Final = record(
    {
        "route_type": string(required=True, one_of=_ROUTE_TYPES),
        "auth": _AUTH,
        "model": record(
            {"provider": string(required=True, one_of=_PROVIDERS), "name": string(), "options": _OPTIONS},
            required=True,
        ),
        "logging": record(
            {"log_statistics": boolean(default=False, required=True), "log_payloads": boolean(default=False, required=True)},
            required=True,
        ),
        "llm_format": string(default="openai", one_of=["openai", "anthropic", "bedrock", "cohere", "gemini", "huggingface"]),
        "genai_category": string(default="text/generation"),
        "response_streaming": string(default="allow", one_of=["allow", "always", "deny"]),
        "max_request_body_size": number(1048576, kind="integer"),
        "model_name_header": boolean(default=True),
    },
    required=True,
)

_PHASES: Final = ("certificate", "rewrite", "access", "header_filter", "body_filter", "log")
_FUNCTION: Final = record({phase: array_of(required=True, default=[]) for phase in _PHASES}, required=True)

_QUEUE: Final = record(
    {
        "max_batch_size": number(200, (1, 1000000), "integer"),
        "max_coalescing_delay": number(1, (0, 3600)),
        "max_entries": number(10000, (1, 1000000), "integer"),
        "max_bytes": number(kind="integer"),
        "max_retry_time": number(60),
        "initial_retry_delay": number(0.01, (0.001, 1000000)),
        "max_retry_delay": number(60, (0.001, 1000000)),
        "concurrency_limit": number(1, kind="integer"),
    },
    required=True,
)

_FORMATS: Final = ["w3c", "b3", "b3-single", "jaeger", "ot", "aws", "datadog", "gcp", "instana"]
_FORMAT_LIST: Final = field("array", elements={"type": "string", "one_of": _FORMATS})
_MILLISECONDS: Final = (0, 2147483646)

_OPENTELEMETRY: Final = record(
    {
        "traces_endpoint": _REFERENCE,
        "logs_endpoint": _REFERENCE,
        "access_logs_endpoint": _REFERENCE,
        "headers": field("map", keys={"type": "string"}, values={"type": "string", "referenceable": True}),
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
        "sampling_strategy": string(
            default="parent_drop_probability_fallback",
            one_of=["parent_drop_probability_fallback", "parent_probability_fallback"],
        ),
        "propagation": record(
            {
                "extract": _FORMAT_LIST,
                "clear": array_of(),
                "inject": field("array", elements={"type": "string", "one_of": ["preserve", *_FORMATS]}),
                "default_format": string(required=True, one_of=_FORMATS),
            },
            required=True,
            default={"default_format": "w3c"},
        ),
    },
    required=True,
)

PERMISSIVE: Final = frozenset(
    [
        "acl",
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

_CONFIGS: Final = {"ai-proxy": _AI_PROXY, "pre-function": _FUNCTION, "post-function": _FUNCTION, "opentelemetry": _OPENTELEMETRY}
_PROTOCOLS: Final[Schema] = field(
    "set",
    required=True,
    default=["grpc", "grpcs", "http", "https"],
    elements={"type": "string", "one_of": ["grpc", "grpcs", "http", "https"]},
)


def plugin_schema(name: str) -> Schema | None:
    """The schema of a plugin in the form of Kong's Admin API; None for an unknown plugin."""
    config = _CONFIGS.get(name) or (record({}, required=True) if name in PERMISSIVE else None)
    return None if config is None else {"name": name, "fields": [{"protocols": _PROTOCOLS}, {"config": config}], "entity_checks": []}


PLUGIN_SCHEMAS: Final = dict(_CONFIGS)
"""Schema of `config` for each plugin that is validated field by field."""
