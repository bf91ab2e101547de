"""The observed objects in reduced form, and the reverse indexes over them. Nothing here decides what is kept or requeued."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fiddler_kong_operator.kube.objects import ObjectKey, version_of
from fiddler_kong_operator.plan.kinds import BINDING, KINDS
from fiddler_kong_operator.plan.references import Place, children_of, possible_owners
from fiddler_kong_operator.plan.snapshot import Binding, Child

from .groups import DemandGroups

__all__ = ["Index", "Indexes", "Record", "Records"]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Record:
    """One observed object. `value` is what its kind keeps of it; None where it is not kept.

    `child` is set for objects that carry our managed-by label or have the name of one that a binding would create. A record without uid
    says that a referenced object does not exist.
    """

    uid: str
    resource_version: str
    value: Any = None
    child: Child | None = None

    @property
    def version(self) -> int:
        """The resourceVersion as a number, -1 where it is not one."""
        return version_of(self.resource_version)


class Index(Generic[K, V]):
    """A map from a key to the set of values that refer to it. A key without values takes no memory."""

    def __init__(self) -> None:
        """Empty."""
        self._values: dict[K, set[V]] = {}

    def __getitem__(self, key: K) -> AbstractSet[V]:
        """The values of a key. Valid until the next change of the index."""
        return self._values.get(key, frozenset())

    def __iter__(self) -> Iterator[K]:
        """The keys that have a value."""
        return iter(self._values)

    def __contains__(self, key: object) -> bool:
        """Whether the key has a value."""
        return key in self._values

    def move(self, value: V, old: Iterable[K], new: Iterable[K]) -> None:
        """Store the value under the keys `new` instead of the keys `old`."""
        before, after = set(old), set(new)
        for key in before - after:
            values = self._values.get(key, set())
            values.discard(value)
            if not values:
                self._values.pop(key, None)
        for key in after - before:
            self._values.setdefault(key, set()).add(value)


class Indexes:
    """The reverse indexes. Each watched kind moves its objects in those it feeds (`WatchedKind.index`)."""

    def __init__(self) -> None:
        """Empty."""
        self.wanted_by: Index[ObjectKey, ObjectKey] = Index()
        """Secret, workload or attach target -> bindings that refer to it."""
        self.by_uid: Index[str, ObjectKey] = Index()
        """uid -> binding."""
        self.exposing: Index[Place, ObjectKey] = Index()
        """Place -> bindings that expose it, or a place nearby (`references.nearby_places`)."""
        self.exposing_in: Index[str, ObjectKey] = Index()
        """Ingress class or Gateway -> bindings that expose a route in it."""
        self.owned_by: Index[str, ObjectKey] = Index()
        """uid of a binding -> its children."""
        self.naming: Index[ObjectKey, ObjectKey] = Index()
        """KongPlugin, existing or not -> objects whose annotation (an HTTPRoute's filters too) names it."""
        self.listed_by: Index[tuple[str, str], ObjectKey] = Index()
        """Namespace, and a name as it is written -> the KongConsumers and KongConsumerGroups there that list it."""
        self.serving: Index[Place, ObjectKey] = Index()
        """Place -> Ingresses and HTTPRoutes that serve it."""
        self.below: Index[Place, ObjectKey] = Index()
        """Place -> Ingresses and HTTPRoutes that serve a longer path (`references.places_above`)."""
        self.matching: Index[str, ObjectKey] = Index()
        """Ingress class or Gateway -> its Ingresses or HTTPRoutes with a regular expression for a path."""
        self.leading_to: Index[ObjectKey, ObjectKey] = Index()
        """Service, existing or not -> Ingresses and HTTPRoutes that lead to it."""
        self.doubled: Index[str, ObjectKey] = Index()
        """Kind -> its objects with a name twice on their list."""
        self.warning_about: Index[ObjectKey, ObjectKey] = Index()
        """Any object -> Events of Kong's controller about it."""
        self.warnings_of: Index[str, ObjectKey] = Index()
        """Reason -> Events of Kong's controller with it."""
        self.published: Index[str, ObjectKey] = Index()
        """Ingress class -> its Ingresses with an address."""
        self.made_from: Index[ObjectKey, ObjectKey] = Index()
        """Object of Kong Operator, Gateway or GatewayClass -> objects that are made from it, or configured by it."""
        self.marked_by: Index[str, ObjectKey] = Index()
        """Installation of the operator -> bindings with its mark in their status."""
        self.groups: dict[ObjectKey, DemandGroups] = {}
        """Workload -> its bindings by demand."""


class Records:
    """All records by key. The keys of a kind are iterated without looking at other kinds."""

    def __init__(self) -> None:
        """Empty."""
        self.indexes = Indexes()
        self._by_kind: dict[str, dict[ObjectKey, Record]] = {name: {} for name in KINDS}

    def __len__(self) -> int:
        """Number of records, those of missing objects included."""
        return sum(map(len, self._by_kind.values()))

    def of_kind(self, kind: str) -> Mapping[ObjectKey, Record]:
        """The records of a kind by key."""
        return self._by_kind[kind]

    def find(self, key: ObjectKey) -> Record | None:
        """The record of an object."""
        return self._by_kind.get(key.kind, {}).get(key)

    def put(self, key: ObjectKey, record: Record | None) -> None:
        """Set or, with None, remove a record. The caller moves the indexes."""
        if record is None:
            self._by_kind[key.kind].pop(key, None)
        else:
            self._by_kind[key.kind][key] = record

    def value(self, key: ObjectKey, expected: type[T]) -> T | None:
        """The kept value of an object, if there is one of this type."""
        record = self.find(key)
        return record.value if record and isinstance(record.value, expected) else None

    def child(self, key: ObjectKey) -> Child | None:
        """Ownership facts of an object that carries our managed-by label or has the name of one that a binding would create."""
        record = self.find(key)
        return record.child if record else None

    def bindings(self) -> Iterable[ObjectKey]:
        """The keys of all bindings."""
        return self._by_kind[BINDING.name].keys()

    def owner_of(self, key: ObjectKey) -> ObjectKey | None:
        """The binding that owns an object, if it is in the same namespace: any user can copy its uid into another namespace."""
        child = self.child(key)
        return self.owner(child) if child else None

    def owner(self, child: Child) -> ObjectKey | None:
        """Like `owner_of`, for given ownership facts."""
        owners = self.indexes.by_uid[child.owner_uid] if child.owner_uid else ()
        return next((owner for owner in owners if owner.namespace == child.key.namespace), None)

    def claimants(self, key: ObjectKey) -> Iterator[ObjectKey]:
        """The bindings that would create an object of this name."""
        for candidate in possible_owners(key):
            binding = self.value(candidate, Binding)
            if binding and key in children_of(binding):
                yield candidate
