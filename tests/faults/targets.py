"""A user's own objects, and a binding that is attached to them."""

from __future__ import annotations

from typing import Any

from fiddler_kong_operator.plan.kinds import KINDS
from tests.faults.ground import Ground

__all__ = ["attaching", "target", "users_plugin"]


def target(ground: Ground, kind: str, name: str = "chat", plugins: str = "rate-limit") -> dict[str, Any]:
    """A Service or Ingress with a list of plugins."""
    port = {"number": 80}
    rule = {"http": {"paths": [{"path": "/chat", "pathType": "Prefix", "backend": {"service": {"name": "chat", "port": port}}}]}}
    spec = {"ports": [{"port": 80}]} if kind == "Service" else {"ingressClassName": "kong", "rules": [rule]}
    manifest = ground.manifest(KINDS[kind].api_version, kind, name, spec=spec)
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": {"konghq.com/plugins": plugins}}}


def users_plugin(ground: Ground, kind: str, name: str) -> dict[str, Any]:
    """A user's KongPlugin."""
    return ground.manifest("configuration.konghq.com/v1", "KongPlugin", name, plugin=kind, config={"minute": 5} if "rate" in kind else {})


def attaching(ground: Ground, kind: str, name: str = "chat") -> dict[str, Any]:
    """The quick start's binding, attached instead of exposed."""
    return ground.binding({"routes.0.expose": None, "routes.0.attachTo": {"kind": kind, "name": name}})
