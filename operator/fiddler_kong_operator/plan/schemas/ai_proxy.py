"""The configuration of `ai-proxy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from .check import Schema
from .fields import BOOLEAN, HOST_PART, INTEGER, STRING, Field, choice, integer, list_of, number, record
from .rules import forbids, needs, together

__all__ = ["AI_PROXY", "CALL_FIELDS", "CATEGORIES", "MODEL_FIELDS"]

_NEW: Final = (3, 14)
_NEW_STRING: Final = replace(STRING, since=_NEW)
_ABOVE_ZERO: Final = number(above=0)
_NEW_COST: Final = replace(_ABOVE_ZERO, since=_NEW)

_PROVIDER: Final = choice(
    *("anthropic", "azure", "bedrock", "cerebras", "cohere", "dashscope", "gemini", "huggingface", "llama2", "mistral", "openai", "xai"),
    newer=dict.fromkeys(("databricks", "deepseek", "ollama", "vllm"), _NEW),
)
_ROUTE_TYPE: Final = choice(
    *(f"llm/v1/{call}" for call in ("assistants", "batches", "chat", "completions", "embeddings", "files", "responses")),
    *(f"audio/v1/audio/{call}" for call in ("speech", "transcriptions", "translations")),
    *("image/v1/images/edits", "image/v1/images/generations", "video/v1/videos/generations", "realtime/v1/realtime", "preserve"),
)
_NATIVE_FORMATS: Final = ("bedrock", "cohere", "gemini", "huggingface")
"""Formats of a client's calls that Kong passes on without translating them, so only to a provider that speaks them."""

_AUTH: Final = record(
    header_name=STRING,
    header_value=STRING,
    param_name=STRING,
    param_value=STRING,
    param_location=choice("query", "body"),
    allow_override=BOOLEAN,
    aws_access_key_id=STRING,
    aws_secret_access_key=STRING,
    azure_use_managed_identity=BOOLEAN,
    azure_client_id=STRING,
    azure_client_secret=STRING,
    azure_tenant_id=STRING,
    gcp_use_service_account=BOOLEAN,
    gcp_service_account_json=STRING,
    gcp_metadata_url=_NEW_STRING,
    gcp_oauth_token_url=_NEW_STRING,
)


def _priced(**fields: Field) -> Field:
    """A list of records, each of a condition and its price or factor; all fields are required."""
    return replace(list_of(record(**{name: replace(field, required=True) for name, field in fields.items()})), since=_NEW)


_OPTIONS: Final = record(
    max_tokens=INTEGER,
    temperature=number(0, 5),
    top_p=number(0, 1),
    top_k=integer(0, 500),
    input_cost=_ABOVE_ZERO,
    output_cost=_ABOVE_ZERO,
    cache_read_cost=_NEW_COST,
    cache_write_cost=_NEW_COST,
    cache_write_cost_list=_priced(ttl=STRING, cost=_ABOVE_ZERO),
    context_window_factor=_priced(above=STRING, input_factor=_ABOVE_ZERO, output_factor=_ABOVE_ZERO),
    service_tier_factor=_priced(tier=STRING, factor=_ABOVE_ZERO),
    embeddings_dimensions=integer(above=0),
    upstream_url=STRING,
    upstream_path=STRING,
    anthropic_version=STRING,
    azure_instance=HOST_PART,
    azure_deployment_id=STRING,
    azure_api_version=STRING,
    llama2_format=choice("raw", "openai", "ollama"),
    mistral_format=choice("openai", "ollama"),
    bedrock=record(
        aws_region=HOST_PART,
        aws_assume_role_arn=STRING,
        aws_role_session_name=STRING,
        aws_sts_endpoint_url=STRING,
        batch_bucket_prefix=_NEW_STRING,
        batch_role_arn=_NEW_STRING,
        embeddings_normalize=BOOLEAN,
        performance_config_latency=STRING,
        video_output_s3_uri=STRING,
    ),
    cohere=record(
        embedding_input_type=choice("classification", "clustering", "image", "search_document", "search_query"),
        wait_for_model=BOOLEAN,
    ),
    dashscope=record(international=BOOLEAN),
    databricks=replace(record(workspace_instance_id=HOST_PART), since=_NEW),
    gemini=record(api_endpoint=STRING, project_id=STRING, location_id=HOST_PART, endpoint_id=STRING),
    huggingface=record(use_cache=BOOLEAN, wait_for_model=BOOLEAN),
)

MODEL_FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "route_type": replace(_ROUTE_TYPE, required=True),
        "auth": _AUTH,
        "model": replace(
            record(provider=replace(_PROVIDER, required=True), name=STRING, model_alias=_NEW_STRING, options=_OPTIONS), required=True
        ),
        "logging": record(log_statistics=BOOLEAN, log_payloads=BOOLEAN),
    }
)
"""Fields about one model."""

CALL_FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "llm_format": choice("openai", "anthropic", *_NATIVE_FORMATS),
        "response_streaming": choice("allow", "always", "deny"),
        "max_request_body_size": integer(0),
        "model_name_header": BOOLEAN,
    }
)
"""Fields about every call, whichever model answers."""

CATEGORIES: Final = ("text/generation", "text/embeddings", "audio/speech", "audio/transcription", "image/generation", "video/generation")

AI_PROXY: Final = Schema(
    record(**MODEL_FIELDS, **CALL_FIELDS, genai_category=choice(*CATEGORIES)),
    rules=(
        together("/auth/header_name", "/auth/header_value"),
        together("/auth/param_name", "/auth/param_value", "/auth/param_location"),
        together(*(f"/model/options/gemini/{name}" for name in ("api_endpoint", "project_id", "location_id"))),
        needs("/model/provider", "anthropic", "/model/options/anthropic_version"),
        needs("/model/provider", "azure", "/model/options/azure_instance"),
        needs("/model/provider", "azure", "/model/options/azure_deployment_id"),
        needs("/model/provider", "llama2", "/model/options/llama2_format"),
        needs("/model/provider", "llama2", "/model/options/upstream_url"),
        needs("/model/provider", "mistral", "/model/options/mistral_format"),
        forbids("/model/provider", ("bedrock", "gemini"), "/auth/allow_override", refused=True),
        # Kong counts no tokens of such calls and refuses `log_statistics`, without which Fiddler shows nothing.
        forbids("/model/provider", ("anthropic",), "/route_type", "llm/v1/completions"),
        *(forbids("/model/provider", {str(name) for name in _PROVIDER.choices} - {name}, "/llm_format", name) for name in _NATIVE_FORMATS),
    ),
)
