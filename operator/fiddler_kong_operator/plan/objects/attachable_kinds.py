"""The kinds of objects that `attachTo` may name, and how each is read. A new one is a row in `ATTACHABLES` and a value of `AttachTo.kind`.

Pure functions of raw JSON, used by the cache and by `render` alike. They tolerate malformed JSON: a file may hold anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.plan.kinds import HTTP_ROUTE, INGRESS, SERVICE
from fiddler_kong_operator.plan.snapshot import Attachable

from .http_routes import read_http_route
from .raw import mapping, mappings

__all__ = ["ATTACHABLES", "CLASS_ANNOTATION", "TLS_VERIFY_ANNOTATION", "AttachableKind", "listed", "read_attachable"]

CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
"""The ingress class in an annotation, which is older than the field. Kong's controller reads it first."""

TLS_VERIFY_ANNOTATION: Final = "konghq.com/tls-verify"

_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
"""The texts that Go, and so Kong's controller, reads as false (strconv.ParseBool)."""


@dataclass(frozen=True, slots=True)
class AttachableKind:
    """One kind."""

    kind: Kind
    kong_entity: str
    """Kong's name for it in a declarative file."""
    read: Callable[[Attachable, Manifest], Attachable]
    """(facts of every kind, raw object) -> these with the facts of this kind: class, places, Services, Kong's report about it."""
    optional: bool = False
    """The operator works in a cluster without the kind, or without its permission, while no binding needs it."""


def read_attachable(key: ObjectKey, raw: Manifest) -> Attachable:
    """The object as far as attachment goes."""
    metadata = mapping(raw, "metadata")
    uid, version = str(metadata.get("uid") or ""), str(metadata.get("resourceVersion") or "")
    return ATTACHABLES[key.kind].read(Attachable(key, uid, version, plugins=listed(raw)), raw)


def listed(raw: Manifest) -> tuple[str, ...]:
    """The names in its annotation konghq.com/plugins."""
    plugins = _annotation(raw, names.KONG_PLUGINS_ANNOTATION).split(",")
    return tuple(name.strip() for name in plugins if name.strip())


def _annotation(raw: Manifest, name: str) -> str:
    return str(mapping(mapping(raw, "metadata"), "annotations").get(name) or "")


def _read_service(service: Attachable, raw: Manifest) -> Attachable:
    return replace(service, unverified_tls=_annotation(raw, TLS_VERIFY_ANNOTATION) in _FALSE)


def _read_ingress(ingress: Attachable, raw: Manifest) -> Attachable:
    """Kong's controller reads the class from the annotation, then from `ingressClassName`."""
    ingress_class = _annotation(raw, CLASS_ANNOTATION) or mapping(raw, "spec").get("ingressClassName")
    return replace(
        ingress,
        ingress_class=str(ingress_class) if ingress_class else None,
        rules=tuple(_ingress_places(raw)),
        published=bool(mapping(mapping(raw, "status"), "loadBalancer").get("ingress")),
        backends=tuple(dict.fromkeys(_ingress_backends(ingress.key.namespace, raw))),
    )


def _ingress_backends(namespace: str, raw: Manifest) -> Iterator[tuple[ObjectKey, ...]]:
    spec = mapping(raw, "spec")
    paths = (path for rule in mappings(spec, "rules") for path in mappings(mapping(rule, "http"), "paths"))
    for backend in (mapping(spec, "defaultBackend"), *(mapping(path, "backend") for path in paths)):
        name = mapping(backend, "service").get("name")
        if name:
            yield (ObjectKey(SERVICE.name, namespace, str(name)),)


def _ingress_places(raw: Manifest) -> Iterator[tuple[str, str]]:
    for rule in mappings(mapping(raw, "spec"), "rules"):
        for path in mappings(mapping(rule, "http"), "paths"):
            yield str(rule.get("host") or ""), str(path.get("path") or "/")


_ROWS: Final = (
    AttachableKind(SERVICE, "service", _read_service),
    AttachableKind(INGRESS, "route", _read_ingress),
    AttachableKind(HTTP_ROUTE, "route", read_http_route, optional=True),
)

ATTACHABLES: Final[Mapping[str, AttachableKind]] = MappingProxyType({row.kind.name: row for row in _ROWS})
"""By the kind's name."""
