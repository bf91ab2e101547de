"""Clashes of a binding: with plugins of the same type on objects that carry its own, Ingresses on its paths, objects with its names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fiddler_kong_operator.api import BindingSpec, Route
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.tenancy import seniority
from fiddler_kong_operator.plan.kinds import SERVICE
from fiddler_kong_operator.plan.objects.attachments import is_ours, is_own_child, is_verified, own_names
from fiddler_kong_operator.plan.plugins import plugin_instances
from fiddler_kong_operator.plan.references import (
    attach_targets,
    entry_of,
    exposed_routes,
    place_of,
    plugin_key,
    route_object,
    served_places,
    wanted_children,
)
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Snapshot

__all__ = [
    "BOTH_ANSWER",
    "PluginConflict",
    "clashing_names",
    "needed_types",
    "plugin_conflicts",
    "rival_of",
    "route_conflicts",
    "taken_names",
]

_SAME_WORK: Final = MappingProxyType({"ai-proxy-advanced": "ai-proxy"})
"""Types that exclude each other although Kong admits both: each answers the call itself."""

BOTH_ANSWER: Final = "Kong runs ai-proxy and ai-proxy-advanced both, and each answers the call. Take one of them off."
"""The rule for two of these types on different objects that one call meets."""


@dataclass(frozen=True, slots=True)
class PluginConflict:
    """A foreign `plugin` of `type` on the `target` of `route`, where this binding attaches one of type `ours`."""

    route: str
    target: ObjectKey
    plugin: str
    type: str
    ours: str
    exposed: bool = False
    """The target is the binding's own Service."""
    filtered: bool = False
    """A filter of the target, an HTTPRoute, names the plugin, which may then be one of the binding itself."""


def needed_types(spec: BindingSpec, route: str) -> frozenset[str]:
    """The plugin types a binding attaches to one route's object."""
    return frozenset(instance.plugin for instance in plugin_instances(spec) if instance.route in (None, route))


def rival_of(plugin_type: str, types: Iterable[str]) -> str | None:
    """The one of these types that does the same work as a plugin of that type: the same type, or another that answers calls."""
    return next((other for other in types if _work(other) == _work(plugin_type)), None)


def _work(plugin_type: str) -> str:
    return _SAME_WORK.get(plugin_type, plugin_type)


def plugin_conflicts(snapshot: Snapshot) -> tuple[PluginConflict, ...]:
    """Plugins of others on this binding's targets, and on its own Services, that exclude one it attaches there."""
    return tuple(
        conflict
        for route, key, exposed in _carriers(snapshot)
        if key in snapshot.targets and (_belongs(snapshot, key) if exposed else not is_own_child(snapshot, key))
        for conflict in _conflicts(snapshot, route, key, exposed=exposed)
        if not (exposed and _is_drift(snapshot, conflict))
    )


def _carriers(snapshot: Snapshot) -> Iterator[tuple[str, ObjectKey, bool]]:
    """Each route with the object that carries its plugins, and whether the object is the binding's own."""
    for key, route in attach_targets(snapshot.binding).items():
        yield route.name, key, False
    for route, _, _ in exposed_routes(snapshot.binding.spec) if snapshot.binding.spec else ():
        yield route.name, route_object(snapshot.binding, SERVICE, route.name), True


def _conflicts(snapshot: Snapshot, route: str, key: ObjectKey, *, exposed: bool) -> Iterator[PluginConflict]:
    target, spec = snapshot.targets[key], snapshot.binding.spec
    alone = {n for n in target.filters if is_verified(snapshot, key) and is_ours(snapshot, n) and n not in target.plugins}
    filters = (name for name in target.filters if name not in alone)
    named = {**dict.fromkeys(filters, True), **{name: False for name in target.plugins if not is_ours(snapshot, name)}}
    if not named or spec is None:
        return
    types, needed = {**_wanted_types(snapshot.binding), **snapshot.plugin_types}, needed_types(spec, route)
    for name, filtered in named.items():
        ours = rival_of(types[name], needed) if types.get(name) else None
        if ours:
            yield PluginConflict(route, key, name, types[name], ours, exposed, filtered)


