"""The registry of LLM providers. A new one is a module, a line in `PROVIDERS` and a value of `Llm.provider`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from fiddler_kong_operator.api import BindingSpec, Llm
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.api.upstreams import OPERATIONS, path_of

from .anthropic import ANTHROPIC
from .auth import Auth, key_auth
from .azure import AZURE
from .bedrock import BEDROCK
from .cerebras import CEREBRAS
from .cohere import COHERE
from .contract import Provider
from .dashscope import DASHSCOPE
from .databricks import DATABRICKS
from .deepseek import DEEPSEEK
from .gemini import GEMINI
from .huggingface import HUGGINGFACE
from .llama2 import LLAMA2
from .mistral import MISTRAL
from .ollama import OLLAMA
from .openai import OPENAI
from .upstream import Upstream
from .vllm import VLLM
from .xai import XAI

__all__ = [
    "PROVIDERS",
    "Auth",
    "Provider",
    "Upstream",
    "check_providers",
    "is_uncounted",
    "key_auth",
    "model_advice",
    "provider_of",
    "upstream_of",
]

_ALL: Final = (
    *(ANTHROPIC, AZURE, BEDROCK, CEREBRAS, COHERE, DASHSCOPE, DATABRICKS, DEEPSEEK),
    *(GEMINI, HUGGINGFACE, LLAMA2, MISTRAL, OLLAMA, OPENAI, VLLM, XAI),
)

PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType({provider.name: provider for provider in _ALL})

_UNCOUNTED: Final = frozenset({"llm/v1/assistants", "llm/v1/batches", "llm/v1/files"})
"""Route types without statistics, by Kong's documentation; those of audio as well."""


def provider_of(llm: Llm) -> Provider:
    """The provider of a model; KeyError for one that is in the API but not in the registry, which is a bug."""
    return PROVIDERS[llm.provider]


def upstream_of(llm: Llm) -> Upstream:
    """Where calls for the model go: `options.upstreamUrl` where set, else the provider's own address.

    The Service follows `upstreamUrl` too, although ai-proxy would override it: should ai-proxy ever be missing in Kong, prompts meant
    for a private model must not reach the public one. ValueError where `check_providers` finds a problem.
    """
    if llm.options.upstream_url:
        return Upstream.from_url(llm.options.upstream_url)
    upstream = provider_of(llm).locate(llm)
    if upstream is None:
        raise ValueError("it must be set: this provider has no address of its own")
    return upstream


def check_providers(spec: BindingSpec) -> Finding | None:
    """InvalidSpec where a model breaks a rule of its provider or cannot be reached; None where all is well."""
    problems = [
        f"{field}.{problem}" for field, llm in _models(spec) for problem in (*provider_of(llm).problems(llm), *_address_problems(llm))
    ]
    return Finding.of_problems(reason("InvalidSpec"), problems) if problems else None


def model_advice(spec: BindingSpec) -> tuple[str, ...]:
    """A sentence for each `upstreamUrl` with an unusual end (a proxy may have its own paths) and each uncounted route type."""
    return tuple(sentence for field, llm in _models(spec) for sentence in (*_url_advice(field, llm), *_count_advice(field, llm)))


def _models(spec: BindingSpec) -> Iterator[tuple[str, Llm]]:
    return ((f"spec.routes[{index}].llm", route.llm) for index, route in enumerate(spec.routes) if route.llm)


def _url_advice(field: str, llm: Llm) -> Iterator[str]:
    url, end = llm.options.upstream_url, OPERATIONS[llm.route_type]
    if url and provider_of(llm).speaks_openai and not path_of(url).endswith(end):
        yield f"{field}.options.upstreamUrl does not end in {end}, as is usual for {llm.route_type}: Kong calls exactly this URL."


def is_uncounted(route_type: str) -> bool:
    """Whether Kong counts no tokens of such calls."""
    return route_type in _UNCOUNTED or route_type.startswith("audio/")


def _count_advice(field: str, llm: Llm) -> Iterator[str]:
    if is_uncounted(llm.route_type):
        yield f"{field}.routeType: Kong counts no tokens of {llm.route_type}, so Fiddler shows none."


def _address_problems(llm: Llm) -> tuple[str, ...]:
    try:
        upstream_of(llm)
    except ValueError as error:
        return (f"options.upstreamUrl: {error}.",)
    return ()
