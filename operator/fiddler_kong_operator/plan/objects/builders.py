"""One small builder for each kind of child: all objects of that kind that a binding wants, or nothing.

Kong gets the same configuration as from the file on Fiddler's integration page: see `declarative`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec, Expose, GatewayRef, Llm, Route
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.connections import connection_settings
from fiddler_kong_operator.plan.keys import PluginKey
from fiddler_kong_operator.plan.kinds import GATEWAY, HTTP_ROUTE, INGRESS, SERVICE
from fiddler_kong_operator.plan.plugins import PluginInstance, keys_of
from fiddler_kong_operator.plan.providers import upstream_of
from fiddler_kong_operator.plan.references import exposed_routes, keys_secret, plugin_key, route_object
from fiddler_kong_operator.plan.secrets import ResolvedKeys
from fiddler_kong_operator.plan.snapshot import Binding

from .desired import Desired
from .manifest import build_desired, canonical

__all__ = ["BUILDERS", "Wish"]


@dataclass(frozen=True, slots=True)
class Wish:
    """The input of every builder."""

    binding: Binding
    spec: BindingSpec
    keys: ResolvedKeys
    plugins: Sequence[tuple[PluginInstance, Manifest]] = field(repr=False)
    """Each plugin with its final config."""
    lists: Mapping[str, Sequence[str]]
    """By route: the names of the plugins attached to it."""
    withdrawn: frozenset[str] = frozenset()
    """Exposed routes that must not serve."""

    @property
    def exposed(self) -> list[tuple[Route, Expose, Llm]]:
        """The routes that get a Service, and an Ingress or HTTPRoute."""
        return [exposed for exposed in exposed_routes(self.spec) if exposed[0].name not in self.withdrawn]


def build_secret(wish: Wish) -> tuple[Desired, ...]:
    """One Secret with every key, if there are any. Kong pastes a value as JSON into a patch, so each is a JSON string and nothing else."""
    data = {key.entry: _encoded(key, wish.keys) for key in keys_of(instance for instance, _ in wish.plugins)}
    if not data:
        return ()
    labels = {"konghq.com/secret": "true", "konghq.com/validate": "plugin"}
    return (build_desired(wish.binding, keys_secret(wish.binding), {"type": "Opaque", "data": data}, labels),)


def _encoded(key: PluginKey, keys: ResolvedKeys) -> str:
    return base64.b64encode(json.dumps(key.prefix + keys.by_ref[key.ref]).encode()).decode()


def build_plugins(wish: Wish) -> tuple[Desired, ...]:
    """A KongPlugin for each instance. It takes its keys from the Secret."""
    return tuple(_build_plugin(wish.binding, instance, config) for instance, config in wish.plugins)


def _build_plugin(binding: Binding, instance: PluginInstance, config: Manifest) -> Desired:
    secret = keys_secret(binding).name
    patches = [{"path": k.pointer, "valueFrom": {"secretKeyRef": {"name": secret, "key": k.entry}}} for k in instance.keys]
    content: Manifest = {"plugin": instance.plugin, "config": canonical(config), **({"configPatches": patches} if patches else {})}
    labels = {names.ROUTE_LABEL: instance.route} if instance.route else {}
    return build_desired(binding, plugin_key(binding, instance.plugin, instance.route), content, labels)


def build_services(wish: Wish) -> tuple[Desired, ...]:
    """A Service for each exposed route. It leads to the provider and carries the route's plugins."""
    return tuple(_build_service(wish.binding, route, llm, wish.lists[route.name]) for route, _, llm in wish.exposed)


def _build_service(binding: Binding, route: Route, llm: Llm, plugins: Sequence[str]) -> Desired:
    """The Service of one exposed route, with these plugins."""
    upstream = upstream_of(llm)
    settings = {f"konghq.com/{name.replace('_', '-')}": str(value) for name, value in connection_settings(route.expose).items()}
    port = {"port": upstream.port, "protocol": "TCP", "targetPort": upstream.port}
    spec = {"type": "ExternalName", "externalName": upstream.host, "ports": [port], "sessionAffinity": "None"}
    annotations = {"konghq.com/protocol": upstream.protocol, names.KONG_PLUGINS_ANNOTATION: ",".join(plugins), **settings}
    return build_desired(binding, route_object(binding, SERVICE, route.name), {"spec": spec}, {names.ROUTE_LABEL: route.name}, annotations)


def build_ingresses(wish: Wish) -> tuple[Desired, ...]:
    """An Ingress for each exposed route without a Gateway. It leads to the route's Service."""
    return tuple(_build_ingress(wish, *exposed) for exposed in wish.exposed if exposed[1].gateway_ref is None)


def _build_ingress(wish: Wish, route: Route, expose: Expose, llm: Llm) -> Desired:
    backend = {"service": {"name": route_object(wish.binding, SERVICE, route.name).name, "port": {"number": upstream_of(llm).port}}}
    rule: Manifest = {"http": {"paths": [{"path": expose.path, "pathType": "Prefix", "backend": backend}]}}
    if expose.host:
        rule = {"host": expose.host, **rule}
    spec: Manifest = {"ingressClassName": wish.spec.gateway.ingress_class_name, "rules": [rule]}
    if expose.tls_secret_name:
        spec["tls"] = [{"hosts": [expose.host], "secretName": expose.tls_secret_name}]
    key = route_object(wish.binding, INGRESS, route.name)
    return build_desired(wish.binding, key, {"spec": spec}, {names.ROUTE_LABEL: route.name}, _ROUTING)


def build_http_routes(wish: Wish) -> tuple[Desired, ...]:
    """An HTTPRoute for each exposed route with a Gateway. It leads to the route's Service, which has the plugins."""
    exposed = ((route, expose, llm, expose.gateway_ref) for route, expose, llm in wish.exposed)
    return tuple(_build_http_route(wish.binding, route, expose, llm, ref) for route, expose, llm, ref in exposed if ref)


def _build_http_route(binding: Binding, route: Route, expose: Expose, llm: Llm, gateway: GatewayRef) -> Desired:
    """With everything that the definition of HTTPRoutes would default."""
    parent = {"group": GATEWAY.group, "kind": GATEWAY.name, "namespace": gateway.namespace or binding.namespace, "name": gateway.name}
    if gateway.section_name:
        parent["sectionName"] = gateway.section_name
    service, port = route_object(binding, SERVICE, route.name).name, upstream_of(llm).port
    backend = {"group": SERVICE.group, "kind": SERVICE.name, "name": service, "port": port, "weight": 1}
    rule = {"matches": [{"path": {"type": "PathPrefix", "value": expose.path}}], "backendRefs": [backend]}
    hosts = {"hostnames": [expose.host]} if expose.host else {}
    content = {"spec": {"parentRefs": [parent], **hosts, "rules": [rule]}}
    key = route_object(binding, HTTP_ROUTE, route.name)
    return build_desired(binding, key, content, {names.ROUTE_LABEL: route.name}, _ROUTING)


_ROUTING: Final = {"konghq.com/strip-path": "true", "konghq.com/preserve-host": "false"}
"""Annotations of an Ingress and an HTTPRoute: Kong's own defaults, which differ from those of Kong's controller."""

BUILDERS: Final[tuple[Callable[[Wish], tuple[Desired, ...]], ...]] = (
    build_secret,
    build_plugins,
    build_services,
    build_ingresses,
    build_http_routes,
)
"""In the order of creation, that of `kinds.OWNED`."""
