"""Clashes of a binding: with plugins of the same type on its targets, Ingresses on its paths, objects with its names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from fiddler_kong_operator.api import BindingSpec, Route
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.tenancy import seniority
from fiddler_kong_operator.plan.kinds import INGRESS, KONG_PLUGIN
from fiddler_kong_operator.plan.objects.attachments import is_ours
from fiddler_kong_operator.plan.plugins import plugin_instances
from fiddler_kong_operator.plan.references import attach_targets, exposed_routes, place_of, route_object, served_places, wanted_children
from fiddler_kong_operator.plan.snapshot import Attachable, Snapshot

__all__ = ["PluginConflict", "plugin_conflicts", "route_conflicts", "standing_clashes", "taken_names", "unresolved_names"]


@dataclass(frozen=True, slots=True)
class PluginConflict:
    """A foreign `plugin` of `type` on the `target` of `route`, where this binding would attach one of the same type."""

    route: str
    target: ObjectKey
    plugin: str
    type: str


def _needed_types(spec: BindingSpec, route: str) -> frozenset[str]:
    """The plugin types a binding attaches to one route's object."""
    return frozenset(instance.plugin for instance in plugin_instances(spec) if instance.route in (None, route))


def plugin_conflicts(snapshot: Snapshot) -> tuple[PluginConflict, ...]:
    """Plugins of others on this binding's targets that have a type it attaches there; two of a type freeze the gateway."""
    return tuple(conflict for route, target in _observed_targets(snapshot) for conflict in _conflicts(snapshot, route, target))


def _conflicts(snapshot: Snapshot, route: Route, target: Attachable) -> Iterator[PluginConflict]:
    types = _needed_types(snapshot.binding.spec, route.name) if snapshot.binding.spec else frozenset()
    for name in dict.fromkeys(target.plugins):
        if snapshot.plugin_types.get(name) in types and not is_ours(snapshot, name):
            yield PluginConflict(route.name, target.key, name, snapshot.plugin_types[name])


def standing_clashes(snapshot: Snapshot) -> frozenset[ObjectKey]:
    """Objects whose list names a plugin of this binding twice, or also another of its type, even if the spec does not name them."""
    return frozenset(key for key, target in snapshot.targets.items() if _clashes(snapshot, target))


def _clashes(snapshot: Snapshot, target: Attachable) -> bool:
    types = snapshot.plugin_types
    numbers = Counter(types[name] for name in target.plugins if name in types)
    return any(numbers[types[name]] > 1 for name in target.plugins if name in types and is_ours(snapshot, name))


def unresolved_names(snapshot: Snapshot) -> Iterator[tuple[ObjectKey, str]]:
    """Names on this binding's targets that no visible plugin has, and that are not among those it creates itself."""
    own = {key.name for key in wanted_children(snapshot.binding) if key.kind == KONG_PLUGIN.name}
    for _, target in _observed_targets(snapshot):
        for name in dict.fromkeys(target.plugins):
            if name not in snapshot.plugin_types and name not in own:
                yield target.key, name


def route_conflicts(snapshot: Snapshot) -> Iterator[tuple[Route, str, str, ObjectKey]]:
    """Routes this binding exposes at a host ("" for all) and path that another Ingress of the class serves, with that Ingress."""
    spec = snapshot.binding.spec
    if spec is None:
        return
    for route, expose, _ in exposed_routes(spec):
        ours, place = route_object(snapshot.binding, INGRESS, route.name), place_of(spec, expose)
        serving = [ingress for ingress in snapshot.ingresses if place in served_places(ingress)]
        established = any(ingress.key == ours for ingress in serving)
        for other in serving:
            if other.key != ours and not _is_own(other, snapshot) and not (established and _gives_way(other, snapshot)):
                yield route, expose.host or "", expose.path, other.key


def taken_names(snapshot: Snapshot) -> Iterator[ObjectKey]:
    """Objects of other owners with the name of one this binding creates, except those about to be garbage-collected."""
    for key in wanted_children(snapshot.binding):
        child = snapshot.children.get(key)
        if child is not None and not (child.belongs_to(snapshot.binding) or child.is_left_over(snapshot.binding)):
            yield key


def _observed_targets(snapshot: Snapshot) -> Iterator[tuple[Route, Attachable]]:
    for key, route in attach_targets(snapshot.binding).items():
        target = snapshot.targets.get(key)
        if target is not None:
            yield route, target


def _is_own(ingress: Attachable, snapshot: Snapshot) -> bool:
    """Whether this binding made it, perhaps under a route's former name: it is then pruned once the new one exists."""
    child = snapshot.children.get(ingress.key)
    return child is not None and child.belongs_to(snapshot.binding)


def _gives_way(ingress: Attachable, snapshot: Snapshot) -> bool:
    """Whether it belongs to a younger binding: where two raced for one path and both Ingresses exist, the older binding keeps it."""
    for sibling in snapshot.siblings:
        if ingress.key in wanted_children(sibling):
            return seniority(snapshot.binding) < seniority(sibling)
    return False
