"""Metrics of single bindings and endpoints: a bounded number, those first that need attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from typing import Any, Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from fiddler_kong_operator.api.conditions import REASONS, ConditionType
from fiddler_kong_operator.kube.metrics import PREFIX
from fiddler_kong_operator.kube.objects import seconds_of
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.probe.schedule import ProbeState

__all__ = ["OTHER", "binding_series", "probe_series"]

OTHER: Final = "Other"
"""Stands for reasons of another release, or of another writer: the content of a status must not grow the number of series."""

_PENDING: Final = "ProbePending"
_BINDING: Final = ["binding_namespace", "binding"]
_ENDPOINT: Final = "trace_endpoint"
"""`namespace`, `name` and `endpoint` are labels of the scraped pod in many installations, and would hide these."""

_TYPES: Final = frozenset(ConditionType)


def binding_series(bindings: Sequence[Binding], limit: int) -> Iterator[Metric]:
    """The conditions and the last trace of at most `limit` bindings, and how many were left out."""
    condition = GaugeMetricFamily(
        f"{PREFIX}_binding_condition",
        "1 for the status and reason that a binding's condition has.",
        labels=[*_BINDING, "condition", "status", "reason"],
    )
    traced = GaugeMetricFamily(
        f"{PREFIX}_binding_last_trace_timestamp_seconds", "Unix time of a binding's last trace in Fiddler.", labels=_BINDING
    )
    for binding in bindings if len(bindings) <= limit else nsmallest(limit, bindings, key=_urgency):
        named = [binding.namespace, binding.name]
        for found in binding.status.get("conditions") or ():
            if found["type"] in _TYPES:
                condition.add_metric([*named, found["type"], found["status"], _known(found["reason"])], 1)
        if moment := _moment(binding.status.get("lastTraceTime")):
            traced.add_metric(named, moment)
    omitted = max(0, len(bindings) - limit)
    yield from (condition, traced, _omitted("bindings", "Bindings", omitted))


def probe_series(probes: Iterable[ProbeState], limit: int) -> Iterator[Metric]:
    """The results of at most `limit` endpoints, and how many were left out."""
    targets = GaugeMetricFamily(f"{PREFIX}_probe_targets", "Probed targets, by endpoint and last result.", labels=[_ENDPOINT, "reason"])
    age = GaugeMetricFamily(
        f"{PREFIX}_probe_age_seconds", "Time since the last result of the target that waited longest.", labels=[_ENDPOINT]
    )
    results: dict[str, Counter[str]] = {}
    ages: dict[str, float] = {}
    for probe in probes:
        results.setdefault(probe.endpoint, Counter())[probe.reason or _PENDING] += 1
        ages[probe.endpoint] = max(probe.age, ages.get(probe.endpoint, 0.0))
    for endpoint in nsmallest(limit, results, key=lambda name: (set(results[name]) == {"Reachable"}, name)):
        age.add_metric([endpoint], ages[endpoint])
        for reason, number in results[endpoint].items():
            targets.add_metric([endpoint, reason], number)
    yield from (targets, age, _omitted("endpoints", "Endpoints", max(0, len(results) - limit)))


def _urgency(binding: Binding) -> tuple[bool, str, str]:
    return _is_ready(binding), binding.namespace, binding.name


def _is_ready(binding: Binding) -> bool:
    return any(c["type"] == ConditionType.READY and c["status"] == "True" for c in binding.status.get("conditions") or ())


def _known(reason: str) -> str:
    return reason if reason in REASONS else OTHER


def _moment(text: Any) -> float:
    """Unix time; 0 where there is none, or no time can be read."""
    return seconds_of(text) if isinstance(text, str) else 0.0


def _omitted(name: str, title: str, number: int) -> Metric:
    return GaugeMetricFamily(
        f"{PREFIX}_{name}_omitted", f"{title} without series of their own, which --metrics-bindings limits.", value=number
    )
