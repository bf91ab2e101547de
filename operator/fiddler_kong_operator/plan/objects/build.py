"""Builds all objects that an accepted binding with its keys wants, and selects the existing objects to delete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import OWNED, SERVICE
from fiddler_kong_operator.plan.plugins import PLUGINS, PluginInstance, plugin_instances
from fiddler_kong_operator.plan.references import attach_targets, exposed_routes, plugin_key, route_object
from fiddler_kong_operator.plan.secrets import ResolvedKeys
from fiddler_kong_operator.plan.snapshot import Binding, Snapshot

from .attachments import build_attachments
from .builders import BUILDERS, Wish, build_service
from .desired import BindingPlan
from .overrides import configured_plugins

__all__ = ["build", "build_removal", "build_removal_of", "is_attached", "lua_names", "prune", "type_names"]

_DELETION_ORDER: Final = tuple(kind.name for kind in reversed(OWNED))


def build(
    snapshot: Snapshot, keys: ResolvedKeys, *, attach_pre_function: bool, excluded_targets: frozenset[ObjectKey] = frozenset()
) -> BindingPlan:
    """Everything the binding wants. ValueError where it has no valid spec, Stalled where `check_plugins` finds something.

    `attach_pre_function` is False until the gateway can run our Lua: the plugin is made, but nothing names it. `excluded_targets` are left
    without any plugin of ours, because a foreign plugin clashes there.
    """
    binding = snapshot.binding
    if binding.spec is None:
        raise ValueError(f"{binding.key} has no valid spec")
    plugins = configured_plugins(binding.spec)
    lists = _lists(binding, (i for i, _ in plugins if attach_pre_function or not PLUGINS[i.plugin].runs_lua))
    wish = Wish(binding, binding.spec, keys, plugins, lists)
    objects = tuple(desired for builder in BUILDERS for desired in builder(wish))
    wanted = {key: lists[route.name] for key, route in attach_targets(binding).items() if key not in excluded_targets}
    return BindingPlan(objects, build_attachments(snapshot, wanted))


def _lists(binding: Binding, attached: Iterable[PluginInstance]) -> Mapping[str, tuple[str, ...]]:
    """The names of a route's plugins among these, by route."""
    named = [(i.route, plugin_key(binding, i.plugin, i.route).name) for i in attached]
    routes = binding.spec.routes if binding.spec else ()
    return {route.name: tuple(name for only, name in named if only in (None, route.name)) for route in routes}


def build_removal(snapshot: Snapshot) -> BindingPlan:
    """The plan that removes our names from foreign lists and wants nothing else, whatever the spec says."""
    return BindingPlan(attachments=build_attachments(snapshot, {}))


def build_removal_of(snapshot: Snapshot, names: frozenset[str]) -> BindingPlan:
    """The plan that only removes these plugins of the binding from all lists; other names stay."""
    binding = snapshot.binding
    if binding.spec is None or not names:
        return BindingPlan()
    lists = _lists(binding, plugin_instances(binding.spec))
    listed = {key: target.plugins for key, target in snapshot.targets.items() if names.intersection(target.plugins)}
    services = tuple(
        build_service(binding, route, llm, [n for n in lists[route.name] if n in listed[key] and n not in names])
        for route, _, llm in exposed_routes(binding.spec)
        if (key := route_object(binding, SERVICE, route.name)) in listed
    )
    kept = {key: tuple(n for n in target.plugins if n.rpartition(":")[2] not in names) for key, target in snapshot.targets.items()}
    return BindingPlan(services, build_attachments(snapshot, kept))


def is_attached(snapshot: Snapshot, names: frozenset[str]) -> bool:
    """Whether any list names one of these plugins of the binding."""
    return any(names.intersection(target.plugins) for target in snapshot.targets.values())


def lua_names(binding: Binding) -> frozenset[str]:
    """The names of the binding's plugins that run Lua."""
    return type_names(binding, (kind.type for kind in PLUGINS.values() if kind.runs_lua))


def type_names(binding: Binding, types: Iterable[str]) -> frozenset[str]:
    """The names that the binding's plugins of these types have, whether or not its spec wants them."""
    routes = [route.name for route in binding.spec.routes] if binding.spec else []
    named = ((kind, route) for kind in types for route in (routes if PLUGINS[kind].per_route else (None,)))
    return frozenset(plugin_key(binding, kind, route).name for kind, route in named)


def prune(snapshot: Snapshot, plan: BindingPlan) -> tuple[ObjectKey, ...]:
    """The binding's own objects that the plan does not hold, in the order of deletion.

    Only objects with both our labels and the binding's ownerReference: people add such a reference to objects of their own as well.
    """
    binding, keep = snapshot.binding, {desired.key for desired in plan.objects}
    owned = (c for c in snapshot.children.values() if c.owner_uid == binding.uid and c.binding == binding.name)
    gone = (c.key for c in owned if c.belongs_to(binding) and c.key not in keep and not c.deleting)
    return tuple(sorted(gone, key=lambda key: (_DELETION_ORDER.index(key.kind), key)))