def _wanted_types(binding: Binding) -> Mapping[str, str]:
    """The types of the binding's plugins by name, whether or not they exist yet: a filter may name one."""
    instances = plugin_instances(binding.spec) if binding.spec else ()
    return {plugin_key(binding, instance.plugin, instance.route).name: instance.plugin for instance in instances}


def _is_drift(snapshot: Snapshot, conflict: PluginConflict) -> bool:
    """Whether the foreign name was added to our Service after our last write: repeating the write then repairs it.

    It is no drift if a webhook adds the name to each of our writes, or if our own name was left out because of the foreign one.
    """
    child, listed = snapshot.children[conflict.target], snapshot.targets[conflict.target].plugins
    beside_ours = any(snapshot.plugin_types.get(name) == conflict.ours and is_ours(snapshot, name) for name in listed)
    return beside_ours and child.defaulted_from is None


def clashing_names(snapshot: Snapshot) -> Mapping[ObjectKey, frozenset[str]]:
    """The names of this binding's plugins, without namespace, to remove from each object, including objects that the spec does not name.

    A name clashes if the list has it twice, or has another plugin that excludes it. If one clashes on an object of another owner, all of
    the binding's names are removed. From the binding's own Service only the excluded names are removed, and stay away while the other
    plugin is there; a name that is merely there twice stays once.
    """
    found: dict[ObjectKey, frozenset[str]] = {}
    for key, target in snapshot.targets.items():
        own = is_own_child(snapshot, key)
        clashing = _clashing(snapshot, target, {*target.plugins} if own else (*target.plugins, *target.filters))
        found[key] = own_names(snapshot, target) if clashing and not own else clashing
    for conflict in plugin_conflicts(snapshot):
        if conflict.exposed:
            found[conflict.target] |= _names_of(snapshot.binding, conflict)
    return {key: names for key, names in found.items() if names}


def _clashing(snapshot: Snapshot, target: Attachable, counted: Iterable[str]) -> frozenset[str]:
    types = snapshot.plugin_types
    numbers = Counter(_work(types[name]) for name in counted if name in types)
    clashing = (n for n in target.plugins if n in types and numbers[_work(types[n])] > 1 and is_ours(snapshot, n))
    return frozenset(name.rpartition(":")[2] for name in clashing)


def _names_of(binding: Binding, conflict: PluginConflict) -> frozenset[str]:
    instances = (i for i in (plugin_instances(binding.spec) if binding.spec else ()) if i.plugin == conflict.ours)
    return frozenset(plugin_key(binding, i.plugin, i.route).name for i in instances if i.route in (None, conflict.route))


def route_conflicts(snapshot: Snapshot) -> Iterator[tuple[Route, str, str, ObjectKey]]:
    """(route, host or "" for all, path, other object) for each exposed place that another object of the same class or Gateway serves."""
    spec = snapshot.binding.spec
    if spec is None:
        return
    for route, expose, _ in exposed_routes(spec):
        ours, place = entry_of(snapshot.binding, route), place_of(snapshot.binding, expose)
        serving = [other for other in snapshot.ingresses if place in served_places(other)]
        established = any(other.key == ours for other in serving)
        for other in serving:
            if other.key != ours and not _belongs(snapshot, other.key) and not (established and _gives_way(other, snapshot)):
                yield route, expose.host or "", expose.path, other.key


def taken_names(snapshot: Snapshot) -> Iterator[ObjectKey]:
    """Objects of other owners with the name of one this binding creates, except those about to be garbage-collected."""
    for key in wanted_children(snapshot.binding):
        child = snapshot.children.get(key)
        if child is not None and not (child.belongs_to(snapshot.binding) or child.is_left_over(snapshot.binding)):
            yield key


def _belongs(snapshot: Snapshot, key: ObjectKey) -> bool:
    """Whether this binding made the object, perhaps under a route's former name: it is pruned once the new object exists."""
    child = snapshot.children.get(key)
    return child is not None and child.belongs_to(snapshot.binding)


def _gives_way(other: Attachable, snapshot: Snapshot) -> bool:
    """Whether the object belongs to a younger binding: if two bindings raced for a path and both have it, the older one keeps it."""
    for sibling in snapshot.siblings:
        if other.key in wanted_children(sibling):
            return seniority(snapshot.binding) < seniority(sibling)
    return False
