"""A cluster in memory that keeps to the API server's rules for reading, creating, patching, applying and deleting.

Server-side apply, strategic merge patches, and JSON merge patches of a spec keep managedFields (`field_ownership`). Creations and other
JSON merge patches do not.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Callable

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Gone, Refused, Stale
from fiddler_kong_operator.kube.client import Client, Page, WatchEvent
from fiddler_kong_operator.kube.clock import ServerClock
from fiddler_kong_operator.kube.field_ownership import applied, merged, strategically_merged, updated
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from tests.unit.observe.objects import key as key_of


class FakeCluster(Client):
    """Objects by key. `calls` lists every request as (verb, key), `bodies` what each write sent."""

    def __init__(self, *objects: Manifest) -> None:  # nothing of the real client is used: no connection is made
        self.objects: dict[ObjectKey, Manifest] = {key_of(raw): copy.deepcopy(raw) for raw in objects}
        self.calls: list[tuple[str, ObjectKey]] = []
        self.bodies: list[Manifest] = []
        self.before: Callable[[str, ObjectKey], None] | None = None
        """Called when a request arrives: may change objects, or raise what the server answers."""
        self.after: Callable[[str, ObjectKey], None] | None = None
        """Called when the answer is on its way."""
        self.defaults: Callable[[Manifest], None] | None = None
        """Adds to an object what the server, or a webhook, always adds."""
        self.foreign_status: Manifest = {}
        """Fields of a status that another field manager owns: server-side apply keeps them."""
        self.version = 100
        self.clock = ServerClock()

    @property
    def writes(self) -> list[tuple[str, ObjectKey]]:
        return [call for call in self.calls if call[0] not in {"get", "dry run"}]

    async def close(self) -> None:
        """There is no connection."""

    def put(self, raw: Manifest) -> Manifest:
        """Another client creates or replaces an object."""
        self.objects[key_of(raw)] = self._versioned(copy.deepcopy(raw))
        return copy.deepcopy(self.objects[key_of(raw)])

    async def get(self, kind: Kind, namespace: str, name: str, /) -> Manifest:
        key = self._arrive("get", kind, namespace, name)
        found = copy.deepcopy(self.objects.get(key))
        self._answer("get", key)
        if found is None:
            raise Gone(f"{key} not found")
        return found

    async def create(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        metadata = manifest["metadata"]
        key = self._arrive("create", kind, metadata.get("namespace", ""), metadata["name"], manifest)
        if key in self.objects:
            raise Stale(f"{key} already exists")
        raw = copy.deepcopy(manifest)
        raw["metadata"]["uid"] = f"uid-made-{self.version}"
        return self._keep(key, raw)

    async def merge_patch(
        self, kind: Kind, namespace: str, name: str, body: Manifest, *, strategic: bool = False, manager: str = names.FIELD_MANAGER
    ) -> Manifest:
        key = self._arrive("strategic_patch" if strategic else "merge_patch", kind, namespace, name, body)
        live = self._pinned(key, body)
        if live.get("immutable") and not {"data", "immutable"}.isdisjoint(body):
            raise Refused(f"{key} is invalid: data: Forbidden: field is immutable when `immutable` is set", 422)
        if strategic and kind.group not in {"", "apps"}:
            raise Refused(f"{key}: the body of the request was in an unknown format", 415)
        changed = strategically_merged(live, body) if strategic else merged(live, body)
        tracked = strategic or ("spec" in body and "managedFields" in live["metadata"])
        return self._keep(key, updated(live, changed, manager) if tracked else changed)

    async def dry_run_patch(self, kind: Kind, namespace: str, name: str, body: Manifest) -> Manifest:
        key = self._arrive("dry run", kind, namespace, name)
        outcome: Manifest = merged(copy.deepcopy(self._pinned(key, body)), body)
        if self.defaults:
            self.defaults(outcome)
        return outcome

    async def patch_status(self, kind: Kind, namespace: str, name: str, body: Manifest) -> Manifest:
        key = self._arrive("patch_status", kind, namespace, name, body)
        return self._keep(key, merged(self._pinned(key, body), body))

    async def dry_run_create(self, kind: Kind, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        key = self._arrive("dry run", kind, metadata.get("namespace", ""), metadata["name"])
        if key in self.objects:
            raise Stale(f"{key} already exists")

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        key = self._arrive("delete", kind, namespace, name)
        if self._live(key)["metadata"]["uid"] != uid:
            raise Stale(f"{key} is another one")
        del self.objects[key]

    async def apply(self, kind: Kind, manifest: Manifest, *, force: bool = False, status: bool = False) -> Manifest:
        metadata = manifest["metadata"]
        verb = f"apply{' status' * status}{' by force' * force}"
        key = self._arrive(verb, kind, metadata["namespace"], metadata["name"], manifest)
        live = self._pinned(key, manifest)
        if status:
            return self._keep(key, {**copy.deepcopy(live), "status": copy.deepcopy({**self.foreign_status, **manifest["status"]})})
        return self._keep(key, applied(live, manifest, names.FIELD_MANAGER, force=force))

    async def replace(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        raise NotImplementedError

    def list_pages(self, kind: Kind, namespace: str | None, limit: int = 500) -> AsyncGenerator[Page, None]:
        raise NotImplementedError

    def watch(self, kind: Kind, namespace: str | None, resource_version: str) -> AsyncGenerator[WatchEvent, None]:
        raise NotImplementedError

    def _arrive(self, verb: str, kind: Kind, namespace: str, name: str, body: Manifest | None = None) -> ObjectKey:
        key = ObjectKey(kind.name, namespace, name)
        self.calls.append((verb, key))
        if body is not None:
            self.bodies.append(copy.deepcopy(body))
        if self.before:
            self.before(verb, key)
        return key

    def _answer(self, verb: str, key: ObjectKey) -> None:
        if self.after:
            self.after(verb, key)

    def _live(self, key: ObjectKey) -> Manifest:
        if key not in self.objects:
            raise Gone(f"{key} not found")
        return self.objects[key]

    def _pinned(self, key: ObjectKey, body: Manifest) -> Manifest:
        """The live object, where the uid and the resourceVersion that a body states are its own."""
        live = self._live(key)
        for pinned in ("uid", "resourceVersion"):
            if body.get("metadata", {}).get(pinned, live["metadata"][pinned]) != live["metadata"][pinned]:
                raise Stale(f"{key} has another {pinned}")
        return live

    def _keep(self, key: ObjectKey, raw: Manifest) -> Manifest:
        if self.defaults:
            self.defaults(raw)
        if raw != self.objects.get(key):
            self.objects[key] = self._versioned(raw)
        return copy.deepcopy(self.objects[key])

    def _versioned(self, raw: Manifest) -> Manifest:
        self.version += 1
        raw["metadata"]["resourceVersion"] = str(self.version)
        return raw
