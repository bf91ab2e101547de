"""The cache of observed objects, in reduced form.

* Every change comes in by `apply_event` (watch, list) or `observe` (the answer to a write or a read). Versions older than the cached one
  are ignored, so that the operator reads its own writes. Tombstones of deleted uids keep late answers from reviving an object.
* Values of objects that no binding refers to are kept only where their kind says so (`WatchedKind.keep`). A referenced object that is not
  cached is UNKNOWN: the reader reads it live and passes the answer to `observe` or `remember_absent`.
* Methods that change the cache return the keys of the bindings and workloads to reconcile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from enum import Enum
from typing import Any, Final, TypeVar

from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey, version_of
from fiddler_kong_operator.plan.kinds import BINDING, HTTP_ROUTE, REFERENCE_GRANT
from fiddler_kong_operator.plan.references import children_of, references_of, wanted_children
from fiddler_kong_operator.plan.snapshot import Binding, Child

from .groups import DemandGroups
from .inflight import InFlightWrites
from .kinds import WATCHED
from .kinds.children import child_triggers, index_child, is_managed, reduce_child
from .kinds.contract import changed
from .records import Indexes, Record, Records

__all__ = ["UNKNOWN", "Cache", "Unknown"]

T = TypeVar("T")

TOMBSTONES: Final = 4096
"""Deleted uids that are remembered."""

_ACROSS: Final = frozenset({HTTP_ROUTE.name, REFERENCE_GRANT.name})
"""Kinds whose objects concern bindings of other namespaces: if one cannot be watched in a namespace, every binding is requeued."""

_NONE: Final[frozenset[ObjectKey]] = frozenset()


class Unknown(Enum):
    """The type of UNKNOWN."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
"""Not cached: only the API server knows whether the object exists."""


