"""Service and Ingress: the plugin list, and for an Ingress its class and places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.observe.interning import share
from fiddler_kong_operator.observe.records import Indexes, Records
from fiddler_kong_operator.plan import kinds
from fiddler_kong_operator.plan.references import named_plugin, served_places
from fiddler_kong_operator.plan.snapshot import Attachable

from .children import written_at
from .contract import CHILD_VERBS, WatchedKind, always, changed

__all__ = ["CLASS_ANNOTATION", "INGRESSES", "SERVICES", "bindings_around", "reduce_attachable"]

CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"


def reduce_attachable(key: ObjectKey, raw: Manifest, _known: object = None) -> Attachable:
    """Plugin list, and for an Ingress its class (field or legacy annotation) and rules."""
    metadata = raw["metadata"]
    annotations = metadata.get("annotations") or {}
    spec = raw.get("spec") or {}
    ingress_class = spec.get("ingressClassName") or annotations.get(CLASS_ANNOTATION)
    return Attachable(
        key=key,
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        plugins=_split(annotations.get(names.KONG_PLUGINS_ANNOTATION)),
        ingress_class=share(ingress_class) if ingress_class else None,
        rules=tuple(_rules(spec)) if key.kind == kinds.INGRESS.name else (),
        attached_at=written_at(metadata),
    )


def _split(annotation: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (annotation or "").split(",") if part.strip())


def _rules(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            yield rule.get("host") or "", path.get("path") or "/"


def _index(indexes: Indexes, key: ObjectKey, old: Attachable | None, new: Attachable | None) -> None:
    indexes.naming.move(key, _named(old), _named(new))
    indexes.serving.move(key, served_places(old) if old else (), served_places(new) if new else ())


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


def _has_plugins(target: Attachable) -> bool:
    return bool(target.plugins)


def _row(kind: Kind, *, keep_all: bool, why: str) -> WatchedKind:
    keep = always if keep_all else _has_plugins
    return WatchedKind(kind, reduce_attachable, _index, _triggers, why, CHILD_VERBS, keep, owned=True)


SERVICES: Final = _row(kinds.SERVICE, keep_all=False, why="Keep Services of exposed routes; attach plugins to existing ones.")
INGRESSES: Final = _row(kinds.INGRESS, keep_all=True, why="Keep Ingresses of exposed routes; attach plugins to existing ones.")
