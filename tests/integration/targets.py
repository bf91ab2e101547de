"""Targets of bindings: users' Services, Ingresses and plugins."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

from tests.integration.arena import Arena, Manifest

__all__ = ["ANNOTATION", "PLUGINS", "TYPES", "attached_binding", "foreign_plugin", "http_route", "ingress", "listed", "rest_of", "service"]

ANNOTATION: Final = "konghq.com/plugins"
PLUGINS: Final = ("assistant-openai-ai-proxy", "assistant-opentelemetry", "assistant-pre-function")
"""Our plugins for the route `openai` of the binding `assistant`, sorted."""
TYPES: Final = ("ai-proxy", "opentelemetry", "pre-function")
"""Their types."""


def service(arena: Arena, name: str = "llm", plugins: str | None = None) -> Manifest:
    """A Service for OpenAI, with a user's plugin list."""
    manifest = arena.manifest(
        "v1",
        "Service",
        name,
        spec={"type": "ExternalName", "externalName": "api.openai.com", "ports": [{"port": 443, "protocol": "TCP", "targetPort": 443}]},
    )
    return _annotated(manifest, {"konghq.com/protocol": "https", "example.com/owner": "the platform"}, plugins)


def ingress(arena: Arena, name: str = "llm", plugins: str | None = None, *, path: str | None = None, backend: str = "llm") -> Manifest:
    """An Ingress of class `kong` in front of a Service."""
    target = {"service": {"name": backend, "port": {"number": 443}}}
    paths = [{"path": path or f"/{arena.namespace}-{name}", "pathType": "Prefix", "backend": target}]
    manifest = arena.manifest(
        "networking.k8s.io/v1", "Ingress", name, spec={"ingressClassName": "kong", "rules": [{"http": {"paths": paths}}]}
    )
    return _annotated(manifest, {"konghq.com/strip-path": "true"}, plugins)


def http_route(arena: Arena, *rules: tuple[str, ...], name: str = "split", plugins: str | None = None) -> Manifest:
    """An HTTPRoute of the Gateway that Kong serves, whose rules lead to these Services."""
    matches = [[{"path": {"type": "PathPrefix", "value": f"/{arena.namespace}-{name}-{number}"}}] for number in range(len(rules))]
    content = [
        {"matches": match, "backendRefs": [{"name": service, "port": 443} for service in services]}
        for match, services in zip(matches, rules, strict=True)
    ]
    spec = {"parentRefs": [{"name": "kong", "namespace": "kong"}], "rules": content}
    manifest = arena.manifest("gateway.networking.k8s.io/v1", "HTTPRoute", name, spec=spec)
    return manifest if plugins is None else _annotated(manifest, {}, plugins)


def foreign_plugin(arena: Arena, name: str, kind: str = "cors", config: dict[str, Any] | None = None) -> Manifest:
    """A user's KongPlugin, of a type that the stand-in for Kong knows."""
    return arena.manifest("configuration.konghq.com/v1", "KongPlugin", name, plugin=kind, config=config or CONFIGS.get(kind, {}))


def attached_binding(
    arena: Arena, kind: str = "Service", target: str = "llm", name: str = "assistant", changes: Mapping[str, Any] | None = None
) -> Manifest:
    """The quick start's binding, attached to an object instead of exposing a path."""
    attach = {"routes.0.expose": None, "routes.0.attachTo": {"kind": kind, "name": target}}
    return arena.binding({**attach, **(changes or {})}, name)


def listed(arena: Arena, kind: str = "Service", name: str = "llm") -> str | None:
    """The plugin list of an object in its order, but with ours at its end sorted: pre-function may be attached later, with the gateway."""
    annotations = arena.existing(kind, name)["metadata"].get("annotations") or {}
    value: str | None = annotations.get(ANNOTATION)
    if value is None:
        return None
    parts = value.split(",")
    foreign = [*itertools.takewhile(lambda part: part not in PLUGINS, parts)]
    return ",".join([*foreign, *sorted(parts[len(foreign) :])])


def rest_of(manifest: Manifest) -> Manifest:
    """An object without plugin list, status (Kong's controller writes an Ingress') and metadata that every write changes."""
    metadata = {k: v for k, v in manifest["metadata"].items() if k not in {"resourceVersion", "managedFields", "generation"}}
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != ANNOTATION}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}, "status": None}


def _annotated(manifest: Manifest, annotations: dict[str, str], plugins: str | None) -> Manifest:
    manifest["metadata"]["annotations"] = annotations | ({} if plugins is None else {ANNOTATION: plugins})
    return manifest


CONFIGS: Final[dict[str, dict[str, Any]]] = {
    "ai-proxy": {"route_type": "llm/v1/chat", "model": {"provider": "openai", "name": "gpt-4o"}},
    "ai-proxy-advanced": {"targets": [{"route_type": "llm/v1/chat", "model": {"provider": "openai", "name": "gpt-4o"}}]},
    "pre-function": {"access": ["kong.service.request.set_header('x-platform', 'yes')"]},
    "opentelemetry": {"traces_endpoint": "http://collector.example.com:4318/v1/traces"},
}
"""A valid configuration of a type that a binding also uses."""
