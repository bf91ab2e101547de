from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fiddler_kong_operator.kube.metrics import Metrics
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.probe.schedule import ProbeState
from fiddler_kong_operator.runtime.metrics import BindingMetrics
from fiddler_kong_operator.runtime.operator import Operator
from fiddler_kong_operator.settings import Settings
from tests.unit.runtime.apis import WatchableCluster
from tests.unit.runtime.pages import CANARY, Shown, bound, full_page, probed, read, shown

PAGE = Path(__file__).resolve().parents[3] / "docs/metrics.md"


def watching(*bindings: Binding, limit: int = 10) -> Metrics:
    metrics = Metrics()
    BindingMetrics(metrics, limit).watch_bindings(lambda: bindings)
    return metrics


def probing(*states: ProbeState, limit: int = 10) -> Metrics:
    metrics = Metrics()
    BindingMetrics(metrics, limit).watch_probes(lambda: states)
    return metrics


def test_bindings_are_counted_by_condition_and_by_the_reason_of_ready() -> None:
    metrics, bindings = Metrics(), [bound(), bound(), bound("False", "Unauthorized", reachable="False")]
    BindingMetrics(metrics, 10).watch_bindings(lambda: bindings)

    assert read(metrics, "bindings") == {
        ("TraceEndpointReachable", "True"): 2,
        ("TraceEndpointReachable", "False"): 1,
        ("Ready", "True"): 2,
        ("Ready", "False"): 1,
    }
    assert read(metrics, "bindings_ready_reason") == {("Ready",): 2, ("Unauthorized",): 1}

    bindings[:] = [bound()]
    assert read(metrics, "bindings_ready_reason") == {("Ready",): 1}


def test_reasons_that_others_wrote_make_no_new_series() -> None:
    metrics = watching(*(bound("False", f"Reason{n}", reachable=f"{n < 50}") for n in range(100)), limit=0)

    assert read(metrics, "bindings_ready_reason") == {("Other",): 100}
    assert read(metrics, "bindings")["Ready", "False"] == 100
    assert metrics.bugs == 0


def test_each_binding_shows_its_conditions_with_their_reasons() -> None:
    metrics = watching(bound("False", "SecretNotFound"), bound("False", "Forged", name="bot"))

    assert read(metrics, "binding_condition") == {
        ("assistant", "ai", "TraceEndpointReachable", "Reachable", "True"): 1,
        ("assistant", "ai", "Ready", "SecretNotFound", "False"): 1,
        ("bot", "ai", "TraceEndpointReachable", "Reachable", "True"): 1,
        ("bot", "ai", "Ready", "Other", "False"): 1,
    }
    assert read(metrics, "bindings_omitted") == {(): 0}


def names(metrics: Metrics) -> Sequence[str]:
    return sorted({labels[0] for labels in read(metrics, "binding_condition")})


def test_of_too_many_bindings_those_that_are_not_ready_are_shown_and_the_rest_is_counted() -> None:
    bindings = [bound(*(("True", "Ready") if n % 2 else ("False", "SecretNotFound")), name=f"b{n}") for n in range(6)]
    metrics = watching(*bindings, limit=4)

    assert names(metrics) == ["b0", "b1", "b2", "b4"]
    assert read(metrics, "bindings_omitted") == {(): 2}
    assert read(metrics, "bindings_ready_reason") == {("Ready",): 3, ("SecretNotFound",): 3}


def test_a_limit_of_zero_keeps_every_name_out_of_the_page() -> None:
    metrics = watching(bound(name="secret-project", traced="2026-01-01T00:00:00Z"), limit=0)

    assert "secret-project" not in metrics.take()().decode()
    assert read(metrics, "bindings_omitted") == {(): 1}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-01T00:00:00Z", {("assistant", "ai"): 1767225600}),
        (None, {}),
        ("yesterday", {}),
        (17, {}),
    ],
)
def test_the_time_of_the_last_trace_is_that_of_the_status(written: object, expected: dict[tuple[str, ...], float]) -> None:
    metrics = watching(bound(traced=written))

    assert read(metrics, "binding_last_trace_timestamp_seconds") == expected
    assert metrics.bugs == 0


