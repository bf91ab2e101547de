"""Prometheus metrics about bindings and probes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from fiddler_kong_operator.api.conditions import REASONS, ConditionType
from fiddler_kong_operator.kube.metrics import PREFIX, Metrics

__all__ = ["BindingMetrics"]

_FIELDS: Final = itemgetter("type", "status", "reason")
_TYPES: Final = frozenset(ConditionType)
_OTHER: Final = "Other"
"""Stands for reasons of another release, or of another writer: the content of a status must not grow the number of series."""


class BindingMetrics:
    """Adds the metrics of bindings and probes to a controller's."""

    def __init__(self, metrics: Metrics, statuses: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        """`statuses` returns the status of each binding; it is called at each scrape."""
        self._metrics = metrics
        self._statuses = statuses
        self._probes = metrics.counter("probe", "Probes of trace endpoints.", "reason")
        self._probe_seconds = metrics.histogram("probe_duration_seconds", "Duration of a probe.")
        metrics.collect(self._read)

    def count_probe(self, reason: str | None, seconds: float) -> None:
        """Note one probe: the schedule's `AskObserver`."""
        self._probe_seconds.observe(seconds)
        if reason is None:
            self._metrics.count_bug("probe")
        else:
            self._probes.labels(reason).inc()

    def count_look(self, look: str | None, _seconds: float) -> None:
        """Note a look for spans that met a bug: the schedule's `AskObserver`."""
        if look is None:
            self._metrics.count_bug("arrivals")

    def _read(self) -> Iterator[Metric]:
        by_condition = GaugeMetricFamily(f"{PREFIX}_bindings", "Bindings, by condition and its status.", labels=["condition", "status"])
        by_reason = GaugeMetricFamily(f"{PREFIX}_bindings_ready_reason", "Bindings, by the reason of Ready.", labels=["reason"])
        conditions, reasons = _count(self._statuses())
        for (type_, value), number in conditions.items():
            by_condition.add_metric([type_, value], number)
        for reason, number in reasons.items():
            by_reason.add_metric([reason], number)
        yield from (by_condition, by_reason)


def _count(statuses: Iterable[Mapping[str, Any]]) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Number of bindings by condition and status, and by the reason of Ready. Counts by three fields first: this is most of a scrape."""
    every = Counter(map(_FIELDS, chain.from_iterable(status.get("conditions") or () for status in statuses)))
    conditions: Counter[tuple[str, str]] = Counter()
    reasons: Counter[str] = Counter()
    for (type_, value, reason), number in every.items():
        if type_ in _TYPES:
            conditions[type_, value] += number
        if type_ == ConditionType.READY:
            reasons[reason if reason in REASONS else _OTHER] += number
    return conditions, reasons
