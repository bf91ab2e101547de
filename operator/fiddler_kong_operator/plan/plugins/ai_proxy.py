"""The `ai-proxy` plugin: calls the provider for the client and makes the GenAI span. One for each route with `llm`.

Config as on Fiddler's integration page; field names of Kong's schema for 3.13.
"""

from __future__ import annotations

import re
from typing import Final

from fiddler_kong_operator.api import BindingSpec, Llm, Route
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.providers import Provider, provider_of

from .contract import PluginInstance, PluginKind, Protection, RefusedField

__all__ = ["AI_PROXY", "build_ai_proxy"]

_TYPE: Final = "ai-proxy"

_CATEGORIES: Final = {
    "llm/v1/embeddings": "text/embeddings",
    "audio/v1/audio/speech": "audio/speech",
    "audio/v1/audio/transcriptions": "audio/transcription",
    "audio/v1/audio/translations": "audio/transcription",
    "image/v1/images/generations": "image/generation",
    "image/v1/images/edits": "image/generation",
    "video/v1/videos/generations": "video/generation",
}
"""Kong's `genai_category` by route type, where it is not the default, `text/generation`."""


def build_ai_proxy(spec: BindingSpec, index: int, route: Route, llm: Llm, provider: Provider) -> PluginInstance:
    """The plugin of the route at `index`, with the keys where its provider wants them."""
    auth, keys = provider.auth(llm)
    config: Manifest = {
        "route_type": llm.route_type,
        **({"genai_category": _CATEGORIES[llm.route_type]} if llm.route_type in _CATEGORIES else {}),
        **({"llm_format": llm.format} if llm.format != "openai" else {}),
        **({"auth": auth} if auth or keys else {}),
        "model": _model(llm, provider),
        "logging": {"log_statistics": True, "log_payloads": (route.payloads or spec.payloads) == "Captured"},
    }
    placed = tuple(key.within(f"spec.routes[{index}].llm", "/auth", f"{_TYPE}.{route.name}") for key in keys)
    return PluginInstance(_TYPE, config, placed, route.name)


def _instances(spec: BindingSpec) -> tuple[PluginInstance, ...]:
    models = ((index, route, route.llm) for index, route in enumerate(spec.routes) if route.llm)
    return tuple(build_ai_proxy(spec, index, route, llm, provider_of(llm)) for index, route, llm in models)


def _model(llm: Llm, provider: Provider) -> Manifest:
    options = {**llm.options.model_dump(exclude_none=True), **provider.options(llm)}
    return {"provider": llm.provider, "name": llm.model, **({"options": options} if options else {})}


AI_PROXY: Final = PluginKind(
    type=_TYPE,
    per_route=True,
    essential=True,
    instances=_instances,
    wanted=lambda spec: any(route.llm for route in spec.routes),
    protections=(
        Protection(("auth",), "it holds the provider's key; use llm.auth", unless=frozenset({("auth", "allow_override")})),
        Protection(("model", "provider"), "use llm.provider"),
        Protection(("logging",), "Fiddler's token counts depend on it; use spec.payloads for log_payloads"),
    ),
    refused_fields=(
        RefusedField(re.compile(r"upstream_url"), "use llm.options.upstreamUrl, which the Service follows"),
        RefusedField(
            re.compile(r"(.*_)?endpoint(_url)?"),
            "the gateway would call an address that the operator does not check",
        ),
    ),
)
