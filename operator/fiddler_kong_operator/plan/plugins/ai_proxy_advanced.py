"""The `ai-proxy-advanced` plugin: calls one of several models, and another if that call fails. One for each route with targets.

It takes the place of `ai-proxy`, config and all: each target has the config that `ai-proxy` would have for its model, key and logging
included. The GenAI span has provider and model of the target that answered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from fiddler_kong_operator.api import BindingSpec, Llm, Route
from fiddler_kong_operator.api.durations import milliseconds
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.connections import connection_settings
from fiddler_kong_operator.plan.keys import PluginKey

from .ai_proxy import REFUSED_FIELDS, build_common, build_model
from .contract import PluginInstance, PluginKind, Protection

__all__ = ["AI_PROXY_ADVANCED"]

_TYPE: Final = "ai-proxy-advanced"
_TARGET: Final = ("targets", "*")
_SEMANTIC: Final = "the operator makes no semantic balancing; use an ai-proxy-advanced of your own, without llm"


def _instances(spec: BindingSpec) -> tuple[PluginInstance, ...]:
    return tuple(_build(spec, index, route, route.llm) for index, route in enumerate(spec.routes) if route.llm and route.llm.targets)


def _build(spec: BindingSpec, index: int, route: Route, llm: Llm) -> PluginInstance:
    """The plugin of the route at `index`."""
    targets, placed = list[Manifest](), list[PluginKey]()
    for number, (target, model) in enumerate(zip(llm.targets or (), llm.models, strict=True)):
        config, keys = build_model(spec, route, model)
        targets.append({**config, **({"weight": target.weight} if target.weight else {})})
        placed += _placed(f"spec.routes[{index}].llm.targets[{number}]", f"/targets/{number}/auth", route, keys)
    balancer = _balancer(route, llm)
    config = {**build_common(llm), **({"balancer": balancer} if balancer else {}), "targets": targets}
    return PluginInstance(_TYPE, config, tuple(placed), route.name)


def _placed(field: str, pointer: str, route: Route, keys: tuple[PluginKey, ...]) -> Iterator[PluginKey]:
    """The keys of one target. Their entries follow the key and not the target's place in the list.

    The Secret is written before the plugin: with numbered entries, a provider would get the key of another one while targets change places.
    """
    for key in keys:
        mark = hashlib.sha256(f"{key.ref.name}/{key.ref.key}/{key.prefix}".encode()).hexdigest()[:12]
        yield key.within(field, pointer, f"{_TYPE}.{route.name}.{mark}")


def _balancer(route: Route, llm: Llm) -> dict[str, Any]:
    """The settings of the balancer, by Kong's names. Those of `expose` are defaults, because the plugin ignores those of the Service."""
    given, inherited = llm.balancer, connection_settings(route.expose)
    if given is None:
        return inherited
    own = given.model_dump(mode="json", exclude_none=True, exclude={"timeouts", "fail_timeout"})
    period = {"fail_timeout": milliseconds(given.fail_timeout)} if given.fail_timeout else {}
    return {**inherited, **own, **period, **connection_settings(given)}


AI_PROXY_ADVANCED: Final = PluginKind(
    type=_TYPE,
    per_route=True,
    essential=True,
    instances=_instances,
    wanted=lambda spec: any(route.llm and route.llm.targets for route in spec.routes),
    protections=(
        Protection(
            (*_TARGET, "auth"),
            "it holds the provider's key; use auth of the target",
            unless=frozenset({(*_TARGET, "auth", "allow_override")}),
        ),
        Protection((*_TARGET, "model", "provider"), "use provider of the target"),
        Protection((*_TARGET, "logging"), "Fiddler's token counts depend on it; use payloads of the route for log_payloads"),
        Protection(("balancer", "algorithm"), "use llm.balancer.algorithm"),
        Protection(("embeddings",), _SEMANTIC),
        Protection(("vectordb",), _SEMANTIC),
    ),
    refused_fields=REFUSED_FIELDS,
)
