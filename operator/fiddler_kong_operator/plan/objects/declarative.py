"""The same plan as a Kong declarative file, for gateways without Kubernetes (DB-less, decK): the file of Fiddler's integration page."""

from __future__ import annotations

from collections.abc import Mapping

from jsonpointer import set_pointer

from fiddler_kong_operator.api import BindingSpec, Expose, Llm, Route, SecretKeyRef
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.connections import connection_settings
from fiddler_kong_operator.plan.plugins import PluginInstance, required_keys
from fiddler_kong_operator.plan.providers import upstream_of
from fiddler_kong_operator.plan.references import exposed_routes

from .attachable_kinds import ATTACHABLES
from .overrides import configured_plugins

__all__ = ["build_declarative", "placeholders"]


def placeholders(spec: BindingSpec) -> dict[SecretKeyRef, str]:
    """A placeholder for each key, as on the integration page (`${OPENAI_API_KEY}`); numbered where a provider has several keys."""
    texts: dict[SecretKeyRef, str] = {}
    for key in required_keys(spec):
        if key.ref not in texts:
            same = sum(text.startswith("${" + key.variable) for text in texts.values())
            texts[key.ref] = "${" + key.variable + (f"_{same + 1}" if same else "") + "}"
    return texts


def build_declarative(spec: BindingSpec, key_texts: Mapping[SecretKeyRef, str]) -> Manifest:
    """The declarative file as JSON. `key_texts` has the text to show in place of each bare key: see `placeholders`.

    `opentelemetry` and `pre-function` are global, as on the page. A route with `attachTo` makes no service or route: its `ai-proxy` refers
    to a Kong service (or, for an Ingress, route) of that name, which the rest of the file must hold. Stalled as by
    `configured_plugins`.
    """
    routes, plugins = {route.name: route for route in spec.routes}, configured_plugins(spec)
    return {
        "_format_version": "3.0",
        "services": [_service(*exposed) for exposed in exposed_routes(spec)],
        "plugins": [_plugin(instance, config, routes, key_texts) for instance, config in plugins],
    }


def _service(route: Route, expose: Expose, llm: Llm) -> Manifest:
    upstream = upstream_of(llm)
    kong_route: Manifest = {"name": f"{route.name}-{llm.route_type.rpartition('/')[2]}-route", "paths": [expose.path]}
    if expose.host:
        kong_route["hosts"] = [expose.host]
    return {
        "name": _service_name(route),
        "host": upstream.host,
        "port": upstream.port,
        "protocol": upstream.protocol,
        **connection_settings(expose),
        "routes": [{**kong_route, "strip_path": True}],
    }


def _service_name(route: Route) -> str:
    return f"{route.name}-service"


def _plugin(instance: PluginInstance, config: Manifest, routes: Mapping[str, Route], key_texts: Mapping[SecretKeyRef, str]) -> Manifest:
    for key in instance.keys:
        config = set_pointer(config, key.pointer, key.prefix + key_texts[key.ref], inplace=False)
    scope = _scope(routes[instance.route]) if instance.route else {}
    return {"name": instance.plugin, **scope, "config": config}


def _scope(route: Route) -> dict[str, str]:
    if route.attach_to is None:
        return {"service": _service_name(route)}
    return {ATTACHABLES[route.attach_to.kind].kong_entity: route.attach_to.name}
