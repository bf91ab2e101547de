"""The objects that a binding refers to and those that it owns: pure, from its spec alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec, Expose, Llm, Route
from fiddler_kong_operator.kube.objects import Kind, ObjectKey

from .kinds import BINDING, HTTP_ROUTE, INGRESS, KONG_PLUGIN, SECRET, SERVICE
from .plugins import PLUGINS, PluginInstance, keys_of, plugin_instances
from .providers import models_of, provider_of
from .snapshot import Attachable, Binding, Snapshot

__all__ = [
    "ENTRIES",
    "PATTERN_PREFIX",
    "Place",
    "attach_targets",
    "carrier_of",
    "children_of",
    "classes_of",
    "entries_of",
    "entry_of",
    "exposed_routes",
    "has_pattern",
    "keys_secret",
    "named_plugin",
    "nearby_places",
    "needed_secret",
    "place_of",
    "places_above",
    "places_of",
    "plugin_key",
    "possible_owners",
    "references_of",
    "route_object",
    "routes_to",
    "secrets_of",
    "served_places",
    "tell_routes",
    "wanted_children",
    "withdrawn_routes",
]

PATTERN_PREFIX: Final = "/~"
"""Beginning of an Ingress' path that Kong's controller reads as a regular expression."""

Place = tuple[str, str, str]
"""Class, host ("" for all) and path without a trailing slash. The class is an ingress class or, as `namespace/name`, a Gateway."""

_LONGEST: Final = 257
"""Characters of an exposed path (`api.exposure`), and a slash."""

_DEEPEST: Final = 8
"""Levels of an exposed path below which longer paths are found."""

_NO_CLASS: Final = ""
"""A class that each HTTPRoute has besides its Gateways, because it is not known which of Kong's gateways serve a Gateway."""

ENTRIES: Final = (INGRESS, HTTP_ROUTE)
"""The kinds that lead calls to the Service of an exposed route, which has one of them."""


def secrets_of(binding: Binding) -> frozenset[ObjectKey]:
    """The Secrets it refers to."""
    spec = binding.spec
    if spec is None:
        return frozenset()
    keys = (key for _, model in models_of(spec) for key in provider_of(model).auth(model)[1])
    named = {spec.fiddler.api_key_secret_ref.name, *(key.ref.name for key in keys)}
    return frozenset(ObjectKey(SECRET.name, binding.namespace, name) for name in named)


def attach_targets(binding: Binding) -> Mapping[ObjectKey, Route]:
    """The objects named in attachTo, in order, each with its route: a valid spec names an object only once."""
    routes = binding.spec.routes if binding.spec else ()
    return {carrier_of(binding, route): route for route in routes if route.attach_to}


def references_of(binding: Binding) -> frozenset[ObjectKey]:
    """Every object it refers to: Secrets, targets of attachTo, and the gateway workload."""
    workload = (binding.workload,) if binding.workload else ()
    return secrets_of(binding).union(attach_targets(binding), workload)


def places_of(binding: Binding) -> frozenset[Place]:
    """The places that its exposed routes serve, and the `nearby_places`."""
    exposed = exposed_routes(binding.spec) if binding.spec else ()
    places = frozenset(place_of(binding, expose) for _, expose, _ in exposed)
    return places.union(*(nearby_places(binding, expose) for _, expose, _ in exposed))


def place_of(binding: Binding, expose: Expose) -> Place:
    """The place that an exposed route serves. ValueError without a valid spec."""
    if binding.spec is None:
        raise ValueError(f"{binding.key} has no valid spec")
    gateway = expose.gateway_ref
    served = f"{gateway.namespace or binding.namespace}/{gateway.name}" if gateway else binding.spec.gateway.ingress_class_name
    return served, expose.host or "", _plain(expose.path)


def nearby_places(binding: Binding, expose: Expose) -> frozenset[Place]:
    """Places with this host and path that the same Kong may serve: those of any HTTPRoute and, with a Gateway, of the ingress class."""
    host_and_path = place_of(binding, expose)[1:]
    classes = {_NO_CLASS, *((binding.spec.gateway.ingress_class_name,) if binding.spec and expose.gateway_ref else ())}
    return frozenset((name, *host_and_path) for name in classes)


def classes_of(target: Attachable) -> tuple[str, ...]:
    """The ingress class of an Ingress, if it has one, or the Gateways of an HTTPRoute."""
    return target.gateways if target.key.kind == HTTP_ROUTE.name else tuple(filter(None, [target.ingress_class]))


def served_places(target: Attachable) -> frozenset[Place]:
    """The places that an Ingress or HTTPRoute serves; none for an Ingress without a class."""
    classes = (_NO_CLASS, *target.gateways) if target.key.kind == HTTP_ROUTE.name else classes_of(target)
    return frozenset((name, host, _plain(path)) for name in classes for host, path in target.rules)


def places_above(target: Attachable) -> frozenset[Place]:
    """The places with a shorter path from which an Ingress or HTTPRoute takes calls, because Kong chooses the longest path that matches.

    `/` is left out: it is the fallback for all calls. Those of an HTTPRoute have the class `_NO_CLASS`, which all `nearby_places` include.
    """
    name = _NO_CLASS if target.key.kind == HTTP_ROUTE.name else target.ingress_class
    return frozenset((name, host, above) for host, path in target.rules for above in _above(path)) if name is not None else frozenset()


def _above(path: str) -> Iterator[str]:
    """The shorter paths, at most `_DEEPEST`: any user can create an Ingress with a path of a megabyte."""
    labels = path[:_LONGEST].rstrip("/").split("/") if not path.startswith(PATTERN_PREFIX) else []
    return ("/".join(labels[:length]) for length in range(2, min(len(labels), _DEEPEST + 2)))


