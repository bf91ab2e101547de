"""The blocks of options that only go with one provider, and the rules that tie each to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import StringConstraints

from .auth import Identifier
from .rules import Rule, form
from .types import ApiModel

__all__ = [
    "AnthropicOptions",
    "AzureOptions",
    "BedrockOptions",
    "CohereOptions",
    "DashscopeOptions",
    "DatabricksOptions",
    "GeminiOptions",
    "HuggingfaceOptions",
    "Llama2Options",
    "MistralOptions",
    "provider_rules",
]

_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"

HostLabel = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63),
    form(_LABEL, "must be letters, digits and '-', and begin and end with a letter or digit: it becomes part of a host name"),
]
"""A part of a host name between two dots."""

GoogleHost = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253),
    form(
        rf"({_LABEL}\.)+googleapis\.com",
        "must be a host name below googleapis.com, such as us-central1-aiplatform.googleapis.com, without scheme and path: the gateway "
        "shows an identity there",
    ),
]
"""A host of Google's APIs."""

Word = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    form("[A-Za-z0-9][A-Za-z0-9._-]*", "must be letters, digits and . _ -, beginning with a letter or digit"),
]
"""A name, a version or a date as providers write them; part of a URL's path or query."""

S3Uri = Annotated[
    str,
    StringConstraints(min_length=6, max_length=1024),
    form("s3://[A-Za-z0-9][A-Za-z0-9._/-]*", "must be the URI of a bucket or folder, such as s3://videos/out"),
]
"""A place in Amazon S3."""


class AnthropicOptions(ApiModel):
    """Options of Anthropic."""

    version: Word = "2023-06-01"
    """Version of Anthropic's API; Kong sends it as the header `anthropic-version`."""


class AzureOptions(ApiModel):
    """Options of Azure OpenAI."""

    instance: HostLabel
    """Name of the Azure OpenAI resource: the first part of `<instance>.openai.azure.com`."""

    deployment_id: Word
    """Name of the model's deployment in that resource."""

    api_version: Word | None = None
    """Version of Azure's API, for example `2024-10-21`. Kong's default is `2023-05-15`, which is too old for
    `llm/v1/responses`: that needs this field, with `preview` by Kong's documentation."""


class BedrockOptions(ApiModel):
    """Options of Amazon Bedrock."""

    region: HostLabel
    """AWS region, for example `us-east-1`."""

    embeddings_normalize: bool | None = None
    """Whether Bedrock normalizes embeddings. If left out, Kong's default."""

    performance_config_latency: Word | None = None
    """Bedrock's setting of that name for the latency of a call: `standard` or `optimized`. If left out, Bedrock's default."""

    video_output_s3_uri: S3Uri | None = None
    """S3 URI to which Bedrock writes videos, for example `s3://videos/out`; `video/v1/videos/generations` needs it."""

    batch_bucket_prefix: S3Uri | None = None
    """S3 URI under which Bedrock finds the input files of batches and writes their results, for example `s3://batches/`. Needs Kong 3.14 or
    later."""

    batch_role_arn: Identifier | None = None
    """ARN of the AWS role with which Bedrock runs batches. If left out, Kong takes it from the call. Needs Kong 3.14 or later."""


class CohereOptions(ApiModel):
    """Options of Cohere."""

    embedding_input_type: Literal["classification", "clustering", "image", "search_document", "search_query"] | None = None
    """Purpose of the embeddings. Kong's default is `classification`."""

    wait_for_model: bool | None = None
    """Whether a call waits for a model that is not loaded yet. If left out, Kong's default."""


class DashscopeOptions(ApiModel):
    """Options of Alibaba Cloud Model Studio."""

    international: bool = True
    """Whether Kong calls the international endpoint, or (`false`) the one in China. A key is valid for one of them only."""


class DatabricksOptions(ApiModel):
    """Options of Databricks."""

    workspace_instance_id: HostLabel
    """Id of the workspace: the first part of `<id>.cloud.databricks.com`. For a workspace at another address, set `options.upstreamUrl`
    too."""


class GeminiOptions(ApiModel):
    """Vertex AI instead of Google AI Studio."""

    project_id: Word
    """Id of the Google Cloud project."""

    location_id: HostLabel
    """Google Cloud location of the model, for example `us-central1`."""

    api_endpoint: GoogleHost | None = None
    """Host name of the API, below `googleapis.com`. If left out, `<locationId>-aiplatform.googleapis.com`."""

    endpoint_id: Word | None = None
    """Id of the endpoint of a model from the Model Garden. Only for such models."""


