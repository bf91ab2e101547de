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
from fiddler_kong_operator.api import BindingSpec, Expose, Llm, Route
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.connections import connection_settings
from fiddler_kong_operator.plan.keys import PluginKey
from fiddler_kong_operator.plan.kinds import INGRESS, SERVICE
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
        """The routes that get a Service and an Ingress."""
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
    """An Ingress for each exposed route. It leads to the route's Service."""
    return tuple(_build_ingress(wish, *exposed) for exposed in wish.exposed)


def _build_ingress(wish: Wish, route: Route, expose: Expose, llm: Llm) -> Desired:
    backend = {"service": {"name": route_object(wish.binding, SERVICE, route.name).name, "port": {"number": upstream_of(llm).port}}}
    rule: Manifest = {"http": {"paths": [{"path": expose.path, "pathType": "Prefix", "backend": backend}]}}
    if expose.host:
        rule = {"host": expose.host, **rule}
    content = {"spec": {"ingressClassName": wish.spec.gateway.ingress_class_name, "rules": [rule]}}
    annotations = {"konghq.com/strip-path": "true", "konghq.com/preserve-host": "false"}
    key = route_object(wish.binding, INGRESS, route.name)
    return build_desired(wish.binding, key, content, {names.ROUTE_LABEL: route.name}, annotations)


BUILDERS: Final[tuple[Callable[[Wish], tuple[Desired, ...]], ...]] = (build_secret, build_plugins, build_services, build_ingresses)
"""In the order of creation, that of `kinds.OWNED`."""
