"""Builds all objects that an accepted binding with its keys wants, and selects the existing objects to delete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fiddler_kong_operator.api import Llm, Route
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import OWNED, SERVICE
from fiddler_kong_operator.plan.plugins import PLUGINS, PluginInstance, plugin_instances
from fiddler_kong_operator.plan.references import attach_targets, exposed_routes, plugin_key, route_object
from fiddler_kong_operator.plan.secrets import ResolvedKeys
from fiddler_kong_operator.plan.snapshot import Binding, Snapshot

from .attachments import build_attachments, is_own_child, without
from .builders import BUILDERS, Wish, build_service
from .desired import BindingPlan
from .overrides import configured_plugins

__all__ = ["build", "build_removal", "build_retreat", "is_lua_attached", "lua_names", "prune"]

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


def build_retreat(snapshot: Snapshot, leaving: Mapping[ObjectKey, frozenset[str]]) -> BindingPlan:
    """The plan that only takes these names of the binding off the lists of targets, its own Services' included; other names stay.

    Other objects of its own, and its Services while the spec does not say what they should be, are treated like those of others.
    """
    shorter = {key: found for key, names in leaving.items() if (found := without(snapshot, snapshot.targets[key], names))}
    services = {route_object(snapshot.binding, SERVICE, route.name): (route, llm) for route, llm in _own_routes(snapshot)}
    lists = _lists(snapshot.binding, plugin_instances(snapshot.binding.spec) if snapshot.binding.spec else ())
    objects = tuple(
        build_service(snapshot.binding, route, llm, [name for name in lists[route.name] if name not in leaving[key]])
        for key, (route, llm) in services.items()
        if key in shorter
    )
    return BindingPlan(objects, tuple(attachment for key, attachment in sorted(shorter.items()) if key not in services))


def _own_routes(snapshot: Snapshot) -> Iterator[tuple[Route, Llm]]:
    """The exposed routes whose Service exists."""
    for route, _, llm in exposed_routes(snapshot.binding.spec) if snapshot.binding.spec else ():
        if is_own_child(snapshot, route_object(snapshot.binding, SERVICE, route.name)):
            yield route, llm


def is_lua_attached(snapshot: Snapshot) -> bool:
    """Whether any list names a plugin of the binding that runs Lua."""
    lua = lua_names(snapshot.binding)
    return any(lua.intersection(target.plugins) for target in snapshot.targets.values())


def lua_names(binding: Binding) -> frozenset[str]:
    """The names of the binding's plugins that run Lua."""
    return frozenset(plugin_key(binding, kind.type).name for kind in PLUGINS.values() if kind.runs_lua)


def prune(snapshot: Snapshot, plan: BindingPlan) -> tuple[ObjectKey, ...]:
    """The binding's own objects that the plan does not hold, in the order of deletion.

    Only objects with both our labels and the binding's ownerReference: people add such a reference to objects of their own as well.
    """
    binding, keep = snapshot.binding, {desired.key for desired in plan.objects}
    owned = (c for c in snapshot.children.values() if c.owner_uid == binding.uid and c.binding == binding.name)
    gone = (c.key for c in owned if c.belongs_to(binding) and c.key not in keep and not c.deleting)
    return tuple(sorted(gone, key=lambda key: (_DELETION_ORDER.index(key.kind), key)))