class HuggingfaceOptions(ApiModel):
    """Options of Hugging Face."""

    use_cache: bool | None = None
    """Whether Hugging Face may answer from its cache. If left out, Kong's default."""

    wait_for_model: bool | None = None
    """Whether a call waits for a model that is not loaded yet. If left out, Kong's default."""


class Llama2Options(ApiModel):
    """Options of a server of your own that runs Llama."""

    format: Literal["raw", "openai", "ollama"]
    """Format of calls that the server takes."""


class MistralOptions(ApiModel):
    """Options of Mistral."""

    format: Literal["openai", "ollama"] = "openai"
    """Format of calls that the server takes. Mistral's own servers take `openai`."""


_BLOCKS: Final = ("anthropic", "azure", "bedrock", "cohere", "dashscope", "databricks", "gemini", "huggingface", "llama2", "mistral")
_NEEDED: Final = ("azure", "bedrock", "databricks", "llama2")
_SELF_HOSTED: Final = ("llama2", "ollama", "vllm")


def provider_rules() -> tuple[Rule, ...]:
    """The rules that a model's block, identity and URL go with its provider."""
    return (*map(_only_with, _BLOCKS), *map(_needed_with, _NEEDED), *_IDENTITY_RULES)


def _is(name: str) -> str:
    """The provider has that name, in CEL; beside several targets there is none."""
    return f"has(self.provider) && self.provider == '{name}'"


def _only_with(name: str) -> Rule:
    return Rule(
        cel=f"!has(self.{name}) || {_is(name)}",
        message=f"must be given only where provider is {name}",
        holds=lambda llm: getattr(llm, name) is None or llm.provider == name,
        field=name,
    )


def _needed_with(name: str) -> Rule:
    return Rule(
        cel=f"has(self.{name}) || !({_is(name)})",
        message=f"must be given where provider is {name}",
        holds=lambda llm: getattr(llm, name) is not None or llm.provider != name,
        field=name,
        missing=True,
    )


def _identity(name: str) -> Callable[[Any], bool]:
    return lambda llm: llm.auth is not None and getattr(llm.auth, name) is not None


_has_aws, _has_azure, _has_gcp = map(_identity, ("aws", "azure", "gcp"))

_IDENTITY_RULES: Final = (
    Rule(
        cel=f"(has(self.auth) && has(self.auth.aws)) == ({_is('bedrock')})",
        message="must be given where provider is bedrock, and only there: Bedrock takes an identity of AWS, and no other does",
        holds=lambda llm: _has_aws(llm) == (llm.provider == "bedrock"),
        field="auth.aws",
    ),
    Rule(
        cel=f"!has(self.auth) || !has(self.auth.azure) || ({_is('azure')})",
        message="must be given only where provider is azure",
        holds=lambda llm: not _has_azure(llm) or llm.provider == "azure",
        field="auth.azure",
    ),
    Rule(
        cel="(has(self.auth) && has(self.auth.gcp)) == has(self.gemini)",
        message="must be given together with gemini: Vertex AI takes an identity of Google Cloud, Google AI Studio a key (secretRef)",
        holds=lambda llm: _has_gcp(llm) == (llm.gemini is not None),
        field="auth.gcp",
    ),
    Rule(
        cel="!has(self.provider) || has(self.auth) || (has(self.options) && has(self.options.upstreamUrl))",
        message="must be given where options.upstreamUrl is not: only a server of your own takes calls without a key",
        holds=lambda llm: llm.provider is None or llm.auth is not None or llm.options.upstream_url is not None,
        field="auth",
        missing=True,
    ),
    Rule(
        cel=f"!has(self.provider) || !(self.provider in {list(_SELF_HOSTED)}) || (has(self.options) && has(self.options.upstreamUrl))",
        message=f"must be given where provider is {', '.join(_SELF_HOSTED[:-1])} or {_SELF_HOSTED[-1]}: it runs on a server of your own",
        holds=lambda llm: llm.provider not in _SELF_HOSTED or llm.options.upstream_url is not None,
        field="options.upstreamUrl",
        missing=True,
    ),
)
