from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from fiddler_kong_operator.kube.metrics import Metrics
from fiddler_kong_operator.runtime.metrics import BindingMetrics


def status(ready: str, reason: str, reachable: str = "True") -> dict[str, Any]:
    conditions = [("TraceEndpointReachable", reachable, "Reachable"), ("Ready", ready, reason)]
    return {"conditions": [{"type": type_, "status": value, "reason": why} for type_, value, why in conditions]}


def read(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """Value by the labels' values."""
    families = text_string_to_metric_families(metrics.render().decode())
    found = (sample for family in families for sample in family.samples if sample.name == f"fiddler_kong_operator_{name}")
    return {tuple(sample.labels.values()): sample.value for sample in found}


def test_bindings_are_counted_by_condition_and_by_the_reason_of_ready() -> None:
    metrics, statuses = Metrics(), [status("True", "Ready"), status("True", "Ready"), status("False", "Unauthorized", "False"), {}]
    BindingMetrics(metrics, lambda: statuses)

    assert read(metrics, "bindings") == {
        ("TraceEndpointReachable", "True"): 2,
        ("TraceEndpointReachable", "False"): 1,
        ("Ready", "True"): 2,
        ("Ready", "False"): 1,
    }
    assert read(metrics, "bindings_ready_reason") == {("Ready",): 2, ("Unauthorized",): 1}

    statuses[:] = [status("True", "Ready")]
    assert read(metrics, "bindings_ready_reason") == {("Ready",): 1}


def test_statuses_that_others_wrote_make_no_new_series() -> None:
    metrics = Metrics()
    forged = [{"conditions": [{"type": f"Type{n}", "status": "True", "reason": f"Reason{n}"}]} for n in range(100)]
    BindingMetrics(metrics, lambda: [*forged, *(status("False", f"Reason{n}") for n in range(100))])

    assert read(metrics, "bindings") == {("TraceEndpointReachable", "True"): 100, ("Ready", "False"): 100}
    assert read(metrics, "bindings_ready_reason") == {("Other",): 100}
    assert metrics.bugs == 0


def test_probes_are_counted_by_reason_and_timed_and_a_bug_in_one_is_a_bug() -> None:
    metrics = Metrics()
    product = BindingMetrics(metrics, lambda: ())
    for reason in ("Reachable", "Reachable", "Unauthorized", None):
        product.count_probe(reason, 0.5)

    assert read(metrics, "probe_total") == {("Reachable",): 2, ("Unauthorized",): 1}
    assert read(metrics, "probe_duration_seconds_sum") == {(): 2.0}
    assert read(metrics, "bugs_total") == {("probe",): 1}