def routes_to(snapshot: Snapshot, service: ObjectKey) -> list[Attachable]:
    """The Ingresses and HTTPRoutes that lead to a Service of `Snapshot.targets`."""
    return [route for route in snapshot.routes if any(service in group for group in route.backends)]


def has_pattern(target: Attachable) -> bool:
    """Whether one of its paths is a regular expression."""
    return any(path.startswith(PATTERN_PREFIX) for _, path in target.rules)


def _plain(path: str) -> str:
    return path.rstrip("/") or "/"


def withdrawn_routes(binding: Binding, refused: Collection[ObjectKey]) -> frozenset[str]:
    """The exposed routes that must not serve while Kong refuses these objects: their Service, Ingress or HTTPRoute, or a needed plugin."""
    spec = binding.spec
    if spec is None or not refused:
        return frozenset()
    needed = [(i.route, plugin_key(binding, i.plugin, i.route)) for i in plugin_instances(spec) if PLUGINS[i.plugin].essential]
    needed += [(route.name, key) for route, _, _ in exposed_routes(spec) for key in _ways(binding, route)]
    exposed = {route.name for route, _, _ in exposed_routes(spec)}
    return frozenset(route for route, key in needed if route in exposed and key in refused)


def exposed_routes(spec: BindingSpec) -> list[tuple[Route, Expose, Llm]]:
    """The routes for which the operator makes a Service, and an Ingress or HTTPRoute."""
    return [(route, route.expose, route.llm) for route in spec.routes if route.expose and route.llm]


def keys_secret(binding: Binding) -> ObjectKey:
    """The Secret with every key that Kong needs."""
    return ObjectKey(SECRET.name, binding.namespace, names.keys_secret(binding.name))


def needed_secret(binding: Binding, instances: Iterable[PluginInstance]) -> tuple[ObjectKey, ...]:
    """The Secret with the keys of these plugins; () if they need none: with a cloud identity and a collector that has Fiddler's key."""
    return (keys_secret(binding),) if keys_of(instances) else ()


def plugin_key(binding: Binding, plugin: str, route: str | None = None) -> ObjectKey:
    """The KongPlugin of a type; `route` where each route has its own."""
    return ObjectKey(KONG_PLUGIN.name, binding.namespace, PLUGINS[plugin].object_name(binding.name, route))


def route_object(binding: Binding, kind: Kind, route: str) -> ObjectKey:
    """The Service, Ingress or HTTPRoute of an exposed route."""
    return ObjectKey(kind.name, binding.namespace, names.route_objects(binding.name, route))


def carrier_of(binding: Binding, route: Route) -> ObjectKey:
    """The object whose list names the plugins of a route: that of attachTo, or the Service of an exposed route."""
    if route.attach_to:
        return ObjectKey(route.attach_to.kind, binding.namespace, route.attach_to.name)
    return route_object(binding, SERVICE, route.name)


def entry_of(binding: Binding, route: Route) -> ObjectKey:
    """The object that leads calls to the Service of an exposed route: its HTTPRoute where a Gateway is named, else its Ingress."""
    return route_object(binding, HTTP_ROUTE if route.expose and route.expose.gateway_ref else INGRESS, route.name)


def entries_of(binding: Binding) -> tuple[ObjectKey, ...]:
    """The Ingresses and HTTPRoutes of its exposed routes."""
    return tuple(entry_of(binding, route) for route, _, _ in (exposed_routes(binding.spec) if binding.spec else ()))


def _ways(binding: Binding, route: Route) -> tuple[ObjectKey, ...]:
    """The Service of an exposed route, and its Ingress or HTTPRoute."""
    return route_object(binding, SERVICE, route.name), entry_of(binding, route)


def wanted_children(binding: Binding) -> tuple[ObjectKey, ...]:
    """Every object that the spec asks for, in the order of creation; none without a valid spec."""
    if binding.spec is None:
        return ()
    instances = plugin_instances(binding.spec)
    plugins = (plugin_key(binding, instance.plugin, instance.route) for instance in instances)
    services = (route_object(binding, SERVICE, route.name) for route, _, _ in exposed_routes(binding.spec))
    return (*needed_secret(binding, instances), *plugins, *services, *entries_of(binding))


def children_of(binding: Binding) -> Iterator[ObjectKey]:
    """Every name that the binding uses, now or under an earlier spec with the same routes: finds leftovers without owner reference.

    Without a valid spec, only the names that do not depend on it.
    """
    routes = [route.name for route in binding.spec.routes] if binding.spec else []
    yield keys_secret(binding)
    for kind in PLUGINS.values():
        yield from (plugin_key(binding, kind.type, route) for route in (routes if kind.per_route else (None,)))
    for route in routes:
        yield from (route_object(binding, kind, route) for kind in (SERVICE, *ENTRIES))


def possible_owners(key: ObjectKey) -> Iterator[ObjectKey]:
    """The bindings that could want an object of that name: a child's name begins with its binding's name and a hyphen."""
    parts = key.name.split("-")
    for length in range(1, len(parts)):
        yield ObjectKey(BINDING.name, key.namespace, "-".join(parts[:length]))


def named_plugin(target: ObjectKey, name: str) -> ObjectKey:
    """The KongPlugin that a name in a target's annotation (`name` or `namespace:name`) means."""
    namespace, colon, plain = name.rpartition(":")
    return ObjectKey(KONG_PLUGIN.name, namespace if colon else target.namespace, plain)


def tell_routes(routes: Sequence[str]) -> str:
    """Routes by their names: `route a`, or `routes a, b`."""
    return f"{'routes' if len(routes) > 1 else 'route'} {', '.join(routes)}"
