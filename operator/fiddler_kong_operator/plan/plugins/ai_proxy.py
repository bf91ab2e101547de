"""The `ai-proxy` plugin: calls the provider in the client's stead and makes the GenAI span. One for each route with `llm`.

Config as on Fiddler's integration page; field names of Kong's schema for 3.13.
"""

from __future__ import annotations

import re
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.v1alpha1 import BindingSpec, Llm, Route
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.providers import HeaderKey, provider_of

from .contract import PluginInstance, PluginKey, PluginKind, Protection, RefusedField

__all__ = ["AI_PROXY"]

_TYPE: Final = "ai-proxy"


def _object_name(binding: str, route: str | None) -> str:
    if route is None:
        raise ValueError("an ai-proxy plugin belongs to a route")
    return names.ai_proxy_plugin(binding, route)


def _instances(spec: BindingSpec) -> tuple[PluginInstance, ...]:
    captured = spec.payloads == "Captured"
    return tuple(_instance(index, route, route.llm, captured=captured) for index, route in enumerate(spec.routes) if route.llm)


def _instance(index: int, route: Route, llm: Llm, *, captured: bool) -> PluginInstance:
    placement = _placement(llm)
    key = PluginKey(
        field=f"spec.routes[{index}].llm.auth.secretRef",
        ref=llm.auth.secret_ref,
        prefix=placement.prefix,
        pointer="/auth/header_value",
        entry=f"{_TYPE}.{route.name}",
        variable=f"{llm.provider.upper()}_API_KEY",
    )
    config: Manifest = {
        "route_type": llm.route_type,
        "auth": {"header_name": placement.header},
        "model": _model(llm),
        "logging": {"log_statistics": True, "log_payloads": captured},
    }
    return PluginInstance(_TYPE, config, (key,), route.name)


def _placement(llm: Llm) -> HeaderKey:
    usual = provider_of(llm).key
    prefix = llm.auth.header_prefix
    return HeaderKey(llm.auth.header_name or usual.header, usual.prefix if prefix is None else prefix)


def _model(llm: Llm) -> Manifest:
    options = {**llm.options.model_dump(exclude_none=True), **provider_of(llm).options(llm)}
    return {"provider": llm.provider, "name": llm.model, **({"options": options} if options else {})}


AI_PROXY: Final = PluginKind(
    type=_TYPE,
    object_name=_object_name,
    instances=_instances,
    protections=(
        Protection(("auth",), "it holds the provider's key; use llm.auth", unless=frozenset({("auth", "allow_override")})),
        Protection(("model", "provider"), "use llm.provider"),
        Protection(("logging",), "Fiddler's token counts depend on it; use spec.payloads for log_payloads"),
    ),
    refused_fields=(RefusedField(re.compile(r"upstream_url"), "use llm.options.upstreamUrl, which the Service follows"),),
)
