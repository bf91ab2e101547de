"""Whether calls reach what the binding makes: the ingress class, paths of others, plugins of others on more specific levels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from fiddler_kong_operator.plan.kinds import SERVICE
from fiddler_kong_operator.plan.objects.attachments import is_ours, is_own_child
from fiddler_kong_operator.plan.references import (
    PATTERN_PREFIX,
    Place,
    attach_targets,
    classes_of,
    exposed_routes,
    nearby_places,
    place_of,
    route_object,
    served_places,
    wanted_children,
)
from fiddler_kong_operator.plan.snapshot import Attachable, Snapshot

from .clashes import BOTH_ANSWER, needed_types, rival_of

__all__ = ["missing_class", "served_below", "served_nearby", "shadowed_by_consumers", "shadowed_plugin", "taken_by_pattern"]

_LITERAL: Final = re.compile(r"[^\\^$.|?*+()\[\]{}]*")
_SHOWN: Final = 5
"""Plugins that a message names."""

_OPTIONAL: Final = frozenset("?*{")
"""Characters that make the one before them optional."""


class _Shadow(NamedTuple):
    """A plugin of a route. It hides one of the binding's if it has the same type, and otherwise answers calls beside it."""

    shown: str
    hides: bool


def missing_class(snapshot: Snapshot) -> str | None:
    """No IngressClass has the name. A cluster without any is not judged: Kong's controller compares names only.

    Only the Ingress of an exposed route needs the class. An Ingress in attachTo has a class of its own, which `other_class` compares.
    """
    spec, known = snapshot.binding.spec, snapshot.ingress_classes
    wanted = spec.gateway.ingress_class_name if spec else ""
    if spec is None or not known or wanted in known or all(expose.gateway_ref for _, expose, _ in exposed_routes(spec)):
        return None
    return (
        f"There is no IngressClass {wanted} (gateway.ingressClassName); the cluster has {', '.join(sorted(known))}. "
        "Use the class of the Kong that runs as the gateway, or create it."
    )


def taken_by_pattern(snapshot: Snapshot) -> str | None:
    """Kong matches regular expressions before prefixes.

    They are compared by their literal beginning and not executed: a user's expression could keep the operator busy for ever.
    """
    spec = snapshot.binding.spec
    for route, expose, _ in exposed_routes(spec) if spec else ():
        classes = {place_of(snapshot.binding, expose)[0], *(place[0] for place in nearby_places(snapshot.binding, expose))}
        for other in snapshot.ingresses:
            taking = next(_taking(other, expose.host or "", expose.path), None)
            if taking and not classes.isdisjoint(classes_of(other)):
                return (
                    f"The path {taking} of {other.key} is a regular expression that may also match {expose.path} (route {route.name}); "
                    "Kong tries it first, and does not trace calls that it matches. Check that the route's calls do not match it, or "
                    "choose another expose.path."
                )
    return None


def served_nearby(snapshot: Snapshot) -> str | None:
    """An HTTPRoute serves the same host and path, or an Ingress the same as an HTTPRoute of ours: one Kong may have both."""
    binding = snapshot.binding
    for route, expose, _ in exposed_routes(binding.spec) if binding.spec else ():
        ours, nearby = place_of(binding, expose), nearby_places(binding, expose)
        for other in snapshot.ingresses:
            served = served_places(other)
            if ours not in served and not nearby.isdisjoint(served) and not is_own_child(snapshot, other.key):
                return (
                    f"{other.key} serves the path {expose.path} of route {route.name} too, on the same host. If one gateway serves both, "
                    "only one of them gets the calls. Check that, or choose another expose.path or expose.host."
                )
    return None


def served_below(snapshot: Snapshot) -> str | None:
    """Another Ingress or HTTPRoute serves a longer path on the same host, and Kong gives it the calls that begin so."""
    binding = snapshot.binding
    for route, expose, _ in exposed_routes(binding.spec) if binding.spec else ():
        places = {place_of(binding, expose), *nearby_places(binding, expose)}
        for other in snapshot.ingresses:
            longer = sorted(path for *place, path in served_places(other) if any(_is_below(path, place, ours) for ours in places))
            if longer and not _is_traced(snapshot, other):
                return (
                    f"{other.key} serves {longer[0]}, below the path {expose.path} of route {route.name} on the same host. The calls that "
                    "begin so go there, and this binding does not trace them. Check that they need no traces here, or choose another "
                    "expose.path."
                )
    return None


