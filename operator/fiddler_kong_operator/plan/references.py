"""The objects that a binding refers to and those that it owns: pure, from its spec alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec, Expose, Llm, Route
from fiddler_kong_operator.kube.objects import Kind, ObjectKey

from .kinds import BINDING, HTTP_ROUTE, INGRESS, KONG_PLUGIN, SECRET, SERVICE
from .plugins import PLUGINS, PluginInstance, keys_of, plugin_instances
from .providers import models_of, provider_of
from .snapshot import Attachable, Binding

__all__ = [
    "NO_CLASS",
    "PATTERN_PREFIX",
    "Place",
    "attach_targets",
    "children_of",
    "exposed_routes",
    "has_pattern",
    "keys_secret",
    "named_plugin",
    "needed_secret",
    "place_of",
    "places_of",
    "plugin_key",
    "possible_owners",
    "references_of",
    "route_object",
    "secrets_of",
    "served_places",
    "wanted_children",
    "withdrawn_routes",
]

PATTERN_PREFIX: Final = "/~"
"""Beginning of an Ingress' path that Kong's controller reads as a regular expression."""

Place = tuple[str, str, str]
"""Ingress class, host ("" for all) and path without a trailing slash."""

NO_CLASS: Final = ""
"""The class in a place of an HTTPRoute: which gateway serves it is not known."""


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
    return {ObjectKey(route.attach_to.kind, binding.namespace, route.attach_to.name): route for route in routes if route.attach_to}


def references_of(binding: Binding) -> frozenset[ObjectKey]:
    """Every object it refers to: Secrets, targets of attachTo, and the gateway workload."""
    workload = (binding.workload,) if binding.workload else ()
    return secrets_of(binding).union(attach_targets(binding), workload)


def places_of(binding: Binding) -> frozenset[Place]:
    """The places that its exposed routes serve, each also as an HTTPRoute would."""
    if binding.spec is None:
        return frozenset()
    places = [place_of(binding.spec, expose) for _, expose, _ in exposed_routes(binding.spec)]
    return frozenset(places).union((NO_CLASS, host, path) for _, host, path in places)


def place_of(spec: BindingSpec, expose: Expose) -> Place:
    """The place that an exposed route serves."""
    return spec.gateway.ingress_class_name, expose.host or "", _plain(expose.path)


def served_places(target: Attachable) -> frozenset[Place]:
    """The places that an Ingress or HTTPRoute serves; none for an Ingress without a class."""
    ingress_class = NO_CLASS if target.key.kind == HTTP_ROUTE.name else target.ingress_class
    if ingress_class is None:
        return frozenset()
    return frozenset((ingress_class, host, _plain(path)) for host, path in target.rules)


def has_pattern(ingress: Attachable) -> bool:
    """Whether one of its paths is a regular expression."""
    return any(path.startswith(PATTERN_PREFIX) for _, path in ingress.rules)


def _plain(path: str) -> str:
    return path.rstrip("/") or "/"


def withdrawn_routes(binding: Binding, refused: Collection[ObjectKey]) -> frozenset[str]:
    """The exposed routes that must not serve while these objects of the binding are refused: their own, or a plugin that they need."""
    spec = binding.spec
    if spec is None:
        return frozenset()
    needed = [(i.route, plugin_key(binding, i.plugin, i.route)) for i in plugin_instances(spec) if PLUGINS[i.plugin].essential]
    needed += [(route.name, route_object(binding, kind, route.name)) for route, _, _ in exposed_routes(spec) for kind in (SERVICE, INGRESS)]
    exposed = {route.name for route, _, _ in exposed_routes(spec)}
    return frozenset(route for route, key in needed if route in exposed and key in refused)


def exposed_routes(spec: BindingSpec) -> list[tuple[Route, Expose, Llm]]:
    """The routes for which the operator makes a Service and an Ingress."""
    return [(route, route.expose, route.llm) for route in spec.routes if route.expose and route.llm]


def keys_secret(binding: Binding) -> ObjectKey:
    """The Secret with every key that Kong needs."""
    return ObjectKey(SECRET.name, binding.namespace, names.keys_secret(binding.name))


def needed_secret(binding: Binding, instances: Iterable[PluginInstance]) -> tuple[ObjectKey, ...]:
    """The Secret that these plugins take their keys from; () where they take none, as with identities and a collector that has the key."""
    return (keys_secret(binding),) if keys_of(instances) else ()


def plugin_key(binding: Binding, plugin: str, route: str | None = None) -> ObjectKey:
    """The KongPlugin of a type; `route` where each route has its own."""
    return ObjectKey(KONG_PLUGIN.name, binding.namespace, PLUGINS[plugin].object_name(binding.name, route))


def route_object(binding: Binding, kind: Kind, route: str) -> ObjectKey:
    """The Service or Ingress of an exposed route."""
    return ObjectKey(kind.name, binding.namespace, names.route_objects(binding.name, route))


def wanted_children(binding: Binding) -> tuple[ObjectKey, ...]:
    """Every object that the spec asks for, in the order of creation; none without a valid spec."""
    if binding.spec is None:
        return ()
    instances = plugin_instances(binding.spec)
    plugins = (plugin_key(binding, instance.plugin, instance.route) for instance in instances)
    exposed = [route.name for route, _, _ in exposed_routes(binding.spec)]
    return (
        *needed_secret(binding, instances),
        *plugins,
        *(route_object(binding, kind, route) for kind in (SERVICE, INGRESS) for route in exposed),
    )


def children_of(binding: Binding) -> Iterator[ObjectKey]:
    """Every name that the binding uses, now or under an earlier spec with the same routes: finds leftovers whose owner was removed.

    An invalid spec implies the names that do not depend on it.
    """
    routes = [route.name for route in binding.spec.routes] if binding.spec else []
    yield keys_secret(binding)
    for kind in PLUGINS.values():
        yield from (plugin_key(binding, kind.type, route) for route in (routes if kind.per_route else (None,)))
    for route in routes:
        yield from (route_object(binding, kind, route) for kind in (SERVICE, INGRESS))


def possible_owners(key: ObjectKey) -> Iterator[ObjectKey]:
    """The bindings that could want an object of that name: every child's name begins with its binding's and a hyphen."""
    parts = key.name.split("-")
    for length in range(1, len(parts)):
        yield ObjectKey(BINDING.name, key.namespace, "-".join(parts[:length]))


def named_plugin(target: ObjectKey, name: str) -> ObjectKey:
    """The KongPlugin that a name in a target's annotation (`name` or `namespace:name`) means."""
    namespace, colon, plain = name.rpartition(":")
    return ObjectKey(KONG_PLUGIN.name, namespace if colon else target.namespace, plain)
