"""The registry of LLM providers. A new one is a module, a line in `PROVIDERS` and a value of `Llm.provider`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fiddler_kong_operator.api import BindingSpec, Llm
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.api.upstreams import OPERATIONS, path_of

from .contract import Auth, Provider, Upstream, header_auth
from .openai import OPENAI

__all__ = ["PROVIDERS", "Auth", "Provider", "Upstream", "check_providers", "header_auth", "provider_of", "upstream_advice", "upstream_of"]

PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType({provider.name: provider for provider in (OPENAI,)})


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
        f"spec.routes[{index}].llm.{problem}"
        for index, route in enumerate(spec.routes)
        if route.llm
        for problem in (*provider_of(route.llm).check(route.llm), *_address_problems(route.llm))
    ]
    return Finding.of_problems(reason("InvalidSpec"), problems) if problems else None


def upstream_advice(spec: BindingSpec) -> tuple[str, ...]:
    """A sentence for each `upstreamUrl` that does not end as those of its route type do; only a proxy with paths of its own is right."""
    models = ((index, route.llm) for index, route in enumerate(spec.routes) if route.llm and route.llm.options.upstream_url)
    return tuple(
        f"spec.routes[{index}].llm.options.upstreamUrl does not end in {OPERATIONS[llm.route_type]}, as is usual for {llm.route_type}: "
        "Kong calls exactly this URL."
        for index, llm in models
        if not path_of(llm.options.upstream_url or "").endswith(OPERATIONS[llm.route_type])
    )


def _address_problems(llm: Llm) -> tuple[str, ...]:
    try:
        upstream_of(llm)
    except ValueError as error:
        return (f"options.upstreamUrl: {error}.",)
    return ()
