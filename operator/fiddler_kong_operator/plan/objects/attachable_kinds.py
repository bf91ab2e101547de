"""The kinds of objects that `attachTo` may name, and how each is read. A new one is a row in `ATTACHABLES` and a value of `AttachTo.kind`.

Pure functions of raw JSON, used by the cache and by `render` alike. They tolerate malformed JSON: a file may hold anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.plan.kinds import INGRESS, SERVICE
from fiddler_kong_operator.plan.snapshot import Attachable

__all__ = ["ATTACHABLES", "CLASS_ANNOTATION", "AttachableKind", "read_attachable"]

CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
"""The ingress class of an object before there was a field for it."""


@dataclass(frozen=True, slots=True)
class AttachableKind:
    """One kind. `places` and `ingress_class` read a raw object."""

    kind: Kind
    kong_entity: str
    """Kong's name for it in a declarative file."""
    places: Callable[[Manifest], Iterable[tuple[str, str]]] = lambda _: ()
    """The (host or "" for all, path) pairs that the object serves itself."""
    ingress_class: Callable[[Manifest], str | None] = lambda _: None
    """The ingress class of the object; None where it has none."""
    published: Callable[[Manifest], bool] = lambda _: False
    """Whether Kong's controller has written an address into its status."""


def read_attachable(key: ObjectKey, raw: Manifest) -> Attachable:
    """The object as far as attachment goes."""
    metadata, row = _mapping(raw, "metadata"), ATTACHABLES[key.kind]
    plugins = str(_mapping(metadata, "annotations").get(names.KONG_PLUGINS_ANNOTATION) or "").split(",")
    return Attachable(
        key,
        uid=str(metadata.get("uid") or ""),
        resource_version=str(metadata.get("resourceVersion") or ""),
        plugins=tuple(name.strip() for name in plugins if name.strip()),
        ingress_class=row.ingress_class(raw),
        rules=tuple(row.places(raw)),
        published=row.published(raw),
    )


def _ingress_class(raw: Manifest) -> str | None:
    """The field, or the annotation that came before it."""
    annotations = _mapping(_mapping(raw, "metadata"), "annotations")
    found = _mapping(raw, "spec").get("ingressClassName") or annotations.get(CLASS_ANNOTATION)
    return str(found) if found else None


def _ingress_places(raw: Manifest) -> Iterator[tuple[str, str]]:
    for rule in _mappings(_mapping(raw, "spec"), "rules"):
        for path in _mappings(_mapping(rule, "http"), "paths"):
            yield str(rule.get("host") or ""), str(path.get("path") or "/")


def _has_address(raw: Manifest) -> bool:
    return bool(_mapping(_mapping(raw, "status"), "loadBalancer").get("ingress"))


def _mapping(parent: Manifest, name: str) -> Manifest:
    found = parent.get(name)
    return found if isinstance(found, dict) else {}


def _mappings(parent: Manifest, name: str) -> list[Any]:
    found = parent.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


_ROWS: Final = (AttachableKind(SERVICE, "service"), AttachableKind(INGRESS, "route", _ingress_places, _ingress_class, _has_address))

ATTACHABLES: Final[Mapping[str, AttachableKind]] = MappingProxyType({row.kind.name: row for row in _ROWS})
"""By the kind's name."""
