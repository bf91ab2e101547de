"""A client that reads a cluster and keeps every write in memory: it shows what the writes would change.

It keeps to the API server's rules as far as this project's writes need them: preconditions, merge patches, server-side apply, finalizers.
Webhooks, defaults and controllers do not run. A changed workload keeps its generation and status, as it will be after its rollout.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Gone, Stale

from .client import PAGE, Client, Page, WatchEvent
from .field_ownership import applied, created_by, merged, strategically_merged, updated
from .objects import Kind, Manifest, ObjectKey, shown_time

__all__ = ["Change", "Overlay"]

_FIRST: Final = 10**15
"""A resourceVersion beyond that of any object in the cluster."""

_ASSUMED_BY: Final = "kubectl"
_GIVEN: Final = frozenset({"name", "namespace", "labels", "annotations"})
_PINS: Final = ("uid", "resourceVersion")


@dataclass(frozen=True, slots=True)
class Change:
    """An object before and after the writes; None where it does not exist."""

    key: ObjectKey
    before: Manifest | None = field(repr=False)
    after: Manifest | None = field(repr=False)


class Overlay(Client):
    """A read passes through to a real client unless the object was written or assumed here. Lists and watches always pass through."""

    def __init__(self, client: Client) -> None:  # the real client has the connection
        """`client` only reads."""
        self._client = client
        self.clock = client.clock
        self._versions = count(_FIRST)
        self._before: dict[ObjectKey, Manifest | None] = {}
        self._now: dict[ObjectKey, Manifest | None] = {}
        self.writes = 0
        """Number of writes so far that changed anything."""

    def changes(self) -> Iterator[Change]:
        """The objects that the writes changed: kinds in the order of their first write, and within a kind, written concurrently, by key."""
        kinds = [*dict.fromkeys(key.kind for key in self._now)]
        for key in sorted(self._now, key=lambda key: (kinds.index(key.kind), key)):
            if self._now[key] != self._before[key]:
                yield Change(key, copy.deepcopy(self._before[key]), copy.deepcopy(self._now[key]))

    async def assume(self, kind: Kind, raw: Manifest, *, whole_spec: bool = False) -> Manifest:
        """Assume that a person applied this object, over the live one if there is one; returns the outcome.

        With `whole_spec` the spec is replaced, else the object keeps the fields that the manifest does not name. Fields that the API server
        assigns are ignored in the manifest.
        """
        key, raw = kind.key(raw), _given(raw)
        live = await self._find(kind, key)
        if live is None:
            made = shown_time(self.clock())
            assumed = created_by(_ASSUMED_BY, _with_metadata(raw, uid=self._uid(), generation=1, creationTimestamp=made))
        else:
            generation = live["metadata"].get("generation", 0)
            assumed = updated(live, strategically_merged(live, raw), _ASSUMED_BY)
            if whole_spec:
                assumed = _with_metadata(
                    {**assumed, "spec": raw.get("spec")}, generation=generation + (live.get("spec") != raw.get("spec"))
                )
        return self._taken(key, assumed)

    def forget(self, key: ObjectKey) -> None:
        """Drop everything assumed or written about an object: it is read from the cluster again."""
        self._now.pop(key, None)
        self._before.pop(key, None)

    async def assume_deletion(self, kind: Kind, namespace: str, name: str) -> Manifest:
        """Assume that a person deleted an object, which waits for its finalizers; returns the outcome. Gone where it does not exist."""
        live = await self.get(kind, namespace, name)
        key = kind.key(live)
        deleted = shown_time(self.clock())
        return self._taken(key, _with_metadata(live, deletionTimestamp=deleted))

    async def get(self, kind: Kind, namespace: str, name: str, /) -> Manifest:
        """Read one object, as it would be; Gone where it would not exist."""
        key = ObjectKey(kind.name, namespace if kind.namespaced else "", name)
        found = await self._find(kind, key)
        if found is None:
            raise Gone(f"get {key}: not found")
        return copy.deepcopy(found)

    def list_pages(self, kind: Kind, namespace: str | None, limit: int = PAGE) -> AsyncGenerator[Page, None]:
        """List what the cluster has."""
        return self._client.list_pages(kind, namespace, limit)

    def watch(self, kind: Kind, namespace: str | None, resource_version: str) -> AsyncGenerator[WatchEvent, None]:
        """Watch what the cluster has."""
        return self._client.watch(kind, namespace, resource_version)

    async def create(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        """Create an object; Stale where one of that name exists."""
        key = kind.key(manifest)
        if await self._find(kind, key):
            raise Stale(f"create {key}: it exists already")
        return self._keep(key, created_by(names.FIELD_MANAGER, _with_metadata(manifest, uid=self._uid())))

    async def apply(self, kind: Kind, manifest: Manifest, *, force: bool = False, status: bool = False) -> Manifest:
        """Server-side apply to an object that exists, else Gone; Conflict where others own a field and `force` is not given."""
        key = kind.key(manifest)
        live = await self._pinned(kind, key, manifest)
        if status:
            return self._keep(key, {**live, "status": copy.deepcopy(manifest["status"])})
        return self._keep(key, applied(live, manifest, names.FIELD_MANAGER, force=force))

    async def merge_patch(
        self, kind: Kind, namespace: str, name: str, body: Manifest, *, strategic: bool = False, manager: str = names.FIELD_MANAGER
    ) -> Manifest:
        """Merge patch. An object that is being deleted is gone with its last finalizer."""
        key = ObjectKey(kind.name, namespace, name)
        live = await self._pinned(kind, key, body)
        changed: Manifest = strategically_merged(live, body) if strategic else merged(live, body)
        if "managedFields" not in body["metadata"]:
            changed = updated(live, changed, manager)
        if "deletionTimestamp" in changed["metadata"] and not changed["metadata"].get("finalizers"):
            self._drop(key)
            return changed
        return self._keep(key, changed)

    async def dry_run_patch(self, kind: Kind, namespace: str, name: str, body: Manifest) -> Manifest:
        """The object as a merge patch would leave it."""
        outcome: Manifest = merged(await self._pinned(kind, ObjectKey(kind.name, namespace, name), body), body)
        return copy.deepcopy(outcome)

    async def patch_status(self, kind: Kind, namespace: str, name: str, body: Manifest) -> Manifest:
        """Merge patch of the status."""
        key = ObjectKey(kind.name, namespace, name)
        patched: Manifest = merged(await self._pinned(kind, key, body), body)
        return self._keep(key, patched)

    async def dry_run_create(self, kind: Kind, manifest: Manifest) -> None:
        """Stale where one of that name exists."""
        if await self._find(kind, kind.key(manifest)):
            raise Stale(f"create {kind.key(manifest)}: it exists already")

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        """Delete the object with this uid; Stale where the object has another, Gone where there is none."""
        key = ObjectKey(kind.name, namespace, name)
        await self._pinned(kind, key, {"metadata": {"uid": uid}})
        self._drop(key)

    async def replace(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        """Replace an object at the manifest's resourceVersion; Stale where it changed."""
        key = kind.key(manifest)
        await self._pinned(kind, key, manifest)
        return self._keep(key, copy.deepcopy(manifest))

    def _taken(self, key: ObjectKey, raw: Manifest) -> Manifest:
        """Remember an object as its state before any write."""
        taken = self._now[key] = self._before[key] = self._versioned(raw)
        return copy.deepcopy(taken)

    async def _find(self, kind: Kind, key: ObjectKey) -> Manifest | None:
        if key not in self._now:
            try:
                live = await self._client.get(kind, key.namespace, key.name)
            except Gone:
                return None
            return {"apiVersion": kind.api_version, "kind": kind.name, **live}
        return self._now[key]

    async def _pinned(self, kind: Kind, key: ObjectKey, body: Manifest) -> Manifest:
        """The object, remembered as it was. Gone where there is none, Stale where the body states another uid or resourceVersion."""
        live = await self._find(kind, key)
        if live is None:
            raise Gone(f"{key}: not found")
        for pin in _PINS:
            if body["metadata"].get(pin, live["metadata"].get(pin)) != live["metadata"].get(pin):
                raise Stale(f"{key}: another {pin}")
        self._before.setdefault(key, live)
        return live

    def _keep(self, key: ObjectKey, raw: Manifest) -> Manifest:
        known = self._now.get(key, self._before.setdefault(key, None))
        if known is None or _content(raw) != _content(known):
            self.writes += 1
            raw = self._versioned(raw)
        else:
            raw = known
        self._now[key] = raw
        return copy.deepcopy(raw)

    def _drop(self, key: ObjectKey) -> None:
        self._now[key] = None
        self.writes += 1

    def _uid(self) -> str:
        return f"planned-{next(self._versions)}"

    def _versioned(self, raw: Manifest) -> Manifest:
        return _with_metadata(raw, resourceVersion=str(next(self._versions)))


def _given(raw: Manifest) -> Manifest:
    """The part of an object that a person can set."""
    metadata = {name: value for name, value in raw["metadata"].items() if name in _GIVEN}
    return {**{name: content for name, content in raw.items() if name != "status"}, "metadata": metadata}


def _with_metadata(raw: Manifest, **metadata: Any) -> Manifest:
    return {**raw, "metadata": {**raw["metadata"], **metadata}}


def _content(raw: Manifest) -> Manifest:
    """The object without its version."""
    return _with_metadata(raw, resourceVersion=None)
