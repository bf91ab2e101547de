"""A cluster in memory that deletes as Kubernetes does: finalizers hold objects, and the garbage collector follows owners."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Collection
from datetime import datetime
from typing import Any

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Refused
from fiddler_kong_operator.kube.client import Page
from fiddler_kong_operator.kube.objects import LEASE, Kind, Manifest, ObjectKey
from fiddler_kong_operator.plan.kinds import BINDING
from tests.unit.observe.objects import deployment
from tests.unit.runtime.apis import WatchableCluster

NAMESPACE = "tools"


def lease(holder: str, renewed: datetime) -> Manifest:
    """The operator's Lease."""
    metadata = {"name": names.APPLICATION, "namespace": NAMESPACE, "uid": "uid-lease", "resourceVersion": "1"}
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 86400, "renewTime": renewed.isoformat(), "leaseTransitions": 1}
    return {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata, "spec": spec}


def operator() -> Manifest:
    """The operator's Deployment."""
    labels = {"app.kubernetes.io/name": names.APPLICATION}
    return deployment(namespace=NAMESPACE, name=names.APPLICATION, labels=labels)


class RemovableCluster(WatchableCluster):
    """`denied` are verbs on plurals that this user may not use; `only` are the namespaces in which it may list anything."""

    def __init__(self, *objects: Manifest, denied: Collection[tuple[str, str]] = ()) -> None:
        plain = [raw for raw in objects if raw["kind"] != LEASE.name]
        super().__init__(*plain)
        self.objects |= {LEASE.key(raw): raw for raw in objects if raw["kind"] == LEASE.name}
        self.denied = denied
        self.only: set[str] | None = None
        self.recreated: Manifest | None = None
        """Created as soon as the binding of its name is gone."""
        self.leases: list[Manifest] = []
        """The specs of the Lease as written."""

    @property
    def changing(self) -> list[str]:
        """The objects of writes, without questions about rights."""
        return [str(key) for _, key in self.writes]

    async def create(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        if kind.name == "SelfSubjectAccessReview":
            asked = manifest["spec"]["resourceAttributes"]
            return {**manifest, "status": {"allowed": (asked["verb"], asked["resource"]) not in self.denied}}
        return await super().create(kind, manifest)

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        live = self.objects.get(ObjectKey(kind.name, namespace, name))
        if live and live["metadata"].get("finalizers"):
            self._arrive("delete", kind, namespace, name)
            metadata = {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
            self.put({**live, "metadata": metadata})
            return
        await super().delete(kind, namespace, name, uid=uid)
        self._collect(uid)

    async def merge_patch(self, kind: Kind, namespace: str, name: str, body: Manifest, **options: Any) -> Manifest:
        answer = await super().merge_patch(kind, namespace, name, body, **options)
        if "deletionTimestamp" in answer["metadata"] and not answer["metadata"].get("finalizers"):
            del self.objects[kind.key(answer)]
            self._collect(answer["metadata"]["uid"])
        return answer

    async def replace(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        self.leases.append(manifest["spec"])
        return self.put(copy.deepcopy(manifest)) if kind != LEASE else self._keep(LEASE.key(manifest), copy.deepcopy(manifest))

    async def list_pages(self, kind: Kind, namespace: str | None, limit: int = 500) -> AsyncGenerator[Page, None]:
        if self.only is not None and namespace not in self.only:
            raise Refused(f"list {kind.name}: forbidden", 403)
        async for page in super().list_pages(kind, namespace, limit):
            label, _, value = kind.label_selector.partition("=")
            yield Page([raw for raw in page.items if not label or (raw["metadata"].get("labels") or {}).get(label) == value], "0")

    def _collect(self, uid: str) -> None:
        """Delete what that object owned."""
        owned = [k for k, raw in self.objects.items() if any(o["uid"] == uid for o in raw["metadata"].get("ownerReferences") or ())]
        for key in owned:
            del self.objects[key]
        if self.recreated and BINDING.key(self.recreated) not in self.objects:
            self.put(self.recreated)
