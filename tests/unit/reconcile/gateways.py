"""A gateway reconciler with a workload that stays as it is, however often it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from fiddler_kong_operator.errors import FiddlerKongError
from fiddler_kong_operator.kube.contract import ClusterClient
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.snapshot import Binding, Workload
from fiddler_kong_operator.reconcile.gateway import GatewayOutcomes, GatewayReconciler
from tests.unit.plan.situations import GATEWAY, OURS, make_container, make_workload
from tests.unit.reconcile.stages import Clock

BARE = make_workload(make_container({}))
"""None of the settings is there."""
SETTLED = make_workload()
"""Somebody else sets all of them right."""
BORROWED = make_workload(managers=OURS)
"""We set all of them."""


class Cluster:
    """One workload and its bindings: Reader, ClusterClient and Feed in one. It stays as it is, however often it is written."""

    def __init__(self, workload: Workload | None, *bindings: Binding) -> None:
        self.workload = workload
        self.bindings = bindings
        self.writes: list[tuple[str, Manifest]] = []
        self.options: list[Mapping[str, Any]] = []
        self.observed: list[Manifest] = []
        self.error: FiddlerKongError | None = None
        self.managers: list[str] = []

    async def gather_workload(self, key: ObjectKey) -> tuple[Workload | None, tuple[Binding, ...]]:
        assert key == GATEWAY
        return self.workload, self.bindings

    async def apply(self, manifest: Manifest, **options: Any) -> Manifest:
        return self._write("apply", manifest, options)

    async def merge_patch(self, kind: str, namespace: str, name: str, body: Manifest, **options: Any) -> Manifest:
        assert ObjectKey(kind, namespace, name) == GATEWAY
        return self._write("patch", body, options)

    def observe(self, raw: Manifest) -> None:
        self.observed.append(raw)

    def _write(self, verb: str, manifest: Manifest, options: Mapping[str, Any]) -> Manifest:
        if self.error:
            raise self.error
        self.writes.append((verb, manifest))
        self.options.append(options)
        managed = [{"manager": manager} for manager in self.managers]
        return {"metadata": {"uid": "uid-gateway", "resourceVersion": str(77 + len(self.writes)), "managedFields": managed}}


class Stage:
    """A gateway reconciler, its cluster and who was woken."""

    def __init__(self, workload: Workload | None, *bindings: Binding) -> None:
        self.cluster = Cluster(workload, *bindings)
        self.clock = Clock()
        self.woken: list[ObjectKey] = []
        self.outcomes = GatewayOutcomes(self.woken.append)
        self.reconciler = GatewayReconciler(
            cast("ClusterClient", self.cluster), cast("Feed", self.cluster), cast("Reader", self.cluster), self.outcomes, self.clock
        )

    async def reconcile(self) -> float | None:
        return await self.reconciler.reconcile(GATEWAY)

    @property
    def failure(self) -> tuple[str, str]:
        found = self.outcomes.failure(GATEWAY)
        return (found.reason.name, found.message) if found else ("", "")
