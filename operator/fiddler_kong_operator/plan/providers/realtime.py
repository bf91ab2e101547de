"""Realtime calls: WebSockets, for which Kong needs `ai-proxy-advanced`, and a Service and a route with the protocols `ws` or `wss`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fiddler_kong_operator.api import BindingSpec, Llm, Route

__all__ = ["realtime_advice", "realtime_problems"]

_REALTIME: Final = "realtime/v1/realtime"


def realtime_problems(spec: BindingSpec) -> Iterator[str]:
    """Why Kong cannot make the realtime calls of a spec, as sentences that begin with a field."""
    for where, route, llm in _realtime(spec):
        if route.attach_to is None:
            yield (
                f"{where}.expose: must not be given where llm.routeType is {_REALTIME}: such calls are WebSockets, and the operator's own "
                "Service and route take HTTP. Use attachTo, with a Service and a route of yours that have the protocol ws or wss."
            )
        if not llm.targets:
            yield (
                f"{where}.llm.targets: must be given where routeType is {_REALTIME}: Kong makes such calls only by "
                "ai-proxy-advanced, which targets become. One target is enough."
            )


def realtime_advice(spec: BindingSpec) -> Iterator[str]:
    """A sentence for each realtime route."""
    for where, _, _ in _realtime(spec):
        yield (
            f"{where}.llm.routeType: {_REALTIME} was never tried. By Kong's schemas, opentelemetry and pre-function run for ws and "
            "wss only where their protocols say so, which the operator does not set: Fiddler may show nothing of these calls."
        )


def _realtime(spec: BindingSpec) -> Iterator[tuple[str, Route, Llm]]:
    for index, route in enumerate(spec.routes):
        if route.llm and route.llm.route_type == _REALTIME:
            yield f"spec.routes[{index}]", route, route.llm
