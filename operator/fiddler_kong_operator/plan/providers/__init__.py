"""The registry of LLM providers. A new one is a module, a line in `PROVIDERS` and a value of `api.llm.Provider`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from fiddler_kong_operator.api import BindingSpec, Llm, Model
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.api.upstreams import OPERATIONS, path_of
from fiddler_kong_operator.plan.schemas import Minor

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
from .identities import identity_problems
from .llama2 import LLAMA2
from .mistral import MISTRAL
from .ollama import OLLAMA
from .openai import OPENAI
from .realtime import realtime_advice, realtime_problems
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
    "models_of",
    "provider_of",
    "upstream_of",
]

_ALL: Final = (
    *(ANTHROPIC, AZURE, BEDROCK, CEREBRAS, COHERE, DASHSCOPE, DATABRICKS, DEEPSEEK),
    *(GEMINI, HUGGINGFACE, LLAMA2, MISTRAL, OLLAMA, OPENAI, VLLM, XAI),
)

PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType({provider.name: provider for provider in _ALL})

_UNCOUNTED: Final = frozenset({"llm/v1/assistants", "llm/v1/batches", "llm/v1/files"})
"""Route types, besides those of audio, without statistics by Kong's documentation."""


def provider_of(llm: Model) -> Provider:
    """The provider of a model; KeyError for one that is in the API but not in the registry, which is a bug."""
    return PROVIDERS[llm.provider]


def upstream_of(llm: Llm) -> Upstream:
    """Where the Service of an exposed route leads: to the model's `options.upstreamUrl` where set, else to the provider's own address.

    The Service follows `upstreamUrl` too, although ai-proxy would override it: should ai-proxy ever be missing in Kong, prompts meant
    for a private model must not reach the public one. Of several targets it follows the first, since a Service has one address:
    ai-proxy-advanced overrides it for each call. ValueError where the model has no usable address, which `check_providers` reports.
    """
    return _address(llm.models[0])


def _address(model: Model) -> Upstream:
    if model.options.upstream_url:
        return Upstream.from_url(model.options.upstream_url)
    upstream = provider_of(model).locate(model)
    if upstream is None:
        raise ValueError("must be given: this provider has no address of its own")
    return upstream


def check_providers(spec: BindingSpec, kong: Minor | None = None) -> Finding | None:
    """InvalidSpec where a model breaks a rule of its provider or cannot be reached; None where all is well.

    `kong` is the gateway's version; None where it is unknown.
    """
    of_models = (problem for llm, field, model in _models(spec) for problem in _problems(llm, field, model, kong))
    problems = dict.fromkeys((*of_models, *realtime_problems(spec)))
    return Finding.of_problems(reason("InvalidSpec"), list(problems)) if problems else None


def model_advice(spec: BindingSpec) -> tuple[str, ...]:
    """A sentence for each `upstreamUrl` with an unusual end, each uncounted or realtime route type, and each advice of a provider."""
    advice = (s for llm, field, model in _models(spec) for s in _advice(llm, field, model))
    return (*dict.fromkeys(advice), *realtime_advice(spec), *_failover_advice(spec), *_cost_advice(spec))


def models_of(spec: BindingSpec) -> Iterator[tuple[str, Model]]:
    """Every model of a spec, with the field that has it."""
    return ((field, model) for _, field, model in _models(spec))


def _models(spec: BindingSpec) -> Iterator[tuple[str, str, Model]]:
    """(field of `llm`, field of the model, model) for every model of a spec."""
    for index, route in enumerate(spec.routes):
        llm = f"spec.routes[{index}].llm"
        for number, model in enumerate(route.llm.models if route.llm else ()):
            yield llm, f"{llm}.targets[{number}]" if route.llm and route.llm.targets else llm, model


def _problems(llm: str, field: str, model: Model, kong: Minor | None) -> Iterator[str]:
    provider = provider_of(model)
    yield from (f"{llm}.{problem}" for problem in provider.call_problems(model, kong))
    yield from (f"{field}.{problem}" for problem in (*provider.check(model), *_address_problems(model), *identity_problems(model)))


def is_uncounted(route_type: str) -> bool:
    """Whether Kong counts no tokens of such calls."""
    return route_type in _UNCOUNTED or route_type.startswith("audio/")


def _advice(llm: str, field: str, model: Model) -> Iterator[str]:
    yield from (*_url_advice(field, model), *_count_advice(llm, model))
    yield from (f"{field}.{advice}" for advice in provider_of(model).advise(model))


def _url_advice(field: str, model: Model) -> Iterator[str]:
    url, end = model.options.upstream_url, OPERATIONS[model.route_type]
    if url and provider_of(model).speaks_openai and not path_of(url).endswith(end):
        yield f"{field}.options.upstreamUrl does not end in {end}, as is usual for {model.route_type}: Kong calls exactly this URL."


def _count_advice(llm: str, model: Model) -> Iterator[str]:
    if is_uncounted(model.route_type):
        yield f"{llm}.routeType: Kong counts no tokens of {model.route_type}, so Fiddler shows none."


def _failover_advice(spec: BindingSpec) -> Iterator[str]:
    """Kong repeats no POST request that it has sent, unless told to: the criteria about answers would have no effect."""
    for index, route in enumerate(spec.routes):
        criteria = (route.llm.balancer.failover_criteria if route.llm and route.llm.balancer else None) or ()
        answers = [criterion for criterion in criteria if criterion.startswith("http_")]
        if answers and "non_idempotent" not in criteria:
            yield (
                f"spec.routes[{index}].llm.balancer.failoverCriteria has {', '.join(answers)} without non_idempotent: LLM calls are POST "
                "requests, which Kong then does not repeat at another target."
            )


def _cost_advice(spec: BindingSpec) -> Iterator[str]:
    """Kong compares the costs that the models' options state (its documentation of `lowest-usage`)."""
    for index, route in enumerate(spec.routes):
        balancer = route.llm.balancer if route.llm else None
        if route.llm is None or balancer is None or balancer.tokens_count_strategy != "cost":
            continue
        for number, model in enumerate(route.llm.models):
            if model.options.input_cost is None or model.options.output_cost is None:
                yield (
                    f"spec.routes[{index}].llm.targets[{number}].options lacks inputCost or outputCost, which Kong needs for "
                    "balancer.tokensCountStrategy: cost."
                )


def _address_problems(model: Model) -> tuple[str, ...]:
    try:
        _address(model)
    except ValueError as error:
        return (f"options.upstreamUrl: {error}.",)
    return ()
