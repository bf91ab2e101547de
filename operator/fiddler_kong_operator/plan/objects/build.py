"""Builds all objects that an accepted binding with its keys wants, and selects the existing objects to delete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import OWNED, SERVICE
from fiddler_kong_operator.plan.plugins import LUA_TYPES, PLUGINS, PluginInstance
from fiddler_kong_operator.plan.references import ENTRIES, attach_targets, plugin_key, route_object, withdrawn_routes
from fiddler_kong_operator.plan.secrets import ResolvedKeys
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Snapshot

from .attachable_kinds import listed
from .attachments import build_attachments, is_ours, is_own_child, is_verified, without
from .builders import BUILDERS, Wish
from .desired import Attachment, BindingPlan
from .overrides import configured_plugins

__all__ = ["build", "build_removal", "build_retreat", "is_attached", "lua_keys", "prune", "take_first", "type_keys", "withdrawn_objects"]

_DELETION_ORDER: Final = tuple(kind.name for kind in reversed(OWNED))


def build(
    snapshot: Snapshot,
    keys: ResolvedKeys,
    *,
    attach_lua: bool,
    excluded_targets: frozenset[ObjectKey] = frozenset(),
    refused: frozenset[ObjectKey] = frozenset(),
) -> BindingPlan:
    """Everything the binding wants. ValueError where it has no valid spec, Stalled as by `configured_plugins`.

    `attach_lua` is False until the gateway can run our Lua: the plugin is made, but nothing names it. `excluded_targets` are left without
    any plugin of ours, because a foreign plugin clashes there. Nothing names `refused` plugins either, and the routes that need a refused
    object are not exposed.
    """
    binding = snapshot.binding
    if binding.spec is None:
        raise ValueError(f"{binding.key} has no valid spec")
    plugins = configured_plugins(binding.spec)
    lists = _lists(binding, (i for i, _ in plugins), refused if attach_lua else refused | lua_keys(binding))
    wish = Wish(binding, binding.spec, keys, plugins, lists, withdrawn_routes(binding, refused))
    objects = tuple(desired for builder in BUILDERS for desired in builder(wish))
    wanted = {key: lists[route.name] for key, route in attach_targets(binding).items() if key not in excluded_targets}
    return BindingPlan(objects, build_attachments(snapshot, {key: _added(snapshot, key, names) for key, names in wanted.items()}))


def _added(snapshot: Snapshot, target: ObjectKey, names: Sequence[str]) -> Sequence[str]:
    """Those of our names that the operator puts on a target's list, or leaves there as people wrote them."""
    if not is_verified(snapshot, target):
        return names
    present = snapshot.targets[target].plugins if target in snapshot.targets else ()
    once = {name.rpartition(":")[2]: name for name in reversed(present) if is_ours(snapshot, name)}
    return [once[name] for name in names if name in once]


def _lists(binding: Binding, plugins: Iterable[PluginInstance], withheld: frozenset[ObjectKey]) -> Mapping[str, tuple[str, ...]]:
    """The names of a route's plugins among these, by route, without those withheld."""
    keys = ((i.route, plugin_key(binding, i.plugin, i.route)) for i in plugins)
    named = [(route, key.name) for route, key in keys if key not in withheld]
    routes = binding.spec.routes if binding.spec else ()
    return {route.name: tuple(name for only, name in named if only in (None, route.name)) for route in routes}


def build_removal(snapshot: Snapshot) -> BindingPlan:
    """The plan that removes our names from foreign lists and wants nothing else, whatever the spec says."""
    return BindingPlan(attachments=build_attachments(snapshot, {}))


def build_retreat(snapshot: Snapshot, leaving: Mapping[ObjectKey, frozenset[str]], withdrawn: frozenset[str]) -> BindingPlan:
    """The plan that only removes the names `leaving` has for each target, also from the binding's own Services; its other names stay.

    Nothing else of its Services changes, because their content depends on a spec that is perhaps refused. The Services of `withdrawn`
    routes are left out: they are about to be deleted.
    """
    gone = {route_object(snapshot.binding, SERVICE, route) for route in withdrawn}
    shorter = tuple(filter(None, (_shorter(snapshot, snapshot.targets[key], n) for key, n in sorted(leaving.items()) if key not in gone)))
    return BindingPlan(attachments=shorter, first=shorter)


