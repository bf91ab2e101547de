"""Looks up the surroundings of a binding in the cache: plugins of others, routes to its Services, objects that freeze its gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from typing import Final, Self

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.exports import Exports
from fiddler_kong_operator.plan.kinds import (
    HTTP_ROUTE,
    INGRESS_CLASS,
    KINDS,
    KONG_CLUSTER_PLUGIN,
    KONG_CONSUMER,
    KONG_PLUGIN,
    REFERENCE_GRANT,
    SERVICE,
)
from fiddler_kong_operator.plan.objects.attachable_kinds import ATTACHABLES
from fiddler_kong_operator.plan.own_models import ANSWERING_TYPES, OwnModels
from fiddler_kong_operator.plan.plugins import PLUGINS
from fiddler_kong_operator.plan.references import named_plugin, places_of
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, ConsumerPlugin, KongWarning
from fiddler_kong_operator.plan.status.warnings import APPLY_FAILED, APPLY_SUCCEEDED

from .cache import Cache
from .kinds.consumers import ConsumerFacts
from .kinds.ingress_classes import IngressClassFacts
from .kinds.plugins import PluginFacts, facts_of
from .kinds.reference_grants import Grants, PermittedReference

__all__ = ["OtherPlugins", "Surroundings"]

_BELOW: Final = 32
"""Ingresses and HTTPRoutes below the exposed places that are looked at: more than a binding can own or name itself."""

_CLASSED: Final = frozenset({KONG_PLUGIN.name, *ATTACHABLES})
"""Kinds for which the cache shows the ingress class or Gateways that serve their objects."""


@dataclass(frozen=True, slots=True)
class OtherPlugins:
    """The plugins on some lists by name, the binding's own included, in the forms in which a snapshot holds them."""

    facts: Mapping[str, PluginFacts]

    @classmethod
    def on(cls, lists: Iterable[Attachable], find: Callable[[ObjectKey, str], PluginFacts | None]) -> Self:
        """The plugins that `find` finds, by name as written in the lists; it takes the object with the list, and the name."""
        written = {name: target.key for target in lists for name in (*target.plugins, *target.filters)}
        return cls({name: found for name, target in written.items() if (found := find(target, name))})

    @property
    def types(self) -> dict[str, str]:
        """The type of each plugin."""
        return {name: facts.type for name, facts in self.facts.items()}

    @property
    def models(self) -> dict[str, OwnModels]:
        """The models of the plugins that answer calls. A disabled plugin has none."""
        return {name: f.models for name, f in self.facts.items() if f.type in ANSWERING_TYPES and f.models != ()}

    @property
    def exports(self) -> dict[str, Exports]:
        """The exports of the enabled plugins."""
        return {name: facts.exports for name, facts in self.facts.items() if facts.exports}

    @property
    def disabled(self) -> frozenset[str]:
        """The plugins that Kong does not run."""
        return frozenset(name for name, facts in self.facts.items() if facts.disabled)


