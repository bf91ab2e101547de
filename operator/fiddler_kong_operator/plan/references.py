"""What a binding points at and what it would create: pure, from its spec alone."""

from __future__ import annotations

from collections.abc import Iterator

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import BINDING, INGRESS, KONG_PLUGIN, SECRET, SERVICE

from .snapshot import Attachable, Binding

__all__ = [
    "Place",
    "attach_targets",
    "children_of",
    "named_plugin",
    "places_of",
    "possible_owners",
    "references_of",
    "secrets_of",
    "served_places",
]

Place = tuple[str, str, str]
"""Ingress class, host ("" for all) and path without a trailing slash."""


def secrets_of(binding: Binding) -> frozenset[ObjectKey]:
    """The Secrets it refers to."""
    spec = binding.spec
    if spec is None:
        return frozenset()
    keys = {spec.fiddler.api_key_secret_ref.name} | {route.llm.auth.secret_ref.name for route in spec.routes if route.llm}
    return frozenset(ObjectKey(SECRET.name, binding.namespace, name) for name in keys)


def attach_targets(binding: Binding) -> tuple[ObjectKey, ...]:
    """The objects named in attachTo."""
    routes = binding.spec.routes if binding.spec else ()
    return tuple(ObjectKey(route.attach_to.kind, binding.namespace, route.attach_to.name) for route in routes if route.attach_to)


def references_of(binding: Binding) -> frozenset[ObjectKey]:
    """Every object it points at: Secrets, targets of attachTo, and the gateway workload."""
    workload = (binding.workload,) if binding.workload else ()
    return secrets_of(binding).union(attach_targets(binding), workload)


def places_of(binding: Binding) -> frozenset[Place]:
    """What its exposed routes serve."""
    if binding.spec is None:
        return frozenset()
    ingress_class = binding.spec.gateway.ingress_class_name
    exposed = (route.expose for route in binding.spec.routes if route.expose)
    return frozenset((ingress_class, expose.host or "", _plain(expose.path)) for expose in exposed)


def served_places(ingress: Attachable) -> frozenset[Place]:
    """What an Ingress serves; nothing without a class."""
    if not ingress.ingress_class:
        return frozenset()
    return frozenset((ingress.ingress_class, host, _plain(path)) for host, path in ingress.rules)


def _plain(path: str) -> str:
    return path.rstrip("/") or "/"


def children_of(binding: Binding) -> Iterator[ObjectKey]:
    """Every object it would create."""
    space = binding.namespace
    yield ObjectKey(SECRET.name, space, names.keys_secret(binding.name))
    yield ObjectKey(KONG_PLUGIN.name, space, names.opentelemetry_plugin(binding.name))
    yield ObjectKey(KONG_PLUGIN.name, space, names.pre_function_plugin(binding.name))
    for route in binding.spec.routes if binding.spec else ():
        yield ObjectKey(KONG_PLUGIN.name, space, names.ai_proxy_plugin(binding.name, route.name))
        yield ObjectKey(SERVICE.name, space, names.route_objects(binding.name, route.name))
        yield ObjectKey(INGRESS.name, space, names.route_objects(binding.name, route.name))


def possible_owners(key: ObjectKey) -> Iterator[ObjectKey]:
    """The bindings that could want an object of that name: every child's name begins with its binding's and a hyphen."""
    parts = key.name.split("-")
    for length in range(1, len(parts)):
        yield ObjectKey(BINDING.name, key.namespace, "-".join(parts[:length]))


def named_plugin(target: ObjectKey, name: str) -> ObjectKey:
    """The KongPlugin that a name in a target's annotation (`name` or `namespace:name`) stands for."""
    namespace, colon, plain = name.rpartition(":")
    return ObjectKey(KONG_PLUGIN.name, namespace if colon else target.namespace, plain)
