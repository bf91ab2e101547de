"""The same plan as a Kong declarative file, for gateways without Kubernetes (DB-less, decK): the file of Fiddler's integration page."""

from __future__ import annotations

from collections.abc import Mapping

from fiddler_kong_operator.api.v1alpha1 import BindingSpec, Route, SecretKeyRef
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.acceptance.buildable import require_buildable
from fiddler_kong_operator.plan.plugins import PluginInstance, PluginKey, plugin_instances, required_keys
from fiddler_kong_operator.plan.providers import upstream_of

from .overrides import apply_overrides

__all__ = ["build_declarative", "placeholders"]


def placeholders(spec: BindingSpec) -> dict[SecretKeyRef, str]:
    """A placeholder for each key, as on the integration page (`${OPENAI_API_KEY}`); counted up where a provider has several keys."""
    texts: dict[SecretKeyRef, str] = {}
    for key in required_keys(spec):
        if key.ref not in texts:
            same = sum(text.startswith("${" + key.variable) for text in texts.values())
            texts[key.ref] = "${" + key.variable + (f"_{same + 1}" if same else "") + "}"
    return texts


def build_declarative(spec: BindingSpec, key_texts: Mapping[SecretKeyRef, str]) -> Manifest:
    """The declarative file as JSON. `key_texts` says what stands in place of each bare key: see `placeholders`.

    `opentelemetry` and `pre-function` are global, as on the page. A route with `attachTo` makes no service or route: its `ai-proxy` refers
    to a Kong service (or, for an Ingress, route) of that name, which the rest of the file must hold. Stalled where `check_buildable` finds
    something.
    """
    require_buildable(spec)
    routes = {route.name: route for route in spec.routes}
    return {
        "_format_version": "3.0",
        "services": [_service(route) for route in spec.routes if route.expose],
        "plugins": [_plugin(spec, instance, routes, key_texts) for instance in plugin_instances(spec)],
    }


def _service(route: Route) -> Manifest:
    if route.expose is None or route.llm is None:
        raise ValueError(f"route {route.name} is not exposed")
    upstream = upstream_of(route.llm)
    kong_route: Manifest = {"name": f"{route.name}-{route.llm.route_type.rpartition('/')[2]}-route", "paths": [route.expose.path]}
    if route.expose.host:
        kong_route["hosts"] = [route.expose.host]
    return {
        "name": _service_name(route),
        "host": upstream.host,
        "port": upstream.port,
        "protocol": upstream.protocol,
        "routes": [{**kong_route, "strip_path": True}],
    }


def _service_name(route: Route) -> str:
    return f"{route.name}-service"


def _plugin(spec: BindingSpec, instance: PluginInstance, routes: Mapping[str, Route], key_texts: Mapping[SecretKeyRef, str]) -> Manifest:
    config = apply_overrides(spec, instance)
    for key in instance.keys:
        config = _with_key(config, key, key.prefix + key_texts[key.ref])
    scope = _scope(routes[instance.route]) if instance.route else {}
    return {"name": instance.plugin, **scope, "config": config}


def _with_key(config: Manifest, key: PluginKey, text: str) -> Manifest:
    """A config with a key put in at its pointer, which has two steps for every plugin."""
    _, parent, field = key.pointer.split("/")
    return {**config, parent: {**config[parent], field: text}}


def _scope(route: Route) -> dict[str, str]:
    if route.attach_to is None:
        return {"service": _service_name(route)}
    return {route.attach_to.kind.lower().replace("ingress", "route"): route.attach_to.name}
