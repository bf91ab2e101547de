"""The `ai-proxy` plugin: calls the provider for the client and makes the GenAI span. One for each route with a model.

Config as on Fiddler's integration page; field names of Kong's schema for 3.13.
"""

from __future__ import annotations

import re
from typing import Final

from fiddler_kong_operator.api import BindingSpec, Llm, Model, Route
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.keys import PluginKey
from fiddler_kong_operator.plan.providers import provider_of

from .contract import PluginInstance, PluginKind, Protection, RefusedField

__all__ = ["AI_PROXY", "CATEGORIES", "REFUSED_FIELDS", "build_common", "build_model"]

_TYPE: Final = "ai-proxy"

CATEGORIES: Final = {
    "llm/v1/embeddings": "text/embeddings",
    "audio/v1/audio/speech": "audio/speech",
    "audio/v1/audio/transcriptions": "audio/transcription",
    "audio/v1/audio/translations": "audio/transcription",
    "image/v1/images/generations": "image/generation",
    "image/v1/images/edits": "image/generation",
    "video/v1/videos/generations": "video/generation",
    "realtime/v1/realtime": "realtime/generation",
}
"""Kong's `genai_category` by route type, where it is not the default, `text/generation`. Only ai-proxy-advanced has the realtime one."""


REFUSED_FIELDS: Final = (
    RefusedField(re.compile(r"upstream_url"), "use llm.options.upstreamUrl, which the Service follows"),
    RefusedField(re.compile(r"(.*_)?endpoint(_url)?"), "the gateway would call an address that the operator does not check"),
)


def build_common(llm: Llm) -> Manifest:
    """The part of the config that is about all calls of the route, whichever model answers."""
    return {
        **({"genai_category": CATEGORIES[llm.route_type]} if llm.route_type in CATEGORIES else {}),
        **({"llm_format": llm.format} if llm.format != "openai" else {}),
    }


def build_model(spec: BindingSpec, route: Route, model: Model) -> tuple[Manifest, tuple[PluginKey, ...]]:
    """The part of the config that is about one model, and its keys (relative, see `PluginKey`) where its provider wants them."""
    provider = provider_of(model)
    auth, keys = provider.auth(model)
    options = {**model.options.model_dump(exclude_none=True), **provider.options(model)}
    config: Manifest = {
        "route_type": model.route_type,
        **({"auth": auth} if auth or keys else {}),
        "model": {"provider": model.provider, "name": model.model, **({"options": options} if options else {})},
        "logging": {"log_statistics": True, "log_payloads": (route.payloads or spec.payloads) == "Captured"},
    }
    return config, keys


def _instances(spec: BindingSpec) -> tuple[PluginInstance, ...]:
    return tuple(_build(spec, index, route, route.llm) for index, route in enumerate(spec.routes) if route.llm and not route.llm.targets)


def _build(spec: BindingSpec, index: int, route: Route, llm: Llm) -> PluginInstance:
    """The plugin of the route at `index`."""
    config, keys = build_model(spec, route, llm.models[0])
    placed = tuple(key.within(f"spec.routes[{index}].llm", "/auth", f"{_TYPE}.{route.name}") for key in keys)
    return PluginInstance(_TYPE, {"route_type": llm.route_type, **build_common(llm), **config}, placed, route.name)


AI_PROXY: Final = PluginKind(
    type=_TYPE,
    per_route=True,
    essential=True,
    instances=_instances,
    wanted=lambda spec: any(route.llm and not route.llm.targets for route in spec.routes),
    protections=(
        Protection(("auth",), "it holds the provider's key; use llm.auth", unless=frozenset({("auth", "allow_override")})),
        Protection(("model", "provider"), "use llm.provider"),
        Protection(("logging",), "Fiddler's token counts depend on it; use spec.payloads for log_payloads"),
    ),
    refused_fields=REFUSED_FIELDS,
)
