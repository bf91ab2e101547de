"""KongPlugin and KongClusterPlugin: type, class, reach, models and exports, also of plugins that the operator did not create."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.interning import share
from fiddler_kong_operator.observe.records import Records
from fiddler_kong_operator.plan import kinds
from fiddler_kong_operator.plan.exports import Exports, read_exports
from fiddler_kong_operator.plan.objects.attachable_kinds import CLASS_ANNOTATION
from fiddler_kong_operator.plan.own_models import OwnModels, read_models
from fiddler_kong_operator.plan.plugins import PLUGINS as OUR_TYPES
from fiddler_kong_operator.plan.references import named_plugin
from fiddler_kong_operator.plan.snapshot import Attachable

from .attachables import all_bindings_if_frozen, bindings_around
from .contract import CHILD_VERBS, WatchedKind

__all__ = ["CLUSTER_PLUGINS", "PLUGINS", "PluginFacts", "facts_of", "reduce_plugin"]

_FEW: Final = 32
"""Size of the pool of equal facts: most plugins are of a few types, but users choose how long a type is."""


@dataclass(frozen=True, slots=True)
class PluginFacts:
    """The `plugin` type, the class and reach of a cluster plugin, and what a plugin does: the models that answer calls, the exports."""

    type: str
    ingress_class: str | None = None
    is_global: bool = False
    models: OwnModels = ()
    exports: Exports | None = None
    disabled: bool = False
    """Kong does not run it; it counts as the second of its type all the same."""


_facts = lru_cache(maxsize=_FEW)(PluginFacts)


def reduce_plugin(_key: ObjectKey, raw: Manifest, _known: object = None) -> PluginFacts:
    """Type, class, reach, models and exports of a plugin."""
    metadata = raw["metadata"]
    ingress_class = (metadata.get("annotations") or {}).get(CLASS_ANNOTATION)
    is_global = (metadata.get("labels") or {}).get("global") == "true"
    disabled = raw.get("disabled") is True
    return _facts(share(raw.get("plugin") or ""), ingress_class or None, is_global, read_models(raw), read_exports(raw), disabled)


def facts_of(find: Callable[[ObjectKey, type[PluginFacts]], PluginFacts | None], target: ObjectKey, name: str) -> PluginFacts | None:
    """The plugin that a name in an object's annotation means: a KongPlugin takes precedence over a KongClusterPlugin.

    That holds for `namespace:name` too: without that KongPlugin, Kong's controller takes the KongClusterPlugin of the plain name.
    """
    plugin = named_plugin(target, name)
    return find(plugin, PluginFacts) or find(ObjectKey(kinds.KONG_CLUSTER_PLUGIN.name, "", plugin.name), PluginFacts)


def _plugin_triggers(records: Records, key: ObjectKey, old: PluginFacts | None, new: PluginFacts | None) -> Iterator[ObjectKey]:
    """The bindings with a plugin on, or behind, an object that also names this one: two of a type clash, one may hide the other.

    Every binding, where a consumer names it and it is, or was, of one of our types.
    """
    if old == new:
        return
    attachables = {target: records.value(target, Attachable) for target in records.indexes.naming[key]}
    if None in attachables.values() and any(facts and facts.type in OUR_TYPES for facts in (old, new)):
        yield from records.bindings()
    for attachable in filter(None, attachables.values()):
        yield from bindings_around(records, attachable)
        yield from all_bindings_if_frozen(records, attachable)


def _cluster_plugin_triggers(records: Records, _key: ObjectKey, old: PluginFacts | None, new: PluginFacts | None) -> Iterator[ObjectKey]:
    """Every binding: any list may name it, and a global one may be shadowed."""
    if old != new:
        yield from records.bindings()


PLUGINS: Final = WatchedKind(
    kind=kinds.KONG_PLUGIN,
    reduce=reduce_plugin,
    triggers=_plugin_triggers,
    verbs=CHILD_VERBS,
    why="Keep a binding's plugins; see the type of those already attached.",
)

CLUSTER_PLUGINS: Final = WatchedKind(
    kind=kinds.KONG_CLUSTER_PLUGIN,
    reduce=reduce_plugin,
    triggers=_cluster_plugin_triggers,
    verbs=("list", "watch"),
    why="See global plugins that a binding's would shadow, and the type of those already attached.",
    optional=True,
)
