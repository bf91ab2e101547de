"""ReferenceGrant: from which kinds and namespaces objects may name KongPlugins of its namespace (`namespace:name`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.records import Records
from fiddler_kong_operator.plan import kinds
from fiddler_kong_operator.plan.objects.raw import mapping, mappings

from .contract import WatchedKind

__all__ = ["REFERENCE_GRANTS", "Grants"]

Grants = frozenset[tuple[str, str, str, str]]
"""Group, kind and namespace of the objects that may name a plugin, and the plugin's name, "" for all."""


def _reduce(_key: ObjectKey, raw: Manifest, _known: object = None) -> Grants:
    spec = mapping(raw, "spec")
    plugins = [to for to in mappings(spec, "to") if (to.get("group"), to.get("kind")) == (kinds.KONG_PLUGIN.group, kinds.KONG_PLUGIN.name)]
    return frozenset(
        (str(source.get("group") or ""), str(source.get("kind")), str(source.get("namespace")), str(to.get("name") or ""))
        for source in mappings(spec, "from")
        for to in plugins
    )


def _triggers(records: Records, _key: ObjectKey, old: Grants | None, new: Grants | None) -> Iterator[ObjectKey]:
    """The bindings in the namespaces from which plugins may, or might, be named."""
    if old != new:
        concerned = {namespace for _, _, namespace, _ in (old or frozenset()) | (new or frozenset())}
        yield from (binding for binding in records.bindings() if binding.namespace in concerned)


REFERENCE_GRANTS: Final = WatchedKind(
    kind=kinds.REFERENCE_GRANT,
    reduce=_reduce,
    triggers=_triggers,
    keep=bool,
    verbs=("list", "watch"),
    why="See which plugins of other namespaces Kong's controller lets a list name.",
    optional=True,
)
