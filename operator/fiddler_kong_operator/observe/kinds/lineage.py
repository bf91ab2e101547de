"""Kong Operator's objects: which is made from which. A change of one concerns the bindings of all others in its lineage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.observe.records import Indexes, Records
from fiddler_kong_operator.plan.gateway.operated import Link, parent_of
from fiddler_kong_operator.plan.workload import Workload

__all__ = ["Member", "concerned", "index_lineage", "link_triggers", "origins", "relatives"]

Member = Workload | Link
"""An object of a lineage."""


def index_lineage(indexes: Indexes, key: ObjectKey, old: Member | None, new: Member | None) -> None:
    """Move the object under the one that it is made from."""
    before, after = (tuple(filter(None, [parent_of(value)])) for value in (old, new))
    indexes.made_from.move(key, before, after)


def relatives(records: Records, key: ObjectKey, *values: Member | None) -> frozenset[ObjectKey]:
    """All objects that it is made from, now or before the change, and all that are made from it."""
    above = (ancestor for value in values for ancestor in _ancestors(records, value))
    return frozenset((*above, *_descendants(records, key)))


def concerned(records: Records, objects: Iterable[ObjectKey]) -> Iterator[ObjectKey]:
    """The objects among these that bindings name, and those bindings."""
    for key in objects:
        wanted_by = records.indexes.wanted_by[key]
        yield from (key, *wanted_by) if wanted_by else ()


def origins(records: Records, workload: ObjectKey) -> Iterator[ObjectKey]:
    """All workloads that a workload is made from, as far as they are known."""
    return (origin for origin in _ancestors(records, records.value(workload, Workload)) if records.value(origin, Workload))


def _ancestors(records: Records, value: Member | None) -> Iterator[ObjectKey]:
    parent = parent_of(value)
    if parent:
        yield parent
        yield from _ancestors(records, records.value(parent, Workload) or records.value(parent, Link))


def _descendants(records: Records, key: ObjectKey) -> Iterator[ObjectKey]:
    for child in records.indexes.made_from[key]:
        yield child
        yield from _descendants(records, child)


def link_triggers(records: Records, key: ObjectKey, old: Link | None, new: Link | None) -> Iterator[ObjectKey]:
    """A Gateway or GatewayClass that comes, goes or gets another parent concerns the bindings of the objects above and below it."""
    if (old and old.parent) != (new and new.parent):
        yield from concerned(records, relatives(records, key, old, new))
