"""The plugins that people must add to an HTTPRoute themselves, because the binding only verifies, with the exact YAML.

They add them in the annotation, which covers all rules, or as a filter in each rule: in hybrid mode, Kong Operator follows only filters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from fiddler_kong_operator import names
from fiddler_kong_operator.api import Route
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.plan.kinds import KONG_PLUGIN
from fiddler_kong_operator.plan.objects.attachments import effective_names, is_ours, is_verified
from fiddler_kong_operator.plan.plugins import LUA_TYPES, plugin_instances
from fiddler_kong_operator.plan.references import attach_targets, plugin_key
from fiddler_kong_operator.plan.snapshot import Attachable, Snapshot

__all__ = ["missing_names"]


def missing_names(snapshot: Snapshot, *, lua_withheld: bool) -> Finding | None:
    """The finding about the HTTPRoutes that lack plugins which people must add; None where none does.

    `lua_withheld`: plugins that run Lua must not be added yet.
    """
    found = [_sentence(snapshot, target, missing) for target, missing in _lacking(snapshot, lua_withheld=lua_withheld)]
    return Finding(reason("PluginsNotAdded"), " ".join(found)) if found else None


def _lacking(snapshot: Snapshot, *, lua_withheld: bool) -> Iterator[tuple[Attachable, Sequence[str]]]:
    for key, route in attach_targets(snapshot.binding).items():
        target = snapshot.targets.get(key)
        if target and is_verified(snapshot, key):
            present = effective_names(snapshot, (*target.plugins, *target.common_filters))
            missing = [name for name in _wanted(snapshot, route, lua_withheld=lua_withheld) if name not in present]
            if missing:
                yield target, missing


def _wanted(snapshot: Snapshot, route: Route, *, lua_withheld: bool) -> Iterator[str]:
    for instance in plugin_instances(snapshot.binding.spec) if snapshot.binding.spec else ():
        if instance.route in (None, route.name) and not (lua_withheld and instance.plugin in LUA_TYPES):
            yield plugin_key(snapshot.binding, instance.plugin, instance.route).name


def _sentence(snapshot: Snapshot, target: Attachable, missing: Sequence[str]) -> str:
    """The sentences about one HTTPRoute, with YAML in flow style on one line."""
    kept = (name for name in target.plugins if name.rpartition(":")[2] not in missing or not is_ours(snapshot, name))
    whole = json.dumps(",".join((*kept, *missing)))
    references = (f"{{group: {names.KONG_GROUP}, kind: {KONG_PLUGIN.name}, name: {name}}}" for name in missing)
    filters = ", ".join(f"{{type: ExtensionRef, extensionRef: {reference}}}" for reference in references)
    return (
        f"{target.key} lacks {', '.join(missing)}, which the operator does not add with gateway.management: Verify. Set in its metadata: "
        f"annotations: {{{names.KONG_PLUGINS_ANNOTATION}: {whole}}}. Or, for a gateway of Kong Operator that follows only filters (hybrid, "
        f"Konnect), add to each rule: filters: [{filters}]. Never both: a plugin that is named twice freezes the gateway."
    )