def _places(binding: Binding, forbidden: Iterable[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """Those of the forbidden kinds and namespaces that a binding depends on: all in its own namespace, and its workload's."""
    workload = binding.workload
    mine = (None, binding.namespace)
    return [place for place in forbidden if place[1] in mine or (workload and place == (workload.kind, workload.namespace))]


class Cache:
    """Everything observed, for one event loop."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Empty; every kind counts as installed and readable. `clock` is the API server's."""
        self.clock = clock
        """The API server's time, in seconds since the epoch."""
        self._records = Records()
        self._tombstones: dict[str, None] = {}
        self._missing_kinds: set[str] = set()
        self._forbidden: dict[tuple[str, str | None], str] = {}
        self.in_flight = InFlightWrites()
        """Writes in flight: their watch events do not requeue their authors."""

    # Changes

    def apply_event(self, kind: Kind, event_type: str | None, raw: Manifest) -> frozenset[ObjectKey]:
        """Apply an event (ADDED, MODIFIED, DELETED; None for an object of a list or an answer)."""
        key = kind.key(raw)
        uid, version = raw["metadata"].get("uid", ""), raw["metadata"].get("resourceVersion", "")
        if event_type == "DELETED":
            return self.gone(key, uid, version)
        old = self._records.find(key)
        if uid in self._tombstones or (old and self._is_outdated(key, old, version_of(version))):
            return _NONE
        return self._put(key, old, self._reduce(key, raw, old))

    def observe(self, raw: Manifest) -> frozenset[ObjectKey]:
        """Apply the answer to a write or a read; the watch event of the same version then changes nothing."""
        return self.apply_event(WATCHED[raw["kind"]].kind, None, raw)

    def gone(self, key: ObjectKey, uid: str, resource_version: str = "") -> frozenset[ObjectKey]:
        """Apply the deletion of the object with this uid; without a uid, nothing happens."""
        old = self._records.find(key)
        if uid:
            self._bury(uid)
        if old is None or not old.uid or old.uid != uid:
            return _NONE
        return self._remove(key, old, resource_version)

    def remember_absent(self, key: ObjectKey) -> None:
        """Note that a referenced object does not exist; an event that arrived meanwhile takes precedence."""
        if self._records.find(key) is None and self._is_wanted(key):
            self._records.put(key, Record("", ""))

    def relisted(self, kind: Kind, namespace: str | None, seen: AbstractSet[ObjectKey], resource_version: str) -> frozenset[ObjectKey]:
        """Apply the end of a list: cached objects that it did not show, and that are not newer than it, were deleted unnoticed."""
        records, version = self._records.of_kind(kind.name), version_of(resource_version)
        gone = [key for key in self.keys(kind, namespace) - seen if records[key].version <= version]
        return frozenset().union(*(self.gone(key, records[key].uid) for key in gone))

    def set_installed(self, kind: Kind, *, installed: bool) -> frozenset[ObjectKey]:
        """Note whether the kind's definition exists; a change concerns every binding. Without it, its objects do not exist.

        They get no tombstones: an API server that serves the kind again may have the same objects.
        """
        records = {} if installed else self._records.of_kind(kind.name)
        concerned = frozenset().union(*(self._remove(key, records[key]) for key in (self.keys(kind) if records else ())))
        if installed == self.installed(kind):
            return concerned
        self._missing_kinds ^= {kind.name}
        return concerned | frozenset(self._records.bindings())

    def set_forbidden(self, kind: Kind, namespace: str | None, problem: str | None) -> frozenset[ObjectKey]:
        """Note why a kind cannot be watched in a namespace (None: in all), or that it can; a change concerns the bindings that need it."""
        place = kind.name, namespace
        if self._forbidden.get(place) == problem:
            return _NONE
        self._forbidden.pop(place, None)
        if problem:
            self._forbidden[place] = problem
        return frozenset(key for key, binding in self.values(BINDING, Binding) if kind.name in _ACROSS or _places(binding, [place]))

    def note_defaults(self, key: ObjectKey, resource_version: str, wanted: bytes) -> None:
        """Note that a write of content with the digest `wanted` produced the cached version, defaults and webhooks included."""
        record = self._records.find(key)
        if record and record.child and record.resource_version == resource_version:
            self._records.put(key, replace(record, child=record.child.defaulted(wanted)))

    # Content

    def __len__(self) -> int:
        """Number of records, those of missing referenced objects included."""
        return len(self._records)

    @property
    def indexes(self) -> Indexes:
        """The reverse indexes, to read."""
        return self._records.indexes

    def installed(self, kind: Kind) -> bool:
        """Whether the kind's definition exists, as far as known."""
        return kind.name not in self._missing_kinds

    def readable(self, kind: Kind, namespace: str | None = None) -> bool:
        """Whether the operator may watch the kind, in all namespaces and in this one, as far as known."""
        return self._forbidden.keys().isdisjoint({(kind.name, None), (kind.name, namespace)})

    def problems(self, kind: Kind, namespace: str | None = None) -> tuple[str, ...]:
        """Why the kind cannot be watched, in all namespaces or in this one; without a namespace, every reason."""
        return tuple(
            why for (name, where), why in self._forbidden.items() if name == kind.name and (not namespace or where in (None, namespace))
        )

    def forbidden(self, binding: Binding, among: Container[str] = WATCHED) -> tuple[str, ...]:
        """One text for each forbidden kind that a binding depends on, and that `among` names: why it cannot be watched.

        A binding depends on an optional kind only where it names, or wants, an object of it.
        """
        places = [place for place in _places(binding, self._forbidden) if place[0] in among]
        named = {key.kind for key in references_of(binding).union(wanted_children(binding))} if places else frozenset()
        return tuple(self._forbidden[place] for place in places if not WATCHED[place[0]].optional or place[0] in named)

    def keys(self, kind: Kind, namespace: str | None = None) -> frozenset[ObjectKey]:
        """Keys of every cached object of a kind that exists."""
        records = self._records.of_kind(kind.name)
        return frozenset(key for key, record in records.items() if record.uid and namespace in (None, key.namespace))

    def wanted(self, kind: Kind) -> list[tuple[ObjectKey, str]]:
        """The objects of a kind that bindings refer to, or would make, each with its uid ("" where it is not cached)."""
        made = {key for _, binding in self.values(BINDING, Binding) for key in children_of(binding)}
        return [(key, self.uid(key)) for key in sorted(made.union(self.indexes.wanted_by)) if key.kind == kind.name]

    def uid(self, key: ObjectKey) -> str:
        """The uid of the cached object; "" where there is none."""
        record = self._records.find(key)
        return record.uid if record else ""

    def version(self, key: ObjectKey) -> int:
        """The resourceVersion of the cached object as a number; -1 where there is none."""
        record = self._records.find(key)
        return record.version if record else -1

    def value(self, key: ObjectKey, expected: type[T]) -> T | None:
        """The cached value of this type; None where the object does not exist or its value is not kept."""
        return self._records.value(key, expected)

    def values(self, kind: Kind, expected: type[T]) -> Iterator[tuple[ObjectKey, T]]:
        """Every cached value of a kind."""
        return ((key, record.value) for key, record in self._records.of_kind(kind.name).items() if isinstance(record.value, expected))

    def lookup(self, key: ObjectKey) -> Any | Unknown | None:
        """The value of a referenced object; None where it does not exist, UNKNOWN where it is not cached."""
        record = self._records.find(key)
        return UNKNOWN if record is None or (record.uid and record.value is None) else record.value

    def binding(self, key: ObjectKey) -> Binding | None:
        """A binding."""
        return self._records.value(key, Binding)

    def child(self, key: ObjectKey) -> Child | None:
        """Ownership facts of an object that carries our managed-by label or has the name of one that a binding would create."""
        return self._records.child(key)

    def owner(self, key: ObjectKey) -> Binding | None:
        """The binding that owns an object."""
        owner = self._records.owner_of(key)
        return self.binding(owner) if owner else None

    def groups(self, workload: ObjectKey) -> DemandGroups:
        """The bindings that name the workload, by demand."""
        return self.indexes.groups.get(workload, DemandGroups())

    # Reduction

    def _is_wanted(self, key: ObjectKey) -> bool:
        return key in self.indexes.wanted_by

    def _is_outdated(self, key: ObjectKey, old: Record, version: int) -> bool:
        """Whether this version brings nothing new. An equal one matters only if a part of the object was not kept and is wanted now."""
        if version < 0 or old.version < version:
            return False
        return old.version > version or not self._lacks(key, old)

    def _lacks(self, key: ObjectKey, record: Record) -> bool:
        """Whether a binding refers to it and its value was not kept, or a new binding wants its name."""
        if not record.uid:
            return False
        unclaimed = record.child is None and WATCHED[key.kind].owned
        return (record.value is None and self._is_wanted(key)) or (unclaimed and any(self._records.claimants(key)))

    def _reduce(self, key: ObjectKey, raw: Manifest, old: Record | None) -> Record | None:
        row, metadata = WATCHED[key.kind], raw["metadata"]
        value = row.reduce(key, raw, old.value if old else None)
        if not self._is_wanted(key) and not row.keep(value):
            value = None
        child = reduce_child(key, raw, old.child if old else None, self.clock()) if self._is_child(key, raw) else None
        if child is None and value is None:
            return None
        return Record(metadata.get("uid", ""), metadata.get("resourceVersion", ""), value, child)

    def _is_child(self, key: ObjectKey, raw: Manifest) -> bool:
        return WATCHED[key.kind].owned and (is_managed(raw) or any(self._records.claimants(key)))

    def _put(self, key: ObjectKey, old: Record | None, new: Record | None) -> frozenset[ObjectKey]:
        """Set a record, update the indexes, and return the keys to requeue, except the authors of this very write."""
        if old is None and new is None:
            return _NONE
        self._records.put(key, new)
        before, after = (record.value if record else None for record in (old, new))
        old_child, new_child = (record.child if record else None for record in (old, new))
        WATCHED[key.kind].index(self.indexes, key, before, after)
        index_child(self.indexes, key, old_child, new_child)
        if isinstance(before, Binding):
            self._release(before, after)
        concerned = {*WATCHED[key.kind].triggers(self._records, key, before, after)}
        concerned.update(child_triggers(self._records, key, old_child, new_child))
        return frozenset(concerned - self._authors(key, before, new))

    def _authors(self, key: ObjectKey, before: Any, record: Record | None) -> frozenset[ObjectKey]:
        """The bindings whose writes account for the whole change: an edit may come in the same event as our status."""
        if record is None or (isinstance(record.value, Binding) and changed(before, record.value, "status")):
            return _NONE
        content = record.value.status if isinstance(record.value, Binding) else record.child.digest if record.child else None
        return self.in_flight.authors_of(key, content)

    def _release(self, before: Binding, after: Binding | None) -> None:
        """Drop values that were kept only because a binding referred to the object."""
        for key in references_of(before) - (references_of(after) if after else _NONE):
            record = self._records.find(key)
            if record is None or self._is_wanted(key) or (record.value is not None and WATCHED[key.kind].keep(record.value)):
                continue
            self._put(key, record, Record(record.uid, record.resource_version, None, record.child) if record.child else None)

    def _remove(self, key: ObjectKey, old: Record, resource_version: str = "") -> frozenset[ObjectKey]:
        """Remove the record of an object that is gone; one that a binding refers to stays, as missing."""
        return self._put(key, old, Record("", resource_version) if self._is_wanted(key) else None)

    def _bury(self, uid: str) -> None:
        self._tombstones[uid] = None
        if len(self._tombstones) > TOMBSTONES:
            del self._tombstones[next(iter(self._tombstones))]
