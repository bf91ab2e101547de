"""Service and Ingress: the plugin list, and for an Ingress its class, its places and whether it has an address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.interning import share
from fiddler_kong_operator.observe.records import Indexes, Records
from fiddler_kong_operator.plan.objects.attachable_kinds import ATTACHABLES, AttachableKind, read_attachable
from fiddler_kong_operator.plan.references import named_plugin, served_places
from fiddler_kong_operator.plan.snapshot import Attachable

from .children import written_at
from .contract import CHILD_VERBS, WatchedKind, changed

__all__ = ["ATTACHABLE_KINDS", "bindings_around", "reduce_attachable"]


def reduce_attachable(key: ObjectKey, raw: Manifest, _known: object = None) -> Attachable:
    """The object as far as attachment goes, and when our field manager last wrote it."""
    read = read_attachable(key, raw)
    ingress_class = share(read.ingress_class) if read.ingress_class else None
    return replace(read, ingress_class=ingress_class, attached_at=written_at(raw["metadata"]))


def _index(indexes: Indexes, key: ObjectKey, old: Attachable | None, new: Attachable | None) -> None:
    indexes.naming.move(key, _named(old), _named(new))
    indexes.serving.move(key, served_places(old) if old else (), served_places(new) if new else ())
    indexes.published.move(key, _publishing(old), _publishing(new))


def _publishing(target: Attachable | None) -> tuple[str, ...]:
    return (target.ingress_class,) if target and target.ingress_class and target.published else ()


def _named(target: Attachable | None) -> frozenset[ObjectKey]:
    return frozenset(named_plugin(target.key, name) for name in target.plugins) if target else frozenset()


def bindings_around(records: Records, target: Attachable) -> Iterator[ObjectKey]:
    """The bindings that refer to a target, or have a plugin on its list."""
    yield from records.indexes.wanted_by[target.key]
    for plugin in _named(target):
        owner = records.owner_of(plugin)
        if owner and owner.namespace == target.key.namespace:
            yield owner


def _triggers(records: Records, _key: ObjectKey, old: Attachable | None, new: Attachable | None) -> Iterator[ObjectKey]:
    if not changed(old, new, "attached_at"):
        return
    for target in (old, new):
        if target:
            yield from bindings_around(records, target)
            for place in served_places(target):
                yield from records.indexes.exposing[place]


def _is_relevant(target: Attachable) -> bool:
    """It carries plugins, or serves places that an exposed route could clash with."""
    return bool(target.plugins or target.rules)


def _row(attachable: AttachableKind) -> WatchedKind:
    return WatchedKind(
        kind=attachable.kind,
        reduce=reduce_attachable,
        index=_index,
        triggers=_triggers,
        keep=_is_relevant,
        verbs=CHILD_VERBS,
        why=f"Keep {attachable.kind.plural} of exposed routes; attach plugins to existing ones.",
    )


ATTACHABLE_KINDS: Final = tuple(map(_row, ATTACHABLES.values()))
"""One row for each kind that `attachTo` may name."""