def _shorter(snapshot: Snapshot, target: Attachable, names: frozenset[str]) -> Attachment | None:
    """The write that removes these names. A list of the binding's own Service that changes also loses doubled names and names of others."""
    if not is_own_child(snapshot, target.key):
        return without(snapshot, target, names)
    shorter = without(snapshot, target, names)
    kept = tuple(dict.fromkeys(shorter.plugins if shorter else target.plugins))
    if kept == target.plugins:
        return None
    ours = kept if snapshot.binding.spec is None else tuple(name for name in kept if is_ours(snapshot, name))
    return Attachment(target.key, target.uid, target.resource_version, ours)


def take_first(snapshot: Snapshot, plan: BindingPlan, harmful: Iterable[ObjectKey], withdrawn: tuple[ObjectKey, ...]) -> BindingPlan:
    """The plan that first removes from the harmful lists the names it does not keep there, and deletes the withdrawn objects."""
    lists = {attachment.target: attachment.plugins for attachment in plan.attachments}
    services = (d for d in plan.objects if d.key.kind == SERVICE.name and d.differs(snapshot.children.get(d.key)))
    lists |= {desired.key: listed(desired.manifest) for desired in services}
    first = (_kept(snapshot.targets[key], lists[key]) for key in harmful if key in lists)
    return replace(plan, first=tuple(filter(None, first)), withdrawn=withdrawn)


def _kept(target: Attachable, wanted: Sequence[str]) -> Attachment | None:
    kept = tuple(name for name in wanted if name in target.plugins)
    return Attachment(target.key, target.uid, target.resource_version, kept) if len(kept) < len(target.plugins) else None


def withdrawn_objects(snapshot: Snapshot, withheld: frozenset[ObjectKey]) -> tuple[ObjectKey, ...]:
    """The existing objects of the routes that must not serve without the withheld objects, in the order of deletion."""
    routes = sorted(withdrawn_routes(snapshot.binding, withheld))
    keys = (route_object(snapshot.binding, kind, route) for kind in (*ENTRIES, SERVICE) for route in routes)
    return tuple(key for key in keys if (child := snapshot.children.get(key)) and child.belongs_to(snapshot.binding) and not child.deleting)


def is_attached(snapshot: Snapshot, plugins: frozenset[ObjectKey]) -> bool:
    """Whether any list or filter names one of these plugins of the binding."""
    names = {key.name for key in plugins}
    return any(names.intersection((*target.plugins, *target.filters)) for target in snapshot.targets.values())


def lua_keys(binding: Binding) -> frozenset[ObjectKey]:
    """The plugins of the binding that run Lua, whether or not the spec wants them."""
    return type_keys(binding, LUA_TYPES)


def type_keys(binding: Binding, types: Iterable[str]) -> frozenset[ObjectKey]:
    """The binding's plugins of these types, whether or not the spec wants them."""
    routes = [route.name for route in binding.spec.routes] if binding.spec else []
    named = ((kind, route) for kind in types for route in (routes if PLUGINS[kind].per_route else (None,)))
    return frozenset(plugin_key(binding, kind, route) for kind, route in named)


def prune(snapshot: Snapshot, plan: BindingPlan) -> tuple[ObjectKey, ...]:
    """The binding's own objects that the plan does not hold, in the order of deletion.

    Only objects with both our labels and the binding's ownerReference: people add such a reference to objects of their own as well.
    """
    binding, keep = snapshot.binding, {desired.key for desired in plan.objects}
    owned = (c for c in snapshot.children.values() if c.owner_uid == binding.uid and c.binding == binding.name)
    gone = (c.key for c in owned if c.belongs_to(binding) and c.key not in keep and not c.deleting)
    return tuple(sorted(gone, key=lambda key: (_DELETION_ORDER.index(key.kind), key)))
