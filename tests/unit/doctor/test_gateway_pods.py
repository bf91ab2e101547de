from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from fiddler_kong_operator.doctor.evidence import Pod
from fiddler_kong_operator.doctor.gateway_pods import ask_admin
from fiddler_kong_operator.errors import Gone
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import ObjectKey
from tests.unit.plan.plans import child, snapshot_of, spec_of

PLUGIN = ObjectKey("KongPlugin", "ai", "assistant-opentelemetry")
PODS = [Pod(ObjectKey("Pod", "kong", name), ready=True) for name in ("a", "b")]


class Gateway:
    """The Admin APIs of two pods, by pod: whether Kong has the plugin there; a pod without an entry has no Admin API."""

    def __init__(self, plugins: Mapping[str, bool]) -> None:
        self._plugins = plugins

    async def read(self, _call: object, path: str, _query: object) -> bytes:
        name = next((name for name in self._plugins if f"/pods/https:{name}:8444/" in path), None)
        if name is None:
            raise Gone(path)
        return json.dumps({"data": [{"id": "1"}] if self._plugins[name] else []}).encode()


@pytest.mark.parametrize(
    ("plugins", "lacking"),
    [
        ({"a": True, "b": True}, ()),
        ({"a": True, "b": False}, (f"{PLUGIN} in Pod kong/b",)),
        ({"a": False, "b": False}, (f"{PLUGIN} in Pod kong/a", f"{PLUGIN} in Pod kong/b")),
        ({"b": False}, (f"{PLUGIN} in Pod kong/b",)),
        ({}, None),
    ],
    ids=["both have it", "the second lags", "none has it", "one has no Admin API", "no Admin API"],
)
async def test_each_pod_is_asked_for_the_plugins(plugins: Mapping[str, bool], lacking: Any) -> None:
    snapshot = snapshot_of(spec_of(), children=child("KongPlugin", PLUGIN.name))

    found = await ask_admin(cast("Client", Gateway(plugins)), PODS, snapshot)

    assert (found.value, found.missing) == (lacking, "")
