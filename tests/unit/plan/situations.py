"""Bindings, workloads and snapshots for tests of the plan: everything is right unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.env import INSTRUMENTATIONS, SAMPLING_RATE, UNTRUSTED_LUA
from fiddler_kong_operator.plan.snapshot import Binding, Snapshot
from fiddler_kong_operator.plan.workload import Container, EnvEntry, Rollout, Workload

OURS = frozenset({names.FIELD_MANAGER})
HELM = frozenset({"helm"})
WANTED = {INSTRUMENTATIONS: "all", SAMPLING_RATE: "1.0", UNTRUSTED_LUA: "on"}
EXPOSED: dict[str, Any] = {
    "name": "openai",
    "expose": {"path": "/openai"},
    "llm": {"provider": "openai", "model": "gpt-4o-mini", "auth": {"secretRef": {"name": "openai", "key": "api-key"}}},
}
ATTACHED = {"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}}
GATEWAY = ObjectKey("Deployment", "kong", "kong-gateway")
EVERYTHING_RUNS = Rollout(complete=True, ready=True)


AGENT = {"name": "gen_ai.agent.name", "value": "support-bot"}


def make_spec(
    *routes: Mapping[str, Any],
    sessions: str = "Header",
    attributes: Sequence[Mapping[str, Any]] = (),
    tracing: Mapping[str, Any] | None = None,
    suspend: bool = False,
    url: str = "https://acme.fiddler.ai",
    export: Mapping[str, str] | None = None,
    **gateway: Any,
) -> BindingSpec:
    """A valid spec; the other keyword arguments are fields of `gateway`."""
    return BindingSpec.model_validate(
        {
            "fiddler": {
                "url": url,
                "applicationId": "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11",
                "apiKeySecretRef": {"name": "fiddler", "key": "api-key"},
                "export": export,
            },
            "gateway": {"targetRef": {"name": GATEWAY.name, "namespace": GATEWAY.namespace}, **gateway},
            "routes": list(routes or (EXPOSED,)),
            "sessions": {"mode": sessions},
            "attributes": list(attributes),
            "tracing": tracing or {},
            "suspend": suspend,
        }
    )


def make_binding(
    spec: BindingSpec | None = None, *, name: str = "assistant", namespace: str = "kong", created: int = 1, **more: Any
) -> Binding:
    """A binding in the gateway's namespace; `created` is the second of its creation, its uid follows from its name."""
    key = ObjectKey("FiddlerKongBinding", namespace, name)
    values = {"spec": spec or make_spec(), "generation": 1, "resource_version": "1", **more}
    return Binding(key=key, uid=f"uid-{name}", created=f"2026-01-01T00:00:{created:02}Z", **values)


def make_container(
    env: Mapping[str, str] | tuple[EnvEntry, ...] = WANTED, *, name: str = "proxy", image: str = "kong/kong-gateway:3.13.0.7"
) -> Container:
    """Kong's container with that env."""
    entries = env if isinstance(env, tuple) else tuple(EnvEntry(n, v) for n, v in env.items())
    return Container(name, image, entries)


def make_workload(*containers: Container, managers: Mapping[str, frozenset[str]] | frozenset[str] = HELM, **more: Any) -> Workload:
    """The gateway; `managers` by env name, or one set of them for every entry."""
    present = containers or (make_container(),)
    owners = {
        (c.name, e.name): managers if isinstance(managers, frozenset) else managers[e.name]
        for c in present
        for e in c.env
        if isinstance(managers, frozenset) or e.name in managers
    }
    values = {"rollout": EVERYTHING_RUNS, "borrowed": any(names.FIELD_MANAGER in m for m in owners.values()), **more}
    return Workload(key=GATEWAY, uid="uid-gateway", resource_version="77", generation=3, containers=present, env_managers=owners, **values)


def make_snapshot(binding: Binding | None = None, **more: Any) -> Snapshot:
    """A snapshot in which nothing is wrong."""
    return Snapshot(binding=binding or make_binding(), now=1_800_000_000.0, **{"workload": make_workload(), **more})
