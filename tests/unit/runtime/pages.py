"""Pages of /metrics on which every metric of the operator has a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from fiddler_kong_operator.kube.informer import Informer
from fiddler_kong_operator.kube.metrics import Metrics
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.kube.queue import WorkQueue
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.plan.kinds import SECRET
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.probe.schedule import ProbeState
from fiddler_kong_operator.probe.target import ProbeTarget
from fiddler_kong_operator.runtime.metrics import BindingMetrics
from tests.unit.runtime.apis import WatchableCluster

PREFIX = "fiddler_kong_operator_"
CANARY = "canary-key"
"""The key of every target."""


@dataclass(frozen=True)
class Shown:
    """A metric as the page shows it: its type, and the labels of its samples."""

    type: str
    labels: frozenset[str]


def bound(
    ready: str = "True",
    reason: str = "Ready",
    name: str = "assistant",
    traced: Any = None,
    reachable: str = "True",
    arriving: str = "",
) -> Binding:
    """A binding with a status; it has the condition TracesArriving only if `arriving` is its status."""
    conditions = [("TraceEndpointReachable", reachable, "Reachable"), ("Ready", ready, reason)]
    conditions += [("TracesArriving", arriving, "SpansWithoutText")] if arriving else []
    status: dict[str, Any] = {"conditions": [{"type": type_, "status": value, "reason": why} for type_, value, why in conditions]}
    status |= {"lastTraceTime": traced} if traced is not None else {}
    return Binding(ObjectKey("FiddlerKongBinding", "ai", name), name, 1, "", "1", None, status=status)


def probed(url: str = "https://acme.example", reason: str | None = "Reachable", age: float = 1.0) -> ProbeState:
    """A target with its last result."""
    return ProbeState(ProbeTarget(url, "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11", CANARY, "a Secret"), reason, age)


def full_page(*more: Binding, faulty: bool = True) -> str:
    """A page with at least one sample of each metric, of a binding that is Ready and `more`; unless `faulty`, nothing else is wrong."""
    metrics = Metrics()
    product = BindingMetrics(metrics, limit=10)
    product.watch_bindings(lambda: [bound(traced="2026-01-01T00:00:00Z"), *more])
    product.watch_probes(lambda: [probed(), *([probed(reason="Unauthorized")] if faulty else [])])
    cluster = WatchableCluster()
    informer = Informer(cluster, SECRET, None, Feed(Cache(), lambda *_: None, lambda _: None))
    metrics.watch_informers(lambda: [informer])
    metrics.watch_queue(WorkQueue())
    metrics.watch_leader(lambda: True)
    metrics.count_reconciliation("Deployment", "success", 1)
    metrics.count_request("get", "Lease", 200, 1)
    if faulty:
        metrics.count_bug("probe")
    product.count_probe("Reachable", 1)
    product.count_rollout("Deployment", "apply")
    product.count_failure("SecretsResolved", "SecretNotFound")
    return metrics.take()().decode()


def read(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """Value by the labels' values, in the order of the labels' names."""
    families = text_string_to_metric_families(metrics.take()().decode())
    found = (sample for family in families for sample in family.samples if sample.name == f"{PREFIX}{name}")
    return {tuple(sample.labels.values()): sample.value for sample in found}


def shown(page: str) -> dict[str, Shown]:
    """Every metric of the operator's own, by its name in queries: counters with `_total`, histograms without `_bucket`."""
    found = {}
    for family in text_string_to_metric_families(page):
        name = family.name.removeprefix(PREFIX) + ("_total" if family.type == "counter" else "")
        if family.name.startswith(PREFIX):
            found[name] = Shown(family.type, frozenset(label for s in family.samples for label in s.labels) - {"le"})
    return found
