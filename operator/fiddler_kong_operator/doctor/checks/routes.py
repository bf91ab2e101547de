"""The plugins that run on the binding's routes, and what the binding leaves out on purpose."""

from __future__ import annotations

from collections.abc import Iterator

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.doctor.diagnosis import Diagnosis, Outcome
from fiddler_kong_operator.doctor.evidence import Case
from fiddler_kong_operator.doctor.running import Running, Way
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.plugins import plugin_instances, plugin_types
from fiddler_kong_operator.plan.references import plugin_key, tell_routes

from .contract import diagnose

__all__ = ["check_running"]


def check_running(case: Case) -> Outcome:
    """Whether the plugin that runs of each type is the binding's, on every way to its routes."""
    spec = case.snapshot.binding.spec
    if spec is None:
        return Outcome("not looked at: the spec is invalid", skipped=True)
    choices = tuple(_choices(case, spec))
    if case.offline or not case.ways:
        return Outcome("not looked at: there is no route yet", choices, skipped=True)
    others = tuple(_others(case, spec))
    ways = "the binding's plugins run" if not others else others[0].cause
    return Outcome(ways, (*others, *choices))


def _others(case: Case, spec: BindingSpec) -> Iterator[Diagnosis]:
    own = {plugin_key(case.snapshot.binding, i.plugin, i.route).name for i in plugin_instances(spec)}
    for way in case.ways:
        if way.route is None:
            yield diagnose("NothingLeadsThere", way.service, f"No Ingress or HTTPRoute leads to {way.service}.")
        yield from (found for running in way.running if running.type in plugin_types(spec) for found in _other(way, running, own))


def _other(way: Way, running: Running, own: set[str]) -> Iterator[Diagnosis]:
    """The plugins of others that hide one of the binding's."""
    hidden = [seat for seat in (*running.shadowed, *([running.seat] if running.seat and running.consumers else [])) if seat.plugin in own]
    winners = [*([running.seat] if running.seat and running.seat.plugin not in own and running.shadowed else []), *running.consumers]
    for winner in winners if hidden else ():
        text = f"On {way}, {running.type} is {winner}; {hidden[0]} does not run."
        yield diagnose("OtherPluginRuns", winner.on, text, _take_off(winner.on, winner.plugin))


def _take_off(key: ObjectKey, plugin: str) -> str:
    return f"Take {plugin} out of the annotation konghq.com/plugins of {key}, or check that its traces are not needed."


def _choices(case: Case, spec: BindingSpec) -> Iterator[Diagnosis]:
    """The data that the spec leaves out on purpose: worth knowing if something is missing in Fiddler."""
    silent = [route.name for route in spec.routes if route.llm and (route.payloads or spec.payloads) == "Disabled"]
    key = case.snapshot.binding.key
    if silent:
        yield diagnose("PayloadsOff", key, f"Fiddler gets no text of prompts and answers of {tell_routes(silent)}.")
    if spec.sessions.mode == "Disabled":
        yield diagnose("SessionsOff", key)
    if spec.tracing.sampling_rate < 1:
        yield diagnose("SamplingRateLow", key, f"Kong sends spans of {spec.tracing.sampling_rate:.1%} of the calls.")
