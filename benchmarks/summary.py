"""Computes the figures of the table from the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from .course import Outcome
from .figures import Figure
from .scenarios.gateway_api import Side
from .statistics import median

__all__ = ["summarize"]

WRITES: Final = 7
"""For each binding: Secret, three KongPlugins, Service, Ingress, status."""

_SMALL: Final = 100
"""Up to this number of bindings the goal for cold convergence is wider, since a single second counts a lot."""

_COMPARED: Final[Mapping[str, Callable[[Side], float]]] = MappingProxyType(
    {
        "cold convergence": lambda side: side.cold.seconds,
        "CPU until then": lambda side: side.cold.cpu_seconds,
        "write requests, cold": lambda side: side.cold.requests,
        "memory at its peak, cold": lambda side: side.cold.peak_mib,
        "memory at rest": lambda side: side.rest.resident_mib,
        "one change until its child has it, p50": lambda side: side.change.median_ms,
        "rotation of a shared Secret": lambda side: side.rotation.seconds,
    }
)
"""Figures that the Gateway API's kinds must not make worse. CPU at rest is not among them: it is too small for a ratio."""


def summarize(outcome: Outcome) -> tuple[Figure, ...]:
    """The figures of one number of bindings, in the order of the table."""
    parts = (_cold, _at_rest, _restart, _paired, _unready, _gateway_api, _lua)
    return tuple(figure for part in parts for figure in part(outcome))


def _cold(outcome: Outcome) -> Iterator[Figure]:
    n = outcome.bindings
    if outcome.cold:
        yield _median("cold convergence, operator", n, [run.seconds for run in outcome.cold], "s")
        if outcome.raw_cold:
            yield _median("cold convergence, raw loop", n, [run.seconds for run in outcome.raw_cold], "s")
            goal = 1.25 if n <= _SMALL else 1.05
            ratios = [ours.seconds / raw.seconds for ours, raw in zip(outcome.cold, outcome.raw_cold, strict=True)]
            yield _median("cold convergence, operator / raw loop", n, ratios, goal=goal)
            yield _median("CPU of the raw loop until then", n, [run.cpu_seconds for run in outcome.raw_cold], "s")
        yield _median("CPU of the operator until then", n, [run.cpu_seconds for run in outcome.cold], "s")
        yield Figure("write requests, cold", n, max(run.requests for run in outcome.cold), goal=WRITES * n)
        yield _median("memory at its peak, cold", n, [run.peak_mib for run in outcome.cold], "MiB")


def _at_rest(outcome: Outcome) -> Iterator[Figure]:
    n = outcome.bindings
    if outcome.rest:
        yield Figure("memory at rest", n, outcome.rest.resident_mib, "MiB", goal=130)
        yield Figure("CPU at rest", n, outcome.rest.cpu_percent, "% of a core", goal=1)
        yield Figure("write requests at rest", n, outcome.rest.writes, goal=0)
    if outcome.newcomer:
        yield Figure("write requests for one new binding", n, sum(outcome.newcomer.writes.values()), goal=WRITES)
    if outcome.change:
        yield Figure("one change until its child has it, p50", n, outcome.change.median_ms, "ms", 10)
        yield Figure("one change until its child has it, p99", n, outcome.change.slow_ms, "ms", 25)
    if outcome.change_by_hand:
        yield Figure("the same by hand, p50", n, outcome.change_by_hand.median_ms, "ms")
        yield Figure("the same by hand, p99", n, outcome.change_by_hand.slow_ms, "ms")
    if outcome.drift:
        yield Figure(f"slowest repair of {len(outcome.drift.seconds)} faults at once", n, outcome.drift.slowest, "s", 0.3)
    if outcome.drift_by_hand:
        yield Figure("slowest of the same repairs by hand", n, outcome.drift_by_hand.slowest, "s")
    if outcome.flip:
        yield Figure("one change while all statuses flip / at rest, p95", n, outcome.flip.slower_change)
        yield Figure("one repair while all statuses flip / at rest, p95", n, outcome.flip.slower_repair)


def _restart(outcome: Outcome) -> Iterator[Figure]:
    if outcome.restart:
        yield Figure("write requests after a restart", outcome.bindings, outcome.restart.writes, goal=0)
        yield Figure("restart until everything is looked at", outcome.bindings, outcome.restart.seconds, "s", 8)


def _paired(outcome: Outcome) -> Iterator[Figure]:
    n = outcome.bindings
    if outcome.rotation:
        yield _median("rotation of a shared Secret, operator", n, [run.seconds for run in outcome.rotation], "s")
        yield _median("rotation of a shared Secret, raw loop", n, [run.seconds for run in outcome.raw_rotation], "s")
        ratios = [ours.seconds / raw.seconds for ours, raw in zip(outcome.rotation, outcome.raw_rotation, strict=True)]
        yield _median("rotation of a shared Secret, operator / raw loop", n, ratios, goal=1.1)
        yield Figure("write requests of a rotation", n, max(run.requests for run in outcome.rotation), goal=n)


def _unready(outcome: Outcome) -> Iterator[Figure]:
    n = outcome.bindings
    if outcome.rollout:
        yield Figure("rollouts for bindings created at once", n, outcome.rollout.rollouts, goal=1)
        yield Figure("all of them Ready after", n, outcome.rollout.seconds, "s")
    if outcome.probes:
        yield Figure("probes in a minute, where each binding has its own", n, outcome.probes.exports)
        yield Figure("CPU with these", n, outcome.probes.cpu_percent, "% of a core", 25)
        yield Figure("write requests with these", n, outcome.probes.writes, goal=0)


def _gateway_api(outcome: Outcome) -> Iterator[Figure]:
    pairs = list(zip(outcome.with_gateway_api, outcome.without_gateway_api, strict=True))
    for name, value in _COMPARED.items() if pairs else ():
        ratios = [value(ours) / value(bare) for ours, bare in pairs]
        yield _median(f"{name}, with the Gateway API's kinds / without", outcome.bindings, ratios, goal=1.1)


def _lua(outcome: Outcome) -> Iterator[Figure]:
    if outcome.lua:
        yield _median("Lua of a call, the integration page's", outcome.bindings, outcome.lua.page, "ns")
        yield _median("Lua of a call, ours", outcome.bindings, outcome.lua.ours, "ns")
        yield Figure("Lua of a call, ours / the page's", outcome.bindings, outcome.lua.ratio, goal=2)


def _median(name: str, bindings: int, samples: Sequence[float], unit: str = "", goal: float | None = None) -> Figure:
    return Figure(name, bindings, median(samples), unit, goal, tuple(samples))
