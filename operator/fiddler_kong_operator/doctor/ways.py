"""The ways of calls to a route, and the plugins on each, from the cache."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.kinds.consumers import ConsumerFacts
from fiddler_kong_operator.observe.kinds.ingress_classes import IngressClassFacts
from fiddler_kong_operator.observe.kinds.plugins import PluginFacts, facts_of
from fiddler_kong_operator.plan.kinds import HTTP_ROUTE, INGRESS, INGRESS_CLASS, KONG_CLUSTER_PLUGIN, SERVICE
from fiddler_kong_operator.plan.references import carrier_of, entry_of
from fiddler_kong_operator.plan.snapshot import Attachable, Binding

from .running import Level, Seat, Way

__all__ = ["find_ways", "ways_of"]

_DEFAULT_CLASS = "kong"


def ways_of(cache: Cache, binding: Binding) -> tuple[Way, ...]:
    """The ways to the routes of a binding."""
    if binding.spec is None:
        return ()
    starts = dict.fromkeys(entry_of(binding, r) if r.expose else carrier_of(binding, r) for r in binding.spec.routes)
    ingress_class = binding.spec.gateway.ingress_class_name
    return tuple(way for start in starts for way in _ways_to(cache, start, ingress_class))


def find_ways(cache: Cache, namespace: str, name: str) -> tuple[Way, ...]:
    """The ways through the Ingress, HTTPRoute or Service of that name: where several kinds have it, through each."""
    found = (ObjectKey(kind.name, namespace, name) for kind in (INGRESS, HTTP_ROUTE, SERVICE))
    return tuple(dict.fromkeys(way for key in found for way in _ways_to(cache, key)))


def _ways_to(cache: Cache, key: ObjectKey, ingress_class: str | None = None) -> Iterator[Way]:
    """The ways through one object. A Service to which nothing leads is a way that no call takes."""
    if key.kind != SERVICE.name:
        route = cache.value(key, Attachable)
        yield from _through(cache, route, ingress_class) if route else ()
        return
    found = (cache.value(name, Attachable) for name in sorted(cache.indexes.leading_to[key]))
    routes = tuple(filter(None, found))
    carrier = cache.value(key, Attachable)
    if routes or carrier:
        yield from (_way(cache, route, key, ingress_class) for route in routes or (None,))


def _through(cache: Cache, route: Attachable, ingress_class: str | None) -> Iterator[Way]:
    services = dict.fromkeys(service for group in route.backends for service in group)
    return (_way(cache, route, service, ingress_class) for service in services or (None,))


def _way(cache: Cache, route: Attachable | None, service: ObjectKey | None, ingress_class: str | None) -> Way:
    served = ingress_class or (route.ingress_class if route else None) or _DEFAULT_CLASS
    carrier = cache.value(service, Attachable) if service else None
    seats = (
        *_consumers(cache, served),
        *(_listed(cache, route, Level.ROUTE) if route else ()),
        *(_listed(cache, carrier, Level.SERVICE) if carrier else ()),
        *_globals(cache, served),
    )
    return Way(route.key if route else None, service, tuple(seats))


def _listed(cache: Cache, target: Attachable, level: Level) -> Iterator[Seat]:
    return _seats(cache, target.key, dict.fromkeys((*target.plugins, *target.filters)), level)


def _seats(cache: Cache, on: ObjectKey, names: Iterable[str], level: Level) -> Iterator[Seat]:
    for name in names:
        facts = facts_of(cache.value, on, name)
        if facts and facts.type:
            yield Seat(facts.type, name, level, on, facts.disabled)


def _globals(cache: Cache, ingress_class: str) -> Iterator[Seat]:
    for key, facts in cache.values(KONG_CLUSTER_PLUGIN, PluginFacts):
        if facts.is_global and facts.ingress_class == ingress_class:
            yield Seat(facts.type, key.name, Level.GLOBAL, key, facts.disabled)


def _consumers(cache: Cache, ingress_class: str) -> Iterator[Seat]:
    classes = {key.name: facts.is_default for key, facts in cache.values(INGRESS_CLASS, IngressClassFacts)}
    served = {ingress_class, *((None,) if classes.get(ingress_class, not classes) else ())}
    for namespace, name in sorted(cache.indexes.listed_by):
        for consumer in sorted(cache.indexes.listed_by[namespace, name]):
            facts = cache.value(consumer, ConsumerFacts)
            if facts and facts.ingress_class in served:
                yield from _seats(cache, consumer, [name], Level.CONSUMER)
