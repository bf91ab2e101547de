"""Schema of the configuration of `ai-proxy`, by version of Kong."""

from __future__ import annotations

from typing import Final

from .field_types import Schema, Version, array_of, boolean, number, record, string

__all__ = ["ai_proxy_schema", "call_fields", "model_fields"]

_SECRET: Final[Schema] = string(referenceable=True, encrypted=True)
_REFERENCE: Final[Schema] = string(referenceable=True)
_MORE_SINCE: Final[Version] = (3, 14)

_PROVIDERS: Final = [
    *("anthropic", "azure", "bedrock", "cerebras", "cohere", "dashscope", "gemini", "huggingface", "llama2", "mistral", "openai", "xai"),
]
_MORE_PROVIDERS: Final = ["databricks", "deepseek", "ollama", "vllm"]

_ROUTE_TYPES: Final = [
    *(f"llm/v1/{name}" for name in ("chat", "completions", "embeddings", "assistants", "batches", "files", "responses")),
    *(f"audio/v1/audio/{name}" for name in ("speech", "transcriptions", "translations")),
    "image/v1/images/generations",
    "image/v1/images/edits",
    "video/v1/videos/generations",
    "realtime/v1/realtime",
    "preserve",
]
_CATEGORIES: Final = ["audio/speech", "audio/transcription", "image/generation", "text/embeddings", "text/generation", "video/generation"]
_COHERE_INPUTS: Final = ["classification", "clustering", "image", "search_document", "search_query"]

_AUTH: Final = {
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
_MORE_AUTH: Final = {"gcp_metadata_url": _REFERENCE, "gcp_oauth_token_url": _REFERENCE}

_BEDROCK: Final = {
    **{f"aws_{name}": string() for name in ("region", "assume_role_arn", "role_session_name", "sts_endpoint_url")},
    "embeddings_normalize": boolean(default=False),
    "performance_config_latency": string(),
    "video_output_s3_uri": string(),
}
_MORE_BEDROCK: Final = {"batch_bucket_prefix": string(), "batch_role_arn": string()}

_OPTIONS: Final = {
    "max_tokens": number(kind="integer"),
    "temperature": number(between=(0, 5)),
    "top_p": number(between=(0, 1)),
    "top_k": number(between=(0, 500), kind="integer"),
    "input_cost": number(),
    "output_cost": number(),
    "upstream_url": string(format="url"),
    "upstream_path": string(),
    "anthropic_version": string(),
    "azure_instance": string(),
    "azure_deployment_id": string(),
    "azure_api_version": string(default="2023-05-15"),
    "llama2_format": string(one_of=["raw", "openai", "ollama"]),
    "mistral_format": string(one_of=["openai", "ollama"]),
    "embeddings_dimensions": number(kind="integer"),
    "gemini": record({n: string() for n in ("api_endpoint", "project_id", "location_id", "endpoint_id")}),
    "huggingface": record({"use_cache": boolean(), "wait_for_model": boolean()}),
    "cohere": record({"embedding_input_type": string(default="classification", one_of=_COHERE_INPUTS), "wait_for_model": boolean()}),
    "dashscope": record({"international": boolean(default=True)}),
}
_FACTORS: Final = {name: number(required=True) for name in ("input_factor", "output_factor")}
_MORE_OPTIONS: Final = {
    "cache_read_cost": number(),
    "cache_write_cost": number(),
    "cache_write_cost_list": array_of(record({"ttl": string(required=True), "cost": number(required=True)})),
    "context_window_factor": array_of(record({"above": string(required=True)} | _FACTORS)),
    "service_tier_factor": array_of(record({"tier": string(required=True), "factor": number(required=True)})),
    "databricks": record({"workspace_instance_id": string()}),
}


def _model(*, more: bool) -> Schema:
    options = _OPTIONS | {"bedrock": record(_BEDROCK | (_MORE_BEDROCK if more else {}))} | (_MORE_OPTIONS if more else {})
    provider = string(required=True, one_of=[*_PROVIDERS, *(_MORE_PROVIDERS if more else ())])
    alias = {"model_alias": string()} if more else {}
    return record({"provider": provider, "name": string(), "options": record(options)} | alias, required=True)


def model_fields(version: Version) -> dict[str, Schema]:
    """The fields about one model, of `ai-proxy` and of each target of `ai-proxy-advanced`."""
    more = version >= _MORE_SINCE
    logging = {name: boolean(default=False, required=True) for name in ("log_statistics", "log_payloads")}
    return {
        "route_type": string(required=True, one_of=_ROUTE_TYPES),
        "auth": record(_AUTH | (_MORE_AUTH if more else {})),
        "model": _model(more=more),
        "logging": record(logging, required=True),
    }


def call_fields(*more_categories: str) -> dict[str, Schema]:
    """The fields about every call, whichever model answers."""
    return {
        "llm_format": string(default="openai", one_of=["openai", "anthropic", "bedrock", "cohere", "gemini", "huggingface"]),
        "genai_category": string(default="text/generation", one_of=[*_CATEGORIES, *more_categories]),
        "response_streaming": string(default="allow", one_of=["allow", "always", "deny"]),
        "max_request_body_size": number(1048576, kind="integer"),
        "model_name_header": boolean(default=True),
    }


def ai_proxy_schema(version: Version) -> Schema:
    """The schema of `config`."""
    return record(model_fields(version) | call_fields(), required=True)
