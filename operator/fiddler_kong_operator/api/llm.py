"""The model behind a route: its provider, its options and how the gateway identifies itself."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .auth import LlmAuth
from .provider_options import (
    AnthropicOptions,
    AzureOptions,
    BedrockOptions,
    CohereOptions,
    DashscopeOptions,
    DatabricksOptions,
    GeminiOptions,
    HuggingfaceOptions,
    Llama2Options,
    MistralOptions,
    provider_rules,
)
from .rules import Rule
from .types import ApiModel, ModelName
from .upstreams import UpstreamUrl, operation_rule

__all__ = ["Llm", "LlmAuth", "LlmOptions"]


class LlmOptions(ApiModel):
    """Options of the model. Kong applies them to every request of the route."""

    max_tokens: int | None = Field(default=None, ge=1, le=10_000_000)
    """Largest number of tokens in an answer."""

    temperature: float | None = Field(default=None, ge=0, le=5)
    """Sampling temperature."""

    top_p: float | None = Field(default=None, ge=0, le=1)
    """Nucleus sampling: probability mass considered."""

    top_k: int | None = Field(default=None, ge=0, le=500)
    """Number of most likely tokens considered."""

    input_cost: float | None = Field(default=None, ge=0.000001, le=1_000_000)
    """Cost of a million input tokens, for Kong's own statistics."""

    output_cost: float | None = Field(default=None, ge=0.000001, le=1_000_000)
    """Cost of a million output tokens, for Kong's own statistics."""

    embeddings_dimensions: int | None = Field(default=None, ge=1, le=1_000_000)
    """Length of an embedding, where the model lets the caller choose."""

    upstream_url: UpstreamUrl | None = None
    """Call this URL instead of the provider's own, for a self-hosted or proxied model. Kong calls exactly this URL: give the full URL of
    the operation, for example `https://llm.example.com/v1/chat/completions`, not the base URL that OpenAI's clients take. With `http`,
    name the port, because Kong would call 443. A query such as `?api-version=2024-10-21` may follow."""


class Llm(ApiModel):
    """The model behind a route; becomes an `ai-proxy` plugin."""

    RULES: ClassVar[tuple[Rule, ...]] = (operation_rule(), *provider_rules())

    provider: Literal[
        "anthropic",
        "azure",
        "bedrock",
        "cerebras",
        "cohere",
        "dashscope",
        "databricks",
        "deepseek",
        "gemini",
        "huggingface",
        "llama2",
        "mistral",
        "ollama",
        "openai",
        "vllm",
        "xai",
    ]
    """Provider of the model. `databricks`, `deepseek`, `ollama` and `vllm` need Kong 3.14."""

    model: ModelName
    """Name of the model, as the provider calls it, for example `gpt-4o-mini`."""

    route_type: Literal[
        "llm/v1/chat",
        "llm/v1/completions",
        "llm/v1/embeddings",
        "llm/v1/responses",
        "llm/v1/assistants",
        "llm/v1/batches",
        "llm/v1/files",
        "audio/v1/audio/speech",
        "audio/v1/audio/transcriptions",
        "audio/v1/audio/translations",
        "image/v1/images/generations",
        "image/v1/images/edits",
        "video/v1/videos/generations",
        "realtime/v1/realtime",
    ] = "llm/v1/chat"
    """Kind of LLM call the route carries. Not every provider has every kind: docs/reference/providers.md."""

    format: Literal["openai", "anthropic", "bedrock", "cohere", "gemini", "huggingface"] = "openai"
    """Form of the clients' calls: `openai`, which Kong translates for each provider, or the provider's own."""

    options: LlmOptions = LlmOptions()
    """Options of the model."""

    auth: LlmAuth | None = None
    """How the gateway identifies itself to the provider. Leave it out only for a server of your own (`options.upstreamUrl`) that wants no
    key."""

    anthropic: AnthropicOptions | None = None
    """Options of `anthropic`."""

    azure: AzureOptions | None = None
    """Options of `azure`, which needs them."""

    bedrock: BedrockOptions | None = None
    """Options of `bedrock`, which needs them."""

    cohere: CohereOptions | None = None
    """Options of `cohere`."""

    dashscope: DashscopeOptions | None = None
    """Options of `dashscope`."""

    databricks: DatabricksOptions | None = None
    """Options of `databricks`, which needs them."""

    gemini: GeminiOptions | None = None
    """Options of `gemini` on Vertex AI. Leave them out for Google AI Studio."""

    huggingface: HuggingfaceOptions | None = None
    """Options of `huggingface`."""

    llama2: Llama2Options | None = None
    """Options of `llama2`, which needs them."""

    mistral: MistralOptions | None = None
    """Options of `mistral`."""
