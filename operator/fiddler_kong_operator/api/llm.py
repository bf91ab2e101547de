"""The model behind a route, or several: provider, options and how the gateway identifies itself; how calls are shared among several."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field

from .auth import LlmAuth
from .balancer import Balancer
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
from .rules import Rule, at_least
from .types import ApiModel, ModelName
from .upstreams import UpstreamUrl, operation_rule, operations_rule

__all__ = ["Llm", "LlmAuth", "LlmOptions", "Model", "Target"]

Provider = Literal[
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
"""A provider, as Kong calls it."""

RouteType = Literal[
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
]
"""A kind of LLM call."""

Format = Literal["openai", "anthropic", "bedrock", "cohere", "gemini", "huggingface"]
"""A form of calls."""

Cost = Annotated[float, Field(ge=0.000001, le=1_000_000), at_least(0.000001)]
"""A price above 0."""


class LlmOptions(ApiModel):
    """Options of the model. Kong applies them to every request of the route."""

    max_tokens: int | None = Field(default=None, ge=1, le=10_000_000)
    """Largest number of tokens in an answer. If left out, the call's own value, or the provider's default."""

    temperature: float | None = Field(default=None, ge=0, le=5)
    """Sampling temperature, from 0 to 5. If left out, the call's own value, or the provider's default."""

    top_p: float | None = Field(default=None, ge=0, le=1)
    """Nucleus sampling: share of the probability mass that is considered, from 0 to 1. If left out, the call's own value, or the
    provider's default."""

    top_k: int | None = Field(default=None, ge=0, le=500)
    """Number of most likely tokens that are considered. If left out, the call's own value, or the provider's default."""

    input_cost: Cost | None = None
    """Cost of a million input tokens, for Kong's own statistics. If left out, Kong computes no cost."""

    output_cost: Cost | None = None
    """Cost of a million output tokens, for Kong's own statistics. If left out, Kong computes no cost."""

    embeddings_dimensions: int | None = Field(default=None, ge=1, le=1_000_000)
    """Number of dimensions of an embedding, for a model that lets the caller choose. If left out, the model's default."""

    upstream_url: UpstreamUrl | None = None
    """URL to call instead of the provider's own, for a self-hosted or proxied model; `llama2`, `ollama` and `vllm` need it. Kong calls
    exactly this URL: give the full URL of the operation, for example `https://llm.example.com/v1/chat/completions`, not the base URL that
    OpenAI's clients take. With `http`, name the port: without one, Kong calls 443. A query such as `?api-version=2024-10-21` may follow."""


class _ModelFields(ApiModel):
    """The fields of one model."""

    provider: Provider | None = None
    """Provider of the model, as Kong calls it. `databricks`, `deepseek`, `ollama` and `vllm` need Kong 3.14 or later."""

    model: ModelName | None = None
    """Name of the model, as the provider calls it, for example `gpt-4o-mini`."""

    options: LlmOptions = Field(default_factory=LlmOptions)
    """Options of the model. Kong puts them into every call of the route."""

    auth: LlmAuth | None = None
    """How the gateway identifies itself to the provider: by one of `secretRef`, `aws`, `azure` and `gcp`. Leave it out only for a server of
    your own (`options.upstreamUrl`) that wants no key."""

    anthropic: AnthropicOptions | None = None
    """Options of the provider `anthropic`."""

    azure: AzureOptions | None = None
    """Options of the provider `azure` (Azure OpenAI), which needs them."""

    bedrock: BedrockOptions | None = None
    """Options of the provider `bedrock` (Amazon Bedrock), which needs them."""

    cohere: CohereOptions | None = None
    """Options of the provider `cohere`."""

    dashscope: DashscopeOptions | None = None
    """Options of the provider `dashscope` (Alibaba Cloud Model Studio)."""

    databricks: DatabricksOptions | None = None
    """Options of the provider `databricks`, which needs them."""

    gemini: GeminiOptions | None = None
    """Options of the provider `gemini` on Vertex AI. If left out, Kong calls Google AI Studio."""

    huggingface: HuggingfaceOptions | None = None
    """Options of the provider `huggingface`."""

    llama2: Llama2Options | None = None
    """Options of the provider `llama2` (a server of your own), which needs them."""

    mistral: MistralOptions | None = None
    """Options of the provider `mistral`."""


_OF_ONE_MODEL = tuple(_ModelFields.model_fields)
"""Fields that say which model is called, by their names in the API and in Python."""


class Model(_ModelFields):
    """One model as its route calls it: no type of the API, but the form in which the operator reads `Llm`."""

    provider: Provider
    model: ModelName
    route_type: RouteType
    format: Format


class Target(_ModelFields):
    """One of several models that share the calls of a route."""

    RULES: ClassVar[tuple[Rule, ...]] = provider_rules()

    provider: Provider
    """Provider of the model, as Kong calls it. `databricks`, `deepseek`, `ollama` and `vllm` need Kong 3.14 or later."""

    model: ModelName
    """Name of the model, as the provider calls it, for example `gpt-4o-mini`."""

    weight: int | None = Field(default=None, ge=1, le=65535)
    """Share of the calls in proportion to the weights of the other targets. Kong's default is 100. With the algorithm `priority`, targets
    of the same weight form a group, and Kong tries the group with the highest weight first."""


def _given_without_targets(name: str) -> Rule:
    return Rule(
        cel=f"has(self.{name}) || has(self.targets)",
        message="must be given where targets is not",
        holds=lambda llm: getattr(llm, name) is not None or bool(llm.targets),
        field=name,
        missing=True,
    )


class Llm(_ModelFields):
    """The model behind a route, which becomes an `ai-proxy` plugin; or several (`targets`), which become an `ai-proxy-advanced`."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        _given_without_targets("provider"),
        _given_without_targets("model"),
        Rule(
            cel=f"!has(self.targets) || !({' || '.join(f'has(self.{name})' for name in _OF_ONE_MODEL)})",
            message="must not be given beside provider, model, options, auth or a provider's own options: each target has its own",
            holds=lambda llm: not llm.targets or llm.model_fields_set.isdisjoint(_OF_ONE_MODEL),
            field="targets",
        ),
        Rule(
            cel="!has(self.balancer) || has(self.targets)",
            message="must be given only beside targets: it shares calls among them",
            holds=lambda llm: llm.balancer is None or bool(llm.targets),
            field="balancer",
        ),
        operation_rule(),
        operations_rule(),
        *provider_rules(),
    )

    route_type: RouteType = "llm/v1/chat"
    """Kind of LLM call that clients make on the route. Not every provider has every kind: docs/reference/providers.md lists them."""

    format: Format = "openai"
    """Format in which clients call the route: `openai`, which Kong translates for each provider, or the provider's own."""

    targets: tuple[Target, ...] | None = Field(default=None, min_length=1, max_length=8)
    """Several models in place of one. Kong chooses one for each call, and another if that fails. They become the plugin
    `ai-proxy-advanced`, which needs Kong's AI licence. The trace of a call shows the model that answered. Give either this, or `provider`
    and `model`."""

    balancer: Balancer | None = None
    """How Kong shares calls among `targets`, and when it tries another one."""

    @property
    def models(self) -> tuple[Model, ...]:
        """The models in their order: the targets, or the one that this is."""
        if not self.targets:
            return (cast("Model", self),)  # its rules demand what a Model has beyond it: `provider` and `model`
        called: dict[str, Any] = {"route_type": self.route_type, "format": self.format}
        return tuple(Model.model_construct(**{n: getattr(m, n) for n in _OF_ONE_MODEL}, **called) for m in self.targets)
