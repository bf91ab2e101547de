"""The kinds of objects that `attachTo` may name, and how each is read. A new one is a row in `ATTACHABLES` and a value of `AttachTo.kind`.

Pure functions of raw JSON, used by the cache and by `render` alike. They tolerate malformed JSON: a file may hold anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.plan.kinds import INGRESS, KONG_PLUGIN, SERVICE
from fiddler_kong_operator.plan.snapshot import Attachable

__all__ = ["ATTACHABLES", "CLASS_ANNOTATION", "TLS_VERIFY_ANNOTATION", "AttachableKind", "listed", "read_attachable", "read_http_route"]

CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
"""The ingress class of an object before there was a field for it. Kong's controller reads it first."""

TLS_VERIFY_ANNOTATION: Final = "konghq.com/tls-verify"

_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
"""How Kong's controller, in Go, reads a boolean."""

_GATEWAY: Final = "Gateway"
_KONG_CONTROLLERS: Final = "konghq.com/"
"""Beginning of the controllerName of Kong's implementations of the Gateway API."""


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
    backends: Callable[[str, Manifest], Iterable[tuple[ObjectKey, ...]]] = lambda _namespace, _raw: ()
    """The Services that the object, of this namespace, leads to."""


def read_attachable(key: ObjectKey, raw: Manifest) -> Attachable:
    """The object as far as attachment goes."""
    metadata, row = _mapping(raw, "metadata"), ATTACHABLES[key.kind]
    return Attachable(
        key,
        uid=str(metadata.get("uid") or ""),
        resource_version=str(metadata.get("resourceVersion") or ""),
        plugins=listed(raw),
        ingress_class=row.ingress_class(raw),
        rules=tuple(row.places(raw)),
        published=row.published(raw),
        backends=tuple(dict.fromkeys(row.backends(key.namespace, raw))),
        unverified_tls=row.kind is SERVICE and _annotation(raw, TLS_VERIFY_ANNOTATION) in _FALSE,
    )


def read_http_route(key: ObjectKey, raw: Manifest) -> Attachable:
    """An HTTPRoute: its plugins, and for each rule the Services it leads to; none of them where it is certainly not Kong's."""
    metadata = _mapping(raw, "metadata")
    route = Attachable(
        key, uid=str(metadata.get("uid") or ""), resource_version=str(metadata.get("resourceVersion") or ""), plugins=listed(raw)
    )
    if not _may_be_kongs(raw):
        return route
    rules = _mappings(_mapping(raw, "spec"), "rules")
    groups = dict.fromkeys(filter(None, (_rule_backends(key.namespace, rule) for rule in rules)))
    return replace(route, backends=tuple(groups), filters=tuple(dict.fromkeys(name for rule in rules for name in _filters(rule))))


def listed(raw: Manifest) -> tuple[str, ...]:
    """The names in its annotation konghq.com/plugins."""
    plugins = _annotation(raw, names.KONG_PLUGINS_ANNOTATION).split(",")
    return tuple(name.strip() for name in plugins if name.strip())


def _annotation(raw: Manifest, name: str) -> str:
    return str(_mapping(_mapping(raw, "metadata"), "annotations").get(name) or "")


def _ingress_class(raw: Manifest) -> str | None:
    """The annotation, or the field that came after it: Kong's controller reads them in this order."""
    found = _annotation(raw, CLASS_ANNOTATION) or _mapping(raw, "spec").get("ingressClassName")
    return str(found) if found else None


def _ingress_backends(namespace: str, raw: Manifest) -> Iterator[tuple[ObjectKey, ...]]:
    spec = _mapping(raw, "spec")
    paths = (path for rule in _mappings(spec, "rules") for path in _mappings(_mapping(rule, "http"), "paths"))
    for backend in (_mapping(spec, "defaultBackend"), *(_mapping(path, "backend") for path in paths)):
        name = _mapping(backend, "service").get("name")
        if name:
            yield (ObjectKey(SERVICE.name, namespace, str(name)),)


def _rule_backends(namespace: str, rule: Manifest) -> tuple[ObjectKey, ...]:
    """The Services of one rule. A weight of 0 makes no difference to Kong's controller."""
    refs = (ref for ref in _mappings(rule, "backendRefs") if ref.get("kind", SERVICE.name) == SERVICE.name and ref.get("name"))
    services = (ObjectKey(SERVICE.name, str(ref.get("namespace") or namespace), str(ref["name"])) for ref in refs)
    return tuple(sorted(set(services)))


def _filters(rule: Manifest) -> Iterator[str]:
    for filter_ in _mappings(rule, "filters"):
        reference = _mapping(filter_, "extensionRef")
        if (reference.get("group"), reference.get("kind")) == (names.KONG_GROUP, KONG_PLUGIN.name) and reference.get("name"):
            yield str(reference["name"])


def _may_be_kongs(raw: Manifest) -> bool:
    """Whether a Gateway that no other implementation claims is among its parents: the class of a Gateway is not read."""
    statuses = _mappings(_mapping(raw, "status"), "parents")
    others = [_mapping(s, "parentRef") for s in statuses if not str(s.get("controllerName")).startswith(_KONG_CONTROLLERS)]
    parents = (_parent(ref) for ref in _mappings(_mapping(raw, "spec"), "parentRefs"))
    return any(parent[0] == _GATEWAY and parent not in map(_parent, others) for parent in parents)


def _parent(ref: Manifest) -> tuple[Any, ...]:
    return (ref.get("kind") or _GATEWAY, *(ref.get(name) for name in ("namespace", "name", "sectionName", "port")))


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


_ROWS: Final = (
    AttachableKind(SERVICE, "service"),
    AttachableKind(INGRESS, "route", _ingress_places, _ingress_class, _has_address, _ingress_backends),
)

ATTACHABLES: Final[Mapping[str, AttachableKind]] = MappingProxyType({row.kind.name: row for row in _ROWS})
"""By the kind's name."""
