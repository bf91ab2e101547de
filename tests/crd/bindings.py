"""Samples of bindings for the tests of the CRD: a valid one, and changes to it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

__all__ = ["EXPOSED", "MINIMAL", "ROUTE", "binding", "spec"]

ROUTE: dict[str, Any] = {"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}}

EXPOSED: dict[str, Any] = {
    "name": "openai",
    "expose": {"path": "/openai"},
    "llm": {"provider": "openai", "model": "gpt-4o-mini", "auth": {"secretRef": {"name": "openai", "key": "api-key"}}},
}

MINIMAL: dict[str, Any] = {
    "fiddler": {
        "url": "https://acme.fiddler.ai",
        "applicationId": "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11",
        "apiKeySecretRef": {"name": "fiddler", "key": "api-key"},
    },
    "gateway": {"targetRef": {"name": "kong-gateway"}},
    "routes": [ROUTE],
}


def spec(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The minimal spec with values put at dotted paths (`routes.0.name`); None removes a field."""
    result = copy.deepcopy(MINIMAL)
    for path, value in changes.items():
        *parents, leaf = path.split(".")
        node: Any = result
        for step in parents:
            node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
        key = int(leaf) if isinstance(node, list) else leaf
        if value is None:
            del node[key]
        else:
            node[key] = copy.deepcopy(value)
    return result


def binding(changes: Mapping[str, Any], name: str = "sample") -> dict[str, Any]:
    """A complete binding with this spec."""
    return {
        "apiVersion": "integrations.fiddler.ai/v1alpha1",
        "kind": "FiddlerKongBinding",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec(changes),
    }
