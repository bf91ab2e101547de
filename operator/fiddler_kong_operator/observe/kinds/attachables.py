"""Service, Ingress and HTTPRoute, as far as attachment goes: attachTo may name them, and the operator creates them too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey, seconds_of
from fiddler_kong_operator.observe.interning import share
from fiddler_kong_operator.observe.records import Indexes, Records
from fiddler_kong_operator.plan.kinds import INGRESS, SERVICE
from fiddler_kong_operator.plan.objects.attachable_kinds import ATTACHABLES, AttachableKind, read_attachable
from fiddler_kong_operator.plan.references import classes_of, has_pattern, named_plugin, places_above, served_places
from fiddler_kong_operator.plan.snapshot import Attachable

from .children import written_at
from .contract import CHILD_VERBS, WatchedKind, changed

__all__ = [
    "ATTACHABLE_KINDS",
    "all_bindings_if_frozen",
    "bindings_around",
    "reduce_attachable",
]


def reduce_attachable(key: ObjectKey, raw: Manifest, _known: object = None) -> Attachable:
    """The object as far as attachment goes, and the times of our field manager's last write and of Kong's report."""
    read = read_attachable(key, raw)
    ingress_class = share(read.ingress_class) if read.ingress_class else None
    gateways = tuple(map(share, read.gateways))
    attached_at, published_at = written_at(raw["metadata"]), _published_at(read, raw["metadata"])
    return replace(read, ingress_class=ingress_class, gateways=gateways, attached_at=attached_at, published_at=published_at)


def _published_at(read: Attachable, metadata: Mapping[str, Any]) -> float:
    if not read.published or read.key.kind != INGRESS.name:
        return 0.0
    written = (entry.get("time") for entry in metadata.get("managedFields") or () if entry.get("subresource") == "status")
    return max(map(seconds_of, written), default=0.0)


def _index_attachable(indexes: Indexes, key: ObjectKey, old: Attachable | None, new: Attachable | None) -> None:
    """Move a Service, Ingress or HTTPRoute in the indexes."""
    indexes.naming.move(key, _named(old), _named(new))
    indexes.serving.move(key, served_places(old) if old else (), served_places(new) if new else ())
    indexes.below.move(key, places_above(old) if old else (), places_above(new) if new else ())
    indexes.published.move(key, _publishing(old), _publishing(new))
    indexes.matching.move(key, _matched_classes(old), _matched_classes(new))
    indexes.leading_to.move(key, _services(old), _services(new))
    indexes.doubled.move(key, (key.kind,) if old and old.doubled else (), (key.kind,) if new and new.doubled else ())


def _publishing(target: Attachable | None) -> tuple[str, ...]:
    return (target.ingress_class,) if target and target.ingress_class and target.published else ()


def _named(target: Attachable | None) -> frozenset[ObjectKey]:
    return frozenset(named_plugin(target.key, name) for name in (*target.plugins, *target.filters)) if target else frozenset()


def _matched_classes(target: Attachable | None) -> tuple[str, ...]:
    return classes_of(target) if target and has_pattern(target) else ()


def _services(target: Attachable | None) -> Iterator[ObjectKey]:
    return (service for group in (target.backends if target else ()) for service in group)


def bindings_around(records: Records, target: Attachable) -> Iterator[ObjectKey]:
    """The bindings around a target.

    They own the target, a Service behind it or a plugin on its list, or refer to the target, a Service behind it or a route to it.
    """
    yield from filter(None, [records.owner_of(target.key)])
    for named in (target.key, *records.indexes.leading_to[target.key]):
        yield from records.indexes.wanted_by[named]
    for plugin in _named(target):
        owner = records.owner_of(plugin)
        if owner and owner.namespace == target.key.namespace:
            yield owner
    for service in _services(target):
        yield from records.indexes.wanted_by[service]
        yield from filter(None, [records.owner_of(service)])


def all_bindings_if_frozen(records: Records, *targets: Attachable | None) -> Iterable[ObjectKey]:
    """Every binding, where one of the objects, or a Service that it leads to, has a name twice on its list."""
    doubled = records.indexes.doubled[SERVICE.name]
    frozen = any(target.doubled or not doubled.isdisjoint(_services(target)) for target in targets if target)
    return records.bindings() if frozen else ()


def _bindings_if_publishing_changed(records: Records, key: ObjectKey, ingress_class: str) -> Iterable[ObjectKey]:
    """The bindings that expose a route in the class, where the first Ingress of it got an address, or the last one lost it."""
    return records.indexes.exposing_in[ingress_class] if records.indexes.published[ingress_class] <= {key} else ()


def _attachable_triggers(records: Records, key: ObjectKey, old: Attachable | None, new: Attachable | None) -> Iterator[ObjectKey]:
    """The bindings around an object that changed, and those that expose what it serves, before or now."""
    if not changed(old, new, "attached_at", "published_at"):
        return
    yield from all_bindings_if_frozen(records, old, new)
    for ingress_class in {*_publishing(old)} ^ {*_publishing(new)}:
        yield from _bindings_if_publishing_changed(records, key, ingress_class)
    for target in (old, new):
        if target:
            yield from bindings_around(records, target)
            for place in (*served_places(target), *places_above(target)):
                yield from records.indexes.exposing[place]
            for name in _matched_classes(target):
                yield from records.indexes.exposing_in[name]


def _is_relevant(target: Attachable) -> bool:
    """Whether it has plugins, places that an exposed route could clash with, or Services behind it, or is not Kong's (perhaps a child)."""
    return bool(target.plugins or target.rules or target.backends or target.foreign)


def _row(attachable: AttachableKind) -> WatchedKind:
    return WatchedKind(
        kind=attachable.kind,
        reduce=reduce_attachable,
        index=_index_attachable,
        triggers=_attachable_triggers,
        keep=_is_relevant,
        verbs=CHILD_VERBS,
        why=f"Keep {attachable.kind.plural} of exposed routes; attach plugins to existing ones.",
        optional=attachable.optional,
    )


ATTACHABLE_KINDS: Final = tuple(map(_row, ATTACHABLES.values()))
"""One row for each kind that `attachTo` may name; the operator creates objects of all of them."""
