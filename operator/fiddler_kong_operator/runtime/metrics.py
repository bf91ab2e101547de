"""Prometheus metrics about bindings, gateways and probes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from fiddler_kong_operator.api.conditions import EVERY_REASON, REASONS, ConditionType
from fiddler_kong_operator.kube.metrics import PREFIX, Metrics
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.probe.schedule import ProbeState

from .series import OTHER, binding_series, probe_series

__all__ = ["BindingMetrics"]

_FIELDS: Final = itemgetter("type", "status", "reason")
_TYPES: Final = frozenset(ConditionType)
_FAILURES: Final = [(row.type, row.name) for row in EVERY_REASON if row.status == "False"]
_RESULTS: Final = [row.name for row in EVERY_REASON if row.type == ConditionType.TRACE_ENDPOINT_REACHABLE and row.status != "Unknown"]
_ROLLOUTS: Final = [(kind, action) for kind in WORKLOADS for action in ("apply", "release")]


class BindingMetrics:
    """Adds the metrics of bindings, gateways and probes to a controller's."""

    def __init__(self, metrics: Metrics, limit: int) -> None:
        """At most `limit` bindings, and as many endpoints, get series of their own."""
        self._metrics = metrics
        self._limit = limit
        self._probes = metrics.counter("probe", "Probes of trace endpoints.", "reason")
        self._probe_seconds = metrics.histogram("probe_duration_seconds", "Duration of a probe.")
        self._rollouts = metrics.counter("gateway_rollouts", "Writes of the operator that replace a gateway's pods.", "kind", "action")
        self._failures = metrics.counter("condition_failures", "Conditions of bindings that became False.", "condition", "reason")
        self._begin_at_zero()

    def watch_bindings(self, bindings: Callable[[], Iterable[Binding]]) -> None:
        """Add the counts and the series of bindings, from their statuses."""
        self._metrics.collect(lambda: _binding_metrics(tuple(bindings()), self._limit))

    def watch_probes(self, probes: Callable[[], Iterable[ProbeState]]) -> None:
        """Add the series of trace endpoints, from the results of their last probes."""
        self._metrics.collect(lambda: probe_series(probes(), self._limit))

    def count_probe(self, reason: str | None, seconds: float) -> None:
        """Note one probe: the schedule's `AskObserver`."""
        self._probe_seconds.observe(seconds)
        if reason is None:
            self._metrics.count_bug("probe")
        else:
            self._probes.labels(reason).inc()

    def count_look(self, look: str | None, _seconds: float) -> None:
        """Note a look for spans, but only if it met a bug: the schedule's `AskObserver`."""
        if look is None:
            self._metrics.count_bug("arrivals")

    def count_rollout(self, kind: str, action: str) -> None:
        """Note a write that replaces the pods of a workload of that kind."""
        self._rollouts.labels(kind, action).inc()

    def count_failure(self, condition: str, reason: str) -> None:
        """Note that a condition became False, or False for another reason."""
        self._failures.labels(condition, reason).inc()

    def _begin_at_zero(self) -> None:
        """Show every counter of a rare event before its first one: Prometheus sees no increase in a series that begins with 1."""
        for name in _RESULTS:
            self._probes.labels(name)
        for labels in _ROLLOUTS:
            self._rollouts.labels(*labels)
        for labels in _FAILURES:
            self._failures.labels(*labels)


def _binding_metrics(bindings: Sequence[Binding], limit: int) -> Iterator[Metric]:
    """The counts of all, then the series of some."""
    by_condition = GaugeMetricFamily(f"{PREFIX}_bindings", "Bindings, by condition and its status.", labels=["condition", "status"])
    by_reason = GaugeMetricFamily(f"{PREFIX}_bindings_ready_reason", "Bindings, by the reason of Ready.", labels=["reason"])
    conditions, reasons = _count(binding.status for binding in bindings)
    for (type_, value), number in conditions.items():
        by_condition.add_metric([type_, value], number)
    for reason, number in reasons.items():
        by_reason.add_metric([reason], number)
    yield from (by_condition, by_reason)
    yield from binding_series(bindings, limit)


def _count(statuses: Iterable[Mapping[str, Any]]) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Number of bindings by condition and status, and by the reason of Ready. Counts by three fields first: this is most of a scrape."""
    every = Counter(map(_FIELDS, chain.from_iterable(status.get("conditions") or () for status in statuses)))
    conditions: Counter[tuple[str, str]] = Counter()
    reasons: Counter[str] = Counter()
    for (type_, value, reason), number in every.items():
        if type_ in _TYPES:
            conditions[type_, value] += number
        if type_ == ConditionType.READY:
            reasons[reason if reason in REASONS else OTHER] += number
    return conditions, reasons