def _is_traced(snapshot: Snapshot, other: Attachable) -> bool:
    """Whether calls of the object run the binding's plugins all the same, or those of another binding."""
    if is_own_child(snapshot, other.key) or any(other.key in wanted_children(sibling) for sibling in snapshot.siblings):
        return True
    services = {service for group in other.backends for service in group}
    attached = attach_targets(snapshot.binding).keys()
    return other.key in attached or (bool(services) and services <= attached)


def _is_below(path: str, place: Sequence[str], ours: Place) -> bool:
    return (*place,) == ours[:2] and ours[2] != "/" and path.startswith(f"{ours[2]}/")


def _taking(target: Attachable, host: str, path: str) -> Iterator[str]:
    """The regular expressions of an Ingress or HTTPRoute, for this host, that may match a path or something below it."""
    for other_host, other in target.rules:
        if other_host == host and other.startswith(PATTERN_PREFIX):
            beginning = _literal_beginning(other.removeprefix(PATTERN_PREFIX).removeprefix("^"))
            if path.startswith(beginning) or beginning.startswith(path):
                yield other


def _literal_beginning(pattern: str) -> str:
    if "|" in pattern:
        return ""
    found = _LITERAL.match(pattern)
    literal = found[0] if found else ""
    follower = pattern[len(literal) : len(literal) + 1]
    return literal[:-1] if follower in _OPTIONAL and literal else literal


def shadowed_plugin(snapshot: Snapshot) -> str | None:
    """Kong runs the plugin on the route instead of ours of the same type on the Service, or both where each answers calls."""
    found = sorted(set(_shadows(snapshot)))
    hiding = [shadow.shown for shadow in found if shadow.hides]
    beside = [shadow.shown for shadow in found if not shadow.hides]
    hidden = (
        f"On some calls the binding's plugins do not run, because their route has a plugin of the same type: {_listed(hiding)}. "
        "Kong runs only the most specific plugin of a type. Take it off the route, or check that these calls need no traces."
    )
    twice = f"Some calls are answered twice, by the binding's plugin and by another of their route: {_listed(beside)}. {BOTH_ANSWER}"
    return " ".join([*([hidden] if hiding else []), *([twice] if beside else [])]) or None


def shadowed_by_consumers(snapshot: Snapshot) -> str | None:
    """Kong runs the plugin of the call's consumer instead of ours. Consumers of other namespaces are not named: they may be customers."""
    spec, namespace = snapshot.binding.spec, snapshot.binding.namespace
    types = {kind for route in spec.routes for kind in needed_types(spec, route.name)} if spec else frozenset()
    found = [plugin for plugin in snapshot.consumer_plugins if plugin.type in types]
    beside = sorted({p.type for p in snapshot.consumer_plugins if p.type not in types and rival_of(p.type, types)})
    twice = f"Calls of some consumers are answered twice, because these have a plugin of type {', '.join(beside)}. {BOTH_ANSWER}"
    if not found:
        return twice if beside else None
    known = sorted({f"{p.consumer} ({p.plugin}, {p.type})" for p in found if p.consumer.namespace == namespace})
    others = sorted({f"consumers in namespace {p.consumer.namespace} ({p.type})" for p in found if p.consumer.namespace != namespace})
    return (
        f"On calls of some consumers the binding's plugins do not run, because the consumer has a plugin of the same type: "
        f"{_listed([*known, *others])}. Kong runs only the most specific plugin of a type. Take it off the consumer, or check "
        f"that these calls need no traces.{f' {twice}' if beside else ''}"
    )


def _listed(found: Sequence[str]) -> str:
    """The first `_SHOWN`, and the number of the others."""
    more = [f"{len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return ", ".join([*found[:_SHOWN], *more])


def _shadows(snapshot: Snapshot) -> Iterator[_Shadow]:
    """The plugins of each route to a Service with our plugins that do the work of one of these."""
    spec = snapshot.binding.spec
    if spec is None:
        return
    services = {key: route.name for key, route in attach_targets(snapshot.binding).items() if key.kind == SERVICE.name}
    services |= {route_object(snapshot.binding, SERVICE, route.name): route.name for route, _, _ in exposed_routes(spec)}
    for route in snapshot.routes:
        if route.ingress_class not in (None, spec.gateway.ingress_class_name) or route.key.namespace != snapshot.binding.namespace:
            continue
        for service in services.keys() & {service for group in route.backends for service in group}:
            types = needed_types(spec, services[service])
            for name in dict.fromkeys((*route.plugins, *route.filters)):
                kind = snapshot.plugin_types.get(name)
                if kind and rival_of(kind, types) and not is_ours(snapshot, name) and name not in snapshot.disabled:
                    yield _Shadow(f"{name} ({kind}) of {route.key} to {service}", kind in types)
