"""What a binding would clash with: plugins of the same type on its targets, Ingresses on its paths, objects with its names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from fiddler_kong_operator import names
from fiddler_kong_operator.api.v1alpha1 import BindingSpec, Route
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.tenancy import seniority
from fiddler_kong_operator.plan.objects.attachments import is_ours
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Snapshot

__all__ = [
    "PluginConflict",
    "attach_targets",
    "needed_types",
    "plugin_conflicts",
    "route_conflicts",
    "standing_clashes",
    "taken_names",
    "unresolved_names",
]


@dataclass(frozen=True, slots=True)
class PluginConflict:
    """A foreign `plugin` of `type` on the `target` of `route`, where this binding would attach one of the same type."""

    route: str
    target: ObjectKey
    plugin: str
    type: str


def needed_types(spec: BindingSpec, route: Route) -> frozenset[str]:
    """The plugin types a binding attaches to one route's Service or Ingress."""
    types = {"opentelemetry"}
    if spec.sessions.mode == "Header":
        types.add("pre-function")
    if route.llm is not None:
        types.add("ai-proxy")
    return frozenset(types)


def attach_targets(snapshot: Snapshot) -> Iterator[tuple[Route, ObjectKey]]:
    """The routes that attach to an existing object, with its key."""
    binding = snapshot.binding
    for route in _routes(binding):
        if route.attach_to is not None:
            yield route, ObjectKey(route.attach_to.kind, binding.namespace, route.attach_to.name)


def plugin_conflicts(snapshot: Snapshot) -> tuple[PluginConflict, ...]:
    """Plugins of others on this binding's targets that have a type it attaches there; two of a type freeze the gateway."""
    return tuple(
        PluginConflict(route.name, target.key, name, snapshot.plugin_types[name])
        for route, target in _observed_targets(snapshot)
        for name in dict.fromkeys(target.plugins)
        if snapshot.plugin_types.get(name) in _types(snapshot, route) and not is_ours(snapshot, name)
    )


def standing_clashes(snapshot: Snapshot) -> frozenset[ObjectKey]:
    """Objects whose list holds a plugin of this binding and another of its type, or itself again, even if the spec does not name them."""
    return frozenset(key for key, target in snapshot.targets.items() if _clashes(snapshot, target))


def _clashes(snapshot: Snapshot, target: Attachable) -> bool:
    types = snapshot.plugin_types
    numbers = Counter(types[name] for name in target.plugins if name in types)
    return any(numbers[types[name]] > 1 for name in target.plugins if name in types and is_ours(snapshot, name))


def unresolved_names(snapshot: Snapshot) -> Iterator[tuple[ObjectKey, str]]:
    """Names on this binding's targets that no visible plugin has, and that are not among those it creates itself."""
    own = {key.name for key in _wanted_keys(snapshot.binding) if key.kind == "KongPlugin"}
    for _, target in _observed_targets(snapshot):
        for name in dict.fromkeys(target.plugins):
            if name not in snapshot.plugin_types and name not in own:
                yield target.key, name


def route_conflicts(snapshot: Snapshot) -> Iterator[tuple[Route, str, str, ObjectKey]]:
    """Routes this binding exposes at a host ("" for all) and path that another Ingress of the class serves, with that Ingress."""
    spec = snapshot.binding.spec
    for route in _routes(snapshot.binding):
        if spec is None or route.expose is None:
            continue
        ours = ObjectKey("Ingress", snapshot.binding.namespace, names.route_objects(snapshot.binding.name, route.name))
        host, path = route.expose.host or "", route.expose.path
        serving = [i for i in snapshot.ingresses if i.ingress_class == spec.gateway.ingress_class_name and _serves(i, host, path)]
        established = any(ingress.key == ours for ingress in serving)
        for other in serving:
            if other.key != ours and not _is_own(other, snapshot) and not (established and _gives_way(other, snapshot)):
                yield route, host, path, other.key


def taken_names(snapshot: Snapshot) -> Iterator[ObjectKey]:
    """Objects with the name of one this binding creates that do not belong to it, and are not about to go."""
    for key in _wanted_keys(snapshot.binding):
        child = snapshot.children.get(key)
        if child is not None and not (child.belongs_to(snapshot.binding) or child.is_left_over(snapshot.binding)):
            yield key


def _routes(binding: Binding) -> tuple[Route, ...]:
    return binding.spec.routes if binding.spec else ()


def _types(snapshot: Snapshot, route: Route) -> frozenset[str]:
    return needed_types(snapshot.binding.spec, route) if snapshot.binding.spec else frozenset()


def _observed_targets(snapshot: Snapshot) -> Iterator[tuple[Route, Attachable]]:
    for route, key in attach_targets(snapshot):
        target = snapshot.targets.get(key)
        if target is not None:
            yield route, target


def _serves(ingress: Attachable, host: str, path: str) -> bool:
    return any(rule_host == host and rule_path.rstrip("/") == path for rule_host, rule_path in ingress.rules)


def _is_own(ingress: Attachable, snapshot: Snapshot) -> bool:
    """Whether this binding made it, perhaps under a route's former name: it then goes once the new one is there."""
    child = snapshot.children.get(ingress.key)
    return child is not None and child.belongs_to(snapshot.binding)


def _gives_way(ingress: Attachable, snapshot: Snapshot) -> bool:
    """Whether it belongs to a younger binding: where two raced for one path and both Ingresses exist, the older binding keeps it."""
    for sibling in snapshot.siblings:
        if ingress.key in _wanted_keys(sibling):
            return seniority(snapshot.binding) < seniority(sibling)
    return False


def _wanted_keys(binding: Binding) -> tuple[ObjectKey, ...]:
    """Keys of all objects a binding creates, in the order of creation."""
    return tuple(ObjectKey(kind, binding.namespace, name) for kind, name in _wanted_names(binding))


def _wanted_names(binding: Binding) -> Iterator[tuple[str, str]]:
    spec = binding.spec
    if spec is None:
        return
    yield "Secret", names.keys_secret(binding.name)
    yield "KongPlugin", names.opentelemetry_plugin(binding.name)
    if spec.sessions.mode == "Header":
        yield "KongPlugin", names.pre_function_plugin(binding.name)
    for route in spec.routes:
        if route.llm is not None:
            yield "KongPlugin", names.ai_proxy_plugin(binding.name, route.name)
        if route.expose is not None:
            yield "Service", names.route_objects(binding.name, route.name)
            yield "Ingress", names.route_objects(binding.name, route.name)
