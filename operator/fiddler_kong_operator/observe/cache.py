"""What is observed, in reduced form, with reverse indexes; and whom each change concerns.

* Every change of an object comes in by `apply_event` (watch, list) or `observe` (the answer to a write or a read). What is older than what
  is held is ignored, so that a write is seen at once and never unseen. A deleted uid is remembered for a while: no late answer revives it.
* Secrets are held only where a binding refers to them, Services where they carry plugins or are referred to, Deployments where a binding
  names them or we have borrowed fields on them. What is not held is a miss (`UNKNOWN`): the reader reads it live and gives it to `observe`
  or `remember_absent`.
* Methods that change something return the keys of bindings and workloads to be reconciled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey, version_of
from fiddler_kong_operator.plan.kinds import BINDING, DEPLOYMENT, EVENT, INGRESS, KINDS, KONG_CLUSTER_PLUGIN, KONG_PLUGIN, SECRET, SERVICE
from fiddler_kong_operator.plan.references import Place, references_of
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Child, KongWarning, Workload

from .groups import Cohorts
from .indexes import UNKNOWN, Indexes, Record, Unknown, Value, held_key
from .inflight import ExpectedWrites
from .reduce import (
    PluginFacts,
    SecretValues,
    reduce_annotations,
    reduce_attachable,
    reduce_binding,
    reduce_child,
    reduce_plugin,
    reduce_secret,
    reduce_warning,
)
from .triggers import Wakes
from .workloads import is_borrowed, reduce_workload

__all__ = ["UNKNOWN", "Store", "Unknown"]


GRAVES: Final = 4096
"""Deleted uids remembered."""

_NOBODY: Final[frozenset[ObjectKey]] = frozenset()
_CHILDREN: Final = frozenset({SECRET.name, KONG_PLUGIN.name, SERVICE.name, INGRESS.name})


class Store:
    """Everything observed, for one event loop."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Empty; every kind counts as installed. `clock` gives seconds since the epoch."""
        self._clock = clock
        self._shelves: dict[str, dict[ObjectKey, Record]] = {name: {} for name in KINDS}
        self._indexes = Indexes(lambda key: held_key(self._find(key), key))
        self._wakes = Wakes(self._indexes, self._find, self.bindings)
        self._graves: dict[str, None] = {}
        self._missing_kinds: set[str] = set()
        self.expected = ExpectedWrites()
        """Writes under way; what a watch shows of them before they are answered does not concern their authors."""

    # What happens

    def apply_event(self, kind: Kind, event_type: str | None, raw: Manifest) -> frozenset[ObjectKey]:
        """Take an event (ADDED, MODIFIED, DELETED; None for an object of a list or a replay)."""
        key = kind.key(raw)
        uid, version = raw["metadata"].get("uid", ""), raw["metadata"].get("resourceVersion", "")
        if event_type == "DELETED":
            return self.forget(key, uid, version)
        old = self._find(key)
        if uid in self._graves or (old and self._outdated(key, old, version_of(version))):
            return _NOBODY
        return self._put(kind, key, old, self._reduce(kind, held_key(old, key), raw, old))

    def observe(self, raw: Manifest) -> frozenset[ObjectKey]:
        """Take the answer to a write or a read; the later event of the same version is then no news to anybody."""
        return self.apply_event(KINDS[raw["kind"]], None, raw)

    def forget(self, key: ObjectKey, uid: str, resource_version: str = "") -> frozenset[ObjectKey]:
        """Take a deletion of that incarnation; without a uid, nothing."""
        old = self._find(key)
        if uid:
            self._bury(uid)
        if old is None or not old.uid or old.uid != uid:
            return _NOBODY
        absent = Record("", resource_version) if key in self._indexes.wanted_by else None
        return self._put(KINDS[key.kind], key, old, absent)

    def remember_absent(self, key: ObjectKey) -> None:
        """Take the answer that a referenced object does not exist; an event that came meanwhile counts more."""
        if self._find(key) is None and key in self._indexes.wanted_by:
            self._shelves[key.kind][key] = Record("", "")

    def relisted(self, kind: Kind, namespace: str | None, seen: AbstractSet[ObjectKey], resource_version: str) -> frozenset[ObjectKey]:
        """Take the end of a list: what it did not show and is not newer than it was deleted while nobody watched."""
        shelf, version = self._shelves[kind.name], version_of(resource_version)
        gone = [key for key in self.keys(kind, namespace) - seen if shelf[key].version <= version]
        return frozenset().union(*(self.forget(key, shelf[key].uid) for key in gone))

    def set_installed(self, kind: Kind, *, installed: bool) -> frozenset[ObjectKey]:
        """Take the news that the kind's definition is (not) there; concerns every binding where it changed."""
        name = kind.name
        if installed == (name not in self._missing_kinds):
            return _NOBODY
        self._missing_kinds ^= {name}
        return frozenset(self._shelves[BINDING.name])

    # What is held

    def __len__(self) -> int:
        """Number of records, those of objects that are known not to exist included."""
        return sum(len(shelf) for shelf in self._shelves.values())

    def installed(self, kind: Kind) -> bool:
        """Whether the kind's definition is there, as far as known."""
        return kind.name not in self._missing_kinds

    def keys(self, kind: Kind, namespace: str | None = None) -> frozenset[ObjectKey]:
        """Keys of every object of a kind that is held and exists."""
        shelf = self._shelves[kind.name]
        return frozenset(key for key, record in shelf.items() if record.uid and (namespace is None or key.namespace == namespace))

    def uid(self, key: ObjectKey) -> str:
        """The incarnation that is held; "" where there is none."""
        record = self._find(key)
        return record.uid if record else ""

    def binding(self, key: ObjectKey) -> Binding | None:
        """A binding."""
        value = self._value(key)
        return value if isinstance(value, Binding) else None

    def bindings(self) -> Iterator[Binding]:
        """Every binding."""
        return (record.value for record in self._shelves[BINDING.name].values() if isinstance(record.value, Binding))

    def bindings_of(self, workload: ObjectKey) -> Iterator[Binding]:
        """Every binding that names the workload."""
        return self.cohorts(workload).bindings()

    def cohorts(self, workload: ObjectKey) -> Cohorts:
        """The bindings that name the workload, by what they ask of it."""
        return self._indexes.cohorts.get(workload, Cohorts())

    def owner(self, key: ObjectKey) -> Binding | None:
        """The binding that owns an object."""
        child = self.child(key)
        owner = self._indexes.binding_of.get(child.owner_uid) if child and child.owner_uid else None
        return self.binding(owner) if owner else None

    def secret(self, key: ObjectKey) -> SecretValues | Unknown | None:
        """The values of a referenced Secret; None where it does not exist."""
        value = self._held(key)
        return value if isinstance(value, (dict, Unknown)) else None

    def workload(self, key: ObjectKey) -> Workload | Unknown | None:
        """A workload; None where it does not exist."""
        value = self._held(key)
        return value if isinstance(value, (Workload, Unknown)) else None

    def attachable(self, key: ObjectKey) -> Attachable | Unknown | None:
        """A Service or Ingress; None where it does not exist."""
        value = self._held(key)
        return value if isinstance(value, (Attachable, Unknown)) else None

    def plugin(self, key: ObjectKey) -> PluginFacts | None:
        """A KongPlugin or KongClusterPlugin, ours or not."""
        value = self._value(key)
        return value if isinstance(value, PluginFacts) else None

    def cluster_plugins(self) -> Iterator[tuple[ObjectKey, PluginFacts]]:
        """Every KongClusterPlugin."""
        shelf = self._shelves[KONG_CLUSTER_PLUGIN.name]
        return ((key, record.value) for key, record in shelf.items() if isinstance(record.value, PluginFacts))

    def child(self, key: ObjectKey) -> Child | None:
        """An object that is ours, or has the name of one a binding would create."""
        record = self._find(key)
        return record.child if record else None

    def children_of(self, uid: str) -> Collection[ObjectKey]:
        """Keys of the children a binding owns."""
        return self._indexes.owned_by[uid]

    def naming(self, plugin: ObjectKey) -> Collection[ObjectKey]:
        """Services and Ingresses whose annotation names the plugin."""
        return self._indexes.naming[plugin]

    def serving(self, place: Place) -> Collection[ObjectKey]:
        """Ingresses that serve the place."""
        return self._indexes.serving[place]

    def warnings_about(self, plugin: ObjectKey) -> Iterator[KongWarning]:
        """Kong's warnings about the plugin."""
        values = (self._value(key) for key in self._indexes.warning_about[plugin])
        return (value for value in values if isinstance(value, KongWarning))

    # How

    def _find(self, key: ObjectKey) -> Record | None:
        return self._shelves[key.kind].get(key)

    def _value(self, key: ObjectKey) -> Value | None:
        record = self._find(key)
        return record.value if record else None

    def _held(self, key: ObjectKey) -> Value | Unknown | None:
        record = self._find(key)
        return UNKNOWN if record is None or (record.uid and record.value is None) else record.value

    def _outdated(self, key: ObjectKey, old: Record, version: int) -> bool:
        """An equal version is news only where something of it was not kept and is wanted by now."""
        if version < 0 or old.version < version:
            return False
        return old.version > version or not self._lacks(key, old)

    def _lacks(self, key: ObjectKey, record: Record) -> bool:
        """A referenced object whose value was not kept, or one that bears a child's name since a binding came."""
        if not record.uid:
            return False
        unclaimed = record.child is None and key.kind in _CHILDREN
        return (record.value is None and key in self._indexes.wanted_by) or (unclaimed and self._wakes.claimant(key) is not None)

    def _put(self, kind: Kind, key: ObjectKey, old: Record | None, new: Record | None) -> frozenset[ObjectKey]:
        shelf = self._shelves[kind.name]
        if new is None:
            shelf.pop(key, None)
        else:
            shelf[key] = new
        if old is None and new is None:
            return _NOBODY
        self._indexes.move(key, old, new)
        if kind is BINDING:
            self._release(_references(old) - _references(new))
        author = self.expected.author_of(new.child) if new and new.child else None
        concerned = self._wakes.of(key, old, new)
        return concerned - {author} if author else concerned

    def _release(self, keys: Iterable[ObjectKey]) -> None:
        """Drop what was held only because a binding referred to it."""
        for key in keys:
            record = self._find(key)
            if record is None or key in self._indexes.wanted_by or self._keeps(record.value):
                continue
            rest = Record(record.uid, record.resource_version, None, record.child) if record.child else None
            self._put(KINDS[key.kind], key, record, rest)

    def _keeps(self, value: Value | None) -> bool:
        """Whether a value is held without any reference to it."""
        if isinstance(value, Workload):
            return value.borrowed
        return isinstance(value, Attachable) and bool(value.plugins or value.key.kind == INGRESS.name)

    def _reduce(self, kind: Kind, key: ObjectKey, raw: Manifest, old: Record | None) -> Record | None:
        metadata = raw["metadata"]
        child = reduce_child(key, raw, old.child if old else None, self._clock()) if self._is_child(key, raw) else None
        value = self._reduce_value(kind, key, raw, old)
        if child is None and value is None:
            return None
        token = reduce_annotations(raw) if kind is BINDING else 0
        return Record(metadata.get("uid", ""), metadata.get("resourceVersion", ""), value, child, token)

    def _reduce_value(self, kind: Kind, key: ObjectKey, raw: Manifest, old: Record | None) -> Value | None:
        if kind is BINDING:
            return reduce_binding(key, raw, self.binding(key) if old else None)
        wanted = key in self._indexes.wanted_by
        if kind is SECRET:
            return reduce_secret(raw) if wanted else None
        if kind is DEPLOYMENT:
            return reduce_workload(key, raw) if wanted or is_borrowed(raw) else None
        if kind in {SERVICE, INGRESS}:
            target = reduce_attachable(key, raw)
            return target if wanted or self._keeps(target) else None
        if kind is EVENT:
            return reduce_warning(raw)
        return reduce_plugin(raw) if kind in {KONG_PLUGIN, KONG_CLUSTER_PLUGIN} else None

    def _is_child(self, key: ObjectKey, raw: Manifest) -> bool:
        if key.kind not in _CHILDREN:
            return False
        managed = (raw["metadata"].get("labels") or {}).get(names.MANAGED_BY_LABEL) == names.APPLICATION
        return managed or self._wakes.claimant(key) is not None

    def _bury(self, uid: str) -> None:
        self._graves[uid] = None
        if len(self._graves) > GRAVES:
            del self._graves[next(iter(self._graves))]


def _references(record: Record | None) -> frozenset[ObjectKey]:
    return references_of(record.value) if record and isinstance(record.value, Binding) else _NOBODY
