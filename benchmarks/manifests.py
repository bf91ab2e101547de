"""The objects that a cluster contains before a measurement."""

from __future__ import annotations

import base64
from typing import Any, Final
from uuid import UUID

__all__ = ["GATEWAY", "NAMESPACE", "PROVIDER_SECRET", "binding", "binding_name", "gateway", "secret"]

Manifest = dict[str, Any]

NAMESPACE: Final = "bench"
GATEWAY: Final = "kong-gateway"
PROVIDER_SECRET: Final = "openai"  # noqa: S105 - its name
_SETTINGS: Final = {"KONG_TRACING_INSTRUMENTATIONS": "all", "KONG_TRACING_SAMPLING_RATE": "1.0", "KONG_UNTRUSTED_LUA": "on"}


def gateway(*, ready: bool) -> Manifest:
    """A gateway Deployment as Kong's charts make it; `ready`: with the settings that the operator otherwise rolls out."""
    labels = {"app": GATEWAY}
    env = [{"name": name, "value": value} for name, value in ({"KONG_DATABASE": "off"} | (_SETTINGS if ready else {})).items()]
    pod = {"containers": [{"name": "proxy", "image": "kong/kong-gateway:3.13.0.7", "env": env}]}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    return _manifest("apps/v1", "Deployment", GATEWAY, spec=spec)


def secret(name: str, key: str) -> Manifest:
    """A Secret with one key, `api-key`."""
    return _manifest("v1", "Secret", name, data={"api-key": base64.b64encode(key.encode()).decode()})


def binding_name(number: int) -> str:
    """`b00042`: all names have one length, so all request bodies do, and none is a prefix of another."""
    return f"b{number:05}"


def binding(number: int, url: str, *, distinct: bool = False) -> Manifest:
    """The quick start's binding. `distinct`: each binding has its own application, and therefore its own probe."""
    route = {
        "name": "openai",
        "expose": {"path": f"/{binding_name(number)}"},
        "llm": {
            "provider": "openai",
            "model": "gpt-4o-mini",
            "options": {"maxTokens": 512, "temperature": 0.7},
            "auth": {"secretRef": {"name": PROVIDER_SECRET, "key": "api-key"}},
        },
    }
    spec = {
        "fiddler": {
            "url": url,
            "applicationId": str(UUID(int=number + 1 if distinct else 0)),
            "apiKeySecretRef": {"name": "fiddler", "key": "api-key"},
        },
        "gateway": {"targetRef": {"name": GATEWAY}},
        "routes": [route],
    }
    return _manifest("integrations.fiddler.ai/v1alpha1", "FiddlerKongBinding", binding_name(number), spec=spec)


def _manifest(api_version: str, kind: str, name: str, **content: Any) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **content}
