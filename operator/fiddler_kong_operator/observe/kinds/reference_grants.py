"""ReferenceGrant: from which kinds and namespaces objects may name KongPlugins and Services of its namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.records import Records
from fiddler_kong_operator.plan import kinds
from fiddler_kong_operator.plan.objects.raw import mapping, mappings

from .contract import WatchedKind

__all__ = ["REFERENCE_GRANTS", "Grants", "PermittedReference"]


class PermittedReference(NamedTuple):
    """Objects of one kind in `namespace` may name an object of the grant's own namespace."""

    group: str
    kind: str
    namespace: str
    named_kind: str
    name: str
    """Empty for every name."""


Grants = frozenset[PermittedReference]

_NAMED: Final = {(kind.group, kind.name) for kind in (kinds.KONG_PLUGIN, kinds.SERVICE)}


def _reduce(_key: ObjectKey, raw: Manifest, _known: object = None) -> Grants:
    spec = mapping(raw, "spec")
    named = [to for to in mappings(spec, "to") if (str(to.get("group") or ""), to.get("kind")) in _NAMED]
    return frozenset(
        PermittedReference(
            str(source.get("group") or ""),
            str(source.get("kind")),
            str(source.get("namespace")),
            str(to["kind"]),
            str(to.get("name") or ""),
        )
        for source in mappings(spec, "from")
        for to in named
    )


def _triggers(records: Records, key: ObjectKey, old: Grants | None, new: Grants | None) -> Iterator[ObjectKey]:
    """The bindings of its namespace, and of the namespaces that it permits, or permitted before, to name objects."""
    if old != new:
        concerned = {key.namespace, *(grant.namespace for grant in (old or frozenset()) | (new or frozenset()))}
        yield from (binding for binding in records.bindings() if binding.namespace in concerned)


REFERENCE_GRANTS: Final = WatchedKind(
    kind=kinds.REFERENCE_GRANT,
    reduce=_reduce,
    triggers=_triggers,
    keep=bool,
    verbs=("list", "watch"),
    why="See which plugins of other namespaces a list may name, and to which Services HTTPRoutes of other namespaces may lead.",
    optional=True,
)
