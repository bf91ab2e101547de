"""Whom a change concerns: the bindings and workloads to be reconciled, or nobody where nothing that matters changed.

Not looked at: resource versions, times of writes, and a binding's status (ours to write; the sweep's pass repairs what others do to it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.tenancy import tenancy_of
from fiddler_kong_operator.plan.kinds import KONG_CLUSTER_PLUGIN
from fiddler_kong_operator.plan.references import children_of, named_plugin, possible_owners, served_places
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Child, KongWarning, Workload
from fiddler_kong_operator.plan.status.programming import GRACE

from .indexes import Indexes, Record
from .reduce import PluginFacts

__all__ = ["Wakes"]

REPEAT: Final = 30.0
"""Seconds for which Kong's repetition of the same warning wakes nobody."""


class Wakes:
    """Reads records and indexes after a change, never alters them."""

    def __init__(self, indexes: Indexes, find: Callable[[ObjectKey], Record | None], bindings: Callable[[], Iterable[Binding]]) -> None:
        """`find` returns a record, `bindings` all bindings."""
        self._indexes = indexes
        self._find = find
        self._bindings = bindings

    def of(self, key: ObjectKey, old: Record | None, new: Record | None) -> frozenset[ObjectKey]:
        """The keys a change from `old` to `new` concerns."""
        keys = set(self._by_child(key, old.child if old else None, new.child if new else None))
        before, after = (record.value if record else None for record in (old, new))
        sample = before if before is not None else after
        if isinstance(sample, Binding):
            keys.update(self._by_binding(old, new))
        elif isinstance(sample, Workload):
            keys.update(self._by_workload(key, before, after))
        elif isinstance(sample, Attachable):
            keys.update(self._by_attachable(key, before, after))
        elif isinstance(sample, PluginFacts):
            keys.update(self._by_plugin(key, before, after))
        elif isinstance(sample, KongWarning):
            keys.update(self._by_warning(before, after))
        elif before != after:
            keys.update(self._indexes.wanted_by[key])
        return frozenset(keys)

    def claimant(self, key: ObjectKey) -> ObjectKey | None:
        """The binding that would create an object of that name."""
        for candidate in possible_owners(key):
            record = self._find(candidate)
            if record and isinstance(record.value, Binding) and key in children_of(record.value):
                return candidate
        return None

    def _by_binding(self, old: Record | None, new: Record | None) -> Iterator[ObjectKey]:
        before, after = (record.value if record and isinstance(record.value, Binding) else None for record in (old, new))
        if old and new and before and after and (*_essence(before), old.token) == (*_essence(after), new.token):
            return
        stays = before and after and tenancy_of(before) == tenancy_of(after)
        for binding in (before, after):
            if binding:
                yield binding.key
                if binding.workload:
                    yield binding.workload
                    yield from () if stays else self._siblings(binding.workload, binding)

    def _siblings(self, workload: ObjectKey, binding: Binding) -> Iterable[ObjectKey]:
        """The other bindings of the gateway, where one that came or went speaks for its cohort and another may have to give way."""
        cohorts = self._indexes.cohorts.get(workload)
        concerned = cohorts and cohorts.speaks(binding) and cohorts.rivals(binding)
        return self._indexes.wanted_by[workload] if concerned else ()

    def _by_child(self, key: ObjectKey, old: Child | None, new: Child | None) -> Iterator[ObjectKey]:
        if old and new and replace(old, resource_version=new.resource_version, applied_at=new.applied_at, written=new.written) == new:
            return
        for child in (old, new):
            owner = self._owner(child) if child else None
            if owner:
                yield owner
        if old or new:
            claimant = self.claimant(key)
            if claimant:
                yield claimant

    def _owner(self, child: Child) -> ObjectKey | None:
        owner = self._indexes.binding_of.get(child.owner_uid) if child.owner_uid else None
        return owner if owner and owner.namespace == child.key.namespace else None

    def _by_workload(self, key: ObjectKey, old: object, new: object) -> Iterator[ObjectKey]:
        if isinstance(old, Workload) and isinstance(new, Workload) and replace(old, resource_version=new.resource_version) == new:
            return
        yield key
        yield from self._indexes.wanted_by[key]

    def _by_attachable(self, key: ObjectKey, old: object, new: object) -> Iterator[ObjectKey]:
        if isinstance(old, Attachable) and isinstance(new, Attachable) and _same_target(old, new):
            return
        yield from self._indexes.wanted_by[key]
        for target in (old, new):
            if isinstance(target, Attachable):
                yield from self._around(target)
                for place in served_places(target):
                    yield from self._indexes.exposing[place]

    def _around(self, target: Attachable) -> Iterator[ObjectKey]:
        """The bindings that refer to a target or have a plugin on it."""
        yield from self._indexes.wanted_by[target.key]
        for name in target.plugins:
            record = self._find(named_plugin(target.key, name))
            owner = self._owner(record.child) if record and record.child else None
            if owner and owner.namespace == target.key.namespace:
                yield owner

    def _by_plugin(self, key: ObjectKey, old: object, new: object) -> Iterator[ObjectKey]:
        if old == new:
            return
        if key.kind == KONG_CLUSTER_PLUGIN.name:
            yield from (binding.key for binding in self._bindings())
            return
        for target in self._indexes.naming[key]:
            record = self._find(target)
            if record and isinstance(record.value, Attachable):
                yield from self._around(record.value)

    def _by_warning(self, old: object, new: object) -> Iterator[ObjectKey]:
        if isinstance(old, KongWarning) and isinstance(new, KongWarning) and not self._news(old, new):
            return
        for warning in (old, new):
            if isinstance(warning, KongWarning):
                record = self._find(warning.plugin)
                owner = self._owner(record.child) if record and record.child else None
                if owner:
                    yield owner

    def _news(self, old: KongWarning, new: KongWarning) -> bool:
        """Whether it says something else, says it again after a while, or again after one of the binding's objects was changed."""
        if (old.plugin, old.reason, old.message) != (new.plugin, new.reason, new.message):
            return True
        if new.last_seen == old.last_seen:
            return False
        crossed = any(old.last_seen < moment + GRACE <= new.last_seen for moment in self._changes(new.plugin))
        return crossed or new.last_seen // REPEAT > old.last_seen // REPEAT

    def _changes(self, plugin: ObjectKey) -> Iterator[float]:
        """When we wrote what a warning about the plugin may be due to: the binding's objects and the lists that name the plugin."""
        record = self._find(plugin)
        owner = record.child.owner_uid if record and record.child else None
        for key in (*(self._indexes.owned_by[owner] if owner else ()), *self._indexes.naming[plugin]):
            found = self._find(key)
            if found and found.child:
                yield found.child.applied_at
            if found and isinstance(found.value, Attachable):
                yield found.value.attached_at


def _same_target(old: Attachable, new: Attachable) -> bool:
    return replace(old, resource_version=new.resource_version, attached_at=new.attached_at) == new


def _essence(binding: Binding) -> tuple[object, ...]:
    return (binding.uid, binding.generation, binding.deleting, binding.finalizers)
