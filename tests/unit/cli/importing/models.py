"""Shapes of real Kong files that differ in their models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from tests.unit.cli.importing.kong_files import (
    APPLICATION,
    FIDDLER,
    OTHER_APPLICATION,
    PROVIDER_KEY,
    SESSIONS,
    Json,
    ai_proxy,
    kong_file,
    opentelemetry,
    plugin,
    service,
)

__all__ = ["ANTHROPIC", "MODELS", "OPENAI", "Shape"]

OPENAI: Final = ai_proxy()
ANTHROPIC: Final = ai_proxy(
    "anthropic",
    "claude-sonnet-4-5",
    options={"anthropic_version": "2023-06-01", "max_tokens": 1024},
    auth={"header_name": "x-api-key", "header_value": PROVIDER_KEY},
)
ACCOUNT: Final = f'{{"type": "service_account", "client_email": "a@b.example", "private_key": "{PROVIDER_KEY}"}}'


@dataclass(frozen=True)
class Shape:
    """A file and the plugins that run in it for LLM calls: one `ai` for each path, `traces` for each destination."""

    name: str
    file: Json
    ai: list[Json]
    traces: list[Json] = field(default_factory=lambda: [opentelemetry()])
    headers: tuple[str, ...] = ("X-Fiddler-Conversation-Id",)
    arguments: tuple[str, ...] = ()
    lossy: bool = False


def one(name: str, config: Json, *, advanced: bool = False, lossy: bool = False) -> Shape:
    """The integration page's file with another model."""
    kind = "ai-proxy-advanced" if advanced else "ai-proxy"
    file = kong_file([service("llm-service")], [plugin(kind, config, service="llm-service"), SESSIONS, FIDDLER])
    return Shape(name, file, [config], lossy=lossy)


def target(config: Json, **more: Any) -> Json:
    return {**config, **more}


def advanced(*targets: Json, **more: Any) -> Json:
    return {"targets": list(targets), **more}


MODELS: Final = [
    one("anthropic", ANTHROPIC),
    one("a header of its own, without prefix", ai_proxy(auth={"header_name": "X-Key", "header_value": PROVIDER_KEY})),
    one("a key in the query", ai_proxy(auth={"param_name": "key", "param_value": PROVIDER_KEY, "param_location": "query"})),
    one("a key in the body", ai_proxy(auth={"param_name": "key", "param_value": PROVIDER_KEY, "param_location": "body"})),
    one("clients may send keys of their own", ai_proxy(auth=OPENAI["auth"] | {"allow_override": True})),
    one(
        "azure with a key",
        ai_proxy(
            "azure",
            "gpt-4o",
            options={"azure_instance": "acme", "azure_deployment_id": "gpt-4o", "azure_api_version": "2024-10-21"},
            auth={"header_name": "api-key", "header_value": PROVIDER_KEY},
        ),
    ),
    one(
        "azure with an application of Entra",
        ai_proxy(
            "azure",
            "gpt-4o",
            options={"azure_instance": "acme", "azure_deployment_id": "gpt-4o"},
            auth={
                "azure_use_managed_identity": True,
                "azure_client_id": APPLICATION,
                "azure_client_secret": PROVIDER_KEY,
                "azure_tenant_id": OTHER_APPLICATION,
            },
        ),
    ),
    one(
        "bedrock with an access key and a role",
        ai_proxy(
            "bedrock",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            options={
                "bedrock": {
                    "aws_region": "us-east-1",
                    "aws_assume_role_arn": "arn:aws:iam::123456789012:role/llm",
                    "aws_role_session_name": "kong",
                }
            },
            auth={"aws_access_key_id": "AKIA-canary-0123456789", "aws_secret_access_key": PROVIDER_KEY},
        ),
    ),
    one(
        "bedrock with the pod's identity",
        ai_proxy("bedrock", "amazon.nova-pro-v1:0", options={"bedrock": {"aws_region": "eu-west-1"}}, auth={}),
    ),
    one(
        "bedrock with batches",
        ai_proxy(
            "bedrock",
            "amazon.nova-pro-v1:0",
            options={
                "bedrock": {
                    "aws_region": "eu-west-1",
                    "batch_bucket_prefix": "s3://batches/",
                    "batch_role_arn": "arn:aws:iam::123456789012:role/b",
                }
            },
            auth={},
            route_type="llm/v1/batches",
            llm_format="bedrock",
        ),
    ),
    one(
        "gemini of AI Studio",
        ai_proxy("gemini", "gemini-2.5-flash", auth={"param_name": "key", "param_value": PROVIDER_KEY, "param_location": "query"}),
    ),
    one(
        "gemini of Vertex AI",
        ai_proxy(
            "gemini",
            "gemini-2.5-pro",
            options={
                "gemini": {"api_endpoint": "us-central1-aiplatform.googleapis.com", "project_id": "acme", "location_id": "us-central1"}
            },
            auth={"gcp_use_service_account": True, "gcp_service_account_json": ACCOUNT},
        ),
    ),
    one(
        "a model of one's own",
        ai_proxy("llama2", "llama3", options={"llama2_format": "ollama", "upstream_url": "http://ollama.ai.svc:11434/api/chat"}, auth={}),
    ),
    one(
        "mistral",
        ai_proxy(
            "mistral",
            "mistral-large-latest",
            options={"mistral_format": "openai", "upstream_url": "https://api.mistral.ai/v1/chat/completions"},
        ),
    ),
    one(
        "cohere",
        ai_proxy(
            "cohere",
            "embed-v4.0",
            options={"cohere": {"embedding_input_type": "search_query"}},
            route_type="llm/v1/embeddings",
            genai_category="text/embeddings",
        ),
    ),
    one("dashscope", ai_proxy("dashscope", "qwen-plus", options={"dashscope": {"international": False}})),
    one("databricks", ai_proxy("databricks", "llama-4", options={"databricks": {"workspace_instance_id": "dbc-1"}})),
    one(
        "huggingface",
        ai_proxy("huggingface", "HuggingFaceH4/zephyr-7b-beta", options={"huggingface": {"use_cache": False, "wait_for_model": True}}),
    ),
    one("a native format", ANTHROPIC | {"llm_format": "anthropic"}),
    one(
        "options without a field",
        ai_proxy(options={"input_cost": 2.5, "cache_read_cost": 0.5}, max_request_body_size=4096, model_name_header=False),
    ),
    one(
        "several models by weight",
        advanced(target(OPENAI, weight=75), target(ANTHROPIC, weight=25), balancer={"algorithm": "round-robin", "retries": 3}),
        advanced=True,
    ),
    one(
        "several models with failover",
        advanced(
            target(OPENAI),
            target(ai_proxy("openai", "gpt-4o", options={"cache_read_cost": 1})),
            balancer={
                "algorithm": "priority",
                "failover_criteria": ["error", "timeout", "http_429", "non_idempotent"],
                "max_fails": 3,
                "fail_timeout": 20000,
                "read_timeout": 600000,
            },
            response_streaming="allow",
        ),
        advanced=True,
    ),
    one(
        "several models by a hash",
        advanced(
            target(OPENAI),
            target(ANTHROPIC),
            balancer={"algorithm": "consistent-hashing", "hash_on_header": "X-User", "latency_strategy": "tpot"},
        ),
        advanced=True,
    ),
]