class Surroundings:
    """Look-ups in the cache. None reads live."""

    def __init__(self, cache: Cache, namespaces: tuple[str, ...]) -> None:
        """`namespaces` are those watched, () for all."""
        self._cache = cache
        self._namespaces = namespaces

    def listed(self, lists: Iterable[Attachable]) -> OtherPlugins:
        """The visible plugins by name as written in the lists; a KongPlugin takes precedence over a KongClusterPlugin.

        A plugin that Kong leaves out has the type "".
        """
        return OtherPlugins.on(lists, self._facts)

    def everywhere(self, binding: Binding) -> OtherPlugins:
        """The enabled global KongClusterPlugins of the binding's class."""
        if binding.spec is None:
            return OtherPlugins({})
        wanted = binding.spec.gateway.ingress_class_name
        plugins = self._cache.values(KONG_CLUSTER_PLUGIN, PluginFacts)
        return OtherPlugins({key.name: f for key, f in plugins if f.is_global and f.ingress_class == wanted and not f.disabled})

    def behind(self, targets: Iterable[Attachable]) -> dict[ObjectKey, Attachable]:
        """The Services with plugins to which these objects lead, where both are in the same namespace."""
        keys = {key for target in targets for group in target.backends for key in group if key.namespace == target.key.namespace}
        return {service.key: service for service in self._attachables(keys)}

    def _facts(self, target: ObjectKey, name: str) -> PluginFacts | None:
        if self._namespaces and named_plugin(target, name).namespace not in self._namespaces:
            return None  # it may exist unseen, and takes precedence over a KongClusterPlugin of that name
        found = facts_of(self._cache.value, target, name)
        return found if found is None or self._is_granted(target, name) else PluginFacts("")

    def _is_granted(self, target: ObjectKey, name: str) -> bool:
        """Whether a list may name this plugin: `namespace:name` needs a ReferenceGrant in that namespace. True if these are unreadable."""
        namespace, colon, plain = name.rpartition(":")
        if not colon or target.kind not in ATTACHABLES or not self._cache.readable(REFERENCE_GRANT, namespace):
            return True
        source = KINDS[target.kind].group, target.kind, target.namespace
        grants = (granted for key, granted in self._cache.values(REFERENCE_GRANT, frozenset) if key.namespace == namespace)
        permitted = {PermittedReference(*source, KONG_PLUGIN.name, allowed) for allowed in ("", plain)}
        return any(not permitted.isdisjoint(granted) for granted in grants)

    def granted_routes(self, services: Iterable[ObjectKey]) -> dict[ObjectKey, dict[str, ObjectKey]]:
        """By Service: the other namespaces whose HTTPRoutes may lead to it, each with the ReferenceGrant that lets them."""
        grants = list(self._cache.values(REFERENCE_GRANT, frozenset))
        return {service: dict(_granted_to(service, grants)) for service in services}

    def plugin_owners(self, binding: Binding, targets: Iterable[Attachable]) -> dict[str, str]:
        """The owning binding's uid, by name of each KongPlugin in the namespace of `binding` that one of the lists names."""
        plugins = {named_plugin(target.key, name) for target in targets for name in target.plugins}
        children = (self._cache.child(plugin) for plugin in plugins if plugin.namespace == binding.namespace)
        return {child.key.name: child.owner_uid for child in children if child and child.owner_uid}

    def target_owners(self, targets: Iterable[ObjectKey]) -> dict[ObjectKey, str]:
        """The owning binding's name, by target that a binding owns."""
        return {target: owner.name for target in targets if (owner := self._cache.owner(target))}

    def consumer_plugins(self, ingress_class: str) -> Iterator[ConsumerPlugin]:
        """Enabled plugins of our types that consumers of this class list.

        A plugin that a Service, Ingress or HTTPRoute names too is left out: Kong runs it only for calls to which both apply.
        """
        classes, listed_by = self.ingress_classes(), self._cache.indexes.listed_by
        served = {ingress_class, *((None,) if classes.get(ingress_class, not classes) else ())}
        for namespace, name in listed_by:
            place = ObjectKey(KONG_CONSUMER.name, namespace, "")
            facts = self._facts(place, name)
            if facts and facts.type in PLUGINS and not facts.disabled and not self._is_attached(named_plugin(place, name)):
                found = ((consumer, self._cache.value(consumer, ConsumerFacts)) for consumer in listed_by[namespace, name])
                yield from (ConsumerPlugin(consumer, name, facts.type) for consumer, f in found if f and f.ingress_class in served)

    def _is_attached(self, plugin: ObjectKey) -> bool:
        return any(self._cache.value(target, Attachable) for target in self._cache.indexes.naming[plugin])

    def ingresses(self, binding: Binding) -> tuple[Attachable, ...]:
        """The Ingresses and HTTPRoutes on the places that it exposes, some below, and those of the class with a regular expression."""
        places, indexes = places_of(binding), self._cache.indexes
        keys = {key for place in places for key in indexes.serving[place]}
        keys.update(nsmallest(_BELOW, {key for place in places for key in indexes.below[place]}))
        keys.update(key for ingress_class in {place[0] for place in places} for key in indexes.matching[ingress_class])
        return self._attachables(keys)

    def ingress_classes(self) -> Mapping[str, bool]:
        """Every IngressClass by name, with whether it is the default; empty where they may not be read."""
        if not self._cache.readable(INGRESS_CLASS):
            return {}
        return {key.name: facts.is_default for key, facts in self._cache.values(INGRESS_CLASS, IngressClassFacts)}

    def kong_classes(self) -> frozenset[str]:
        """The names of Kong's IngressClasses; none where they may not be read."""
        readable = self._cache.readable(INGRESS_CLASS)
        found = self._cache.values(INGRESS_CLASS, IngressClassFacts) if readable else ()
        return frozenset(key.name for key, facts in found if facts.is_kongs)

    def routes(self, services: Iterable[ObjectKey]) -> tuple[Attachable, ...]:
        """The Ingresses and HTTPRoutes that lead to one of the Services."""
        return self._attachables({key for service in services for key in self._cache.indexes.leading_to[service]})

    def frozen_by(self, ingress_class: str) -> tuple[tuple[ObjectKey, str], ...]:
        """Objects that a gateway of this class refuses because of a name twice on their list, with that name."""
        keys = sorted(key for kind in ATTACHABLES for key in self._cache.indexes.doubled[kind])
        found = (target for target in self._attachables(keys) if self._is_served(target, ingress_class))
        twice = ((target.key, name, self._facts(target.key, name)) for target in found for name in target.doubled)
        return tuple((key, name) for key, name, facts in twice if facts and facts.type)

    def refusals(self, binding: Binding) -> tuple[KongWarning, ...]:
        """Kong's refusals of whole configurations that no success has followed, and that may be about the binding's gateway."""
        events, spec = self._cache.indexes.warnings_of[APPLY_FAILED], binding.spec
        if not events or spec is None:
            return ()
        success = max((self._cache.version(event) for event in self._successes(binding)), default=-1)
        lasting = ((event, self._cache.value(event, KongWarning)) for event in events if self._cache.version(event) > success)
        ingress_class = spec.gateway.ingress_class_name
        return tuple(warning for event, warning in lasting if warning and self._concerns(warning.about, event, ingress_class))

    def taken_at(self, binding: Binding) -> float:
        """When Kong's controller in the gateway's namespace last reported success (seconds since the epoch); 0 where it never did."""
        found = (self._cache.value(event, KongWarning) for event in self._successes(binding))
        return max((success.last_seen for success in found if success), default=0.0)

    def _successes(self, binding: Binding) -> Iterator[ObjectKey]:
        """The Events that Kong took its configuration. An Event is in the namespace of the Pod that it is about: here, the gateway's."""
        namespace = binding.workload.namespace if binding.workload else None
        return (event for event in self._cache.indexes.warnings_of[APPLY_SUCCEEDED] if event.namespace == namespace)

    def _concerns(self, about: ObjectKey, event: ObjectKey, ingress_class: str) -> bool:
        """Whether an object, as it is now, may be why a gateway of this class refuses everything; True for kinds that show no class.

        False if the object, or one that lists it where it is a plugin, changed after the Event: if Kong still refuses, its next sync posts
        another Event.
        """
        if about.kind not in _CLASSED:
            return True
        places = self._cache.indexes.naming[about] if about.kind == KONG_PLUGIN.name else [about]
        if any(self._cache.version(key) > self._cache.version(event) for key in (about, *places)):
            return False
        consumers = (self._cache.value(place, ConsumerFacts) for place in places)
        if any(consumer and consumer.ingress_class in (None, ingress_class) for consumer in consumers):
            return True
        return any(self._is_served(target, ingress_class) for target in self._attachables(places))

    def _is_served(self, target: Attachable, ingress_class: str) -> bool:
        """Whether a gateway of this class takes the object; for a Service, whether it takes a route that leads there."""
        if target.key.kind == SERVICE.name:
            return any(self._is_served(route, ingress_class) for route in self.routes([target.key]))
        return not target.foreign and target.ingress_class in (None, ingress_class)

    def _attachables(self, keys: Iterable[ObjectKey]) -> tuple[Attachable, ...]:
        found: Iterator[Attachable | None] = (self._cache.value(key, Attachable) for key in sorted(keys))
        return tuple(attachable for attachable in found if attachable)


def _granted_to(service: ObjectKey, grants: Iterable[tuple[ObjectKey, Grants]]) -> Iterator[tuple[str, ObjectKey]]:
    """The other namespaces whose HTTPRoutes may lead to the Service, each with the grant."""
    for key, granted in grants:
        for grant in granted if key.namespace == service.namespace else ():
            routes = (grant.group, grant.kind) == (HTTP_ROUTE.group, HTTP_ROUTE.name)
            if routes and grant.named_kind == SERVICE.name and grant.name in {"", service.name}:
                yield grant.namespace, key