def test_a_binding_without_a_status_is_no_bug() -> None:
    metrics = watching(replace(bound(), status={}))

    assert (read(metrics, "binding_condition"), metrics.bugs) == ({}, 0)


def test_the_targets_of_an_endpoint_are_counted_by_their_last_result_and_the_oldest_answer_is_shown() -> None:
    acme = [probed("https://acme.example", reason, age) for reason, age in (("Reachable", 9), ("Unauthorized", 70), (None, 1))]
    metrics = probing(*acme, probed("https://eu.example", "Reachable", 2))

    assert read(metrics, "probe_targets") == {
        ("Reachable", "https://acme.example"): 1,
        ("Unauthorized", "https://acme.example"): 1,
        ("ProbePending", "https://acme.example"): 1,
        ("Reachable", "https://eu.example"): 1,
    }
    assert read(metrics, "probe_age_seconds") == {("https://acme.example",): 70, ("https://eu.example",): 2}
    assert read(metrics, "endpoints_omitted") == {(): 0}


def test_of_too_many_endpoints_those_that_fail_are_shown() -> None:
    states = [probed(f"https://{n}.example", "ServerError" if n == 3 else "Reachable") for n in range(5)]
    metrics = probing(*states, limit=2)

    assert sorted(read(metrics, "probe_age_seconds")) == [("https://0.example",), ("https://3.example",)]
    assert read(metrics, "endpoints_omitted") == {(): 3}


def test_no_key_is_on_the_page() -> None:
    assert CANARY not in full_page()


def test_probes_are_counted_by_reason_and_timed_and_a_bug_in_one_is_a_bug() -> None:
    metrics = Metrics()
    product = BindingMetrics(metrics, 10)
    for reason in ("Reachable", "Reachable", "Unauthorized", None):
        product.count_probe(reason, 0.5)

    assert {labels: value for labels, value in read(metrics, "probe_total").items() if value} == {("Reachable",): 2, ("Unauthorized",): 1}
    assert read(metrics, "probe_duration_seconds_sum") == {(): 2.0}
    assert read(metrics, "bugs_total") == {("probe",): 1}


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("probe_total", ("Unauthorized",)),
        ("gateway_rollouts_total", ("apply", "Deployment")),
        ("condition_failures_total", ("SecretsResolved", "SecretNotFound")),
    ],
)
def test_a_counter_of_rare_events_is_0_before_the_first_one(name: str, labels: tuple[str, ...]) -> None:
    """Prometheus' increase() is 0 for a series that begins with 1."""
    metrics = Metrics()
    BindingMetrics(metrics, 10)

    assert read(metrics, name)[labels] == 0


def documented() -> dict[str, Shown]:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", PAGE.read_text(), re.MULTILINE)
    return {name: Shown(type_, frozenset(re.findall(r"`(\w+)`", labels))) for name, type_, labels in rows}


def test_the_table_of_the_documentation_is_the_page() -> None:
    assert documented() == shown(full_page())


async def test_an_operator_shows_exactly_these_metrics() -> None:
    metrics = Metrics()
    metrics.watch_leader(lambda: False)
    Operator(Settings(), WatchableCluster(), metrics)

    assert sorted(shown(metrics.take()().decode())) == sorted(documented())


def test_names_follow_the_conventions_of_prometheus() -> None:
    metrics = shown(full_page())

    assert [name for name, metric in metrics.items() if (metric.type == "counter") != name.endswith("_total")] == []
    assert [name for name, metric in metrics.items() if metric.type == "histogram" and not name.endswith("_seconds")] == []
    assert [
        name for name in metrics if not re.fullmatch("[a-z]+(_[a-z]+)*", name) or re.search(r"_(count|sum|bucket|ms|minutes)$", name)
    ] == []
    assert sorted(label for metric in metrics.values() for label in metric.labels if label in {"namespace", "pod", "job", "instance"}) == []
