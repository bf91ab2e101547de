"""Every kind of workload as a gateway: settings once, one rollout, Ready, restored; and what its update strategy holds up."""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Iterator
from typing import Any, Final

import pytest

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator.names import GRANT_ANNOTATION
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from tests.integration.arena import SETTINGS, Arena, Manifest, changed
from tests.integration.workload import OPERATOR, Gateway

EDGE: Final = "kong-edge"
KINDS: Final = [name for name, row in WORKLOADS.items() if not row.operated]
"""`test_kong_operator.py` is about the others."""
ON_DELETE: Final = {"spec.updateStrategy": {"type": "OnDelete"}}
PARTITION: Final = {"spec.updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}, "spec.replicas": 2}


@pytest.fixture
def tenant(stage: Stage, operator: OperatorProcess) -> Iterator[Arena]:
    """A namespace with the two Secrets and no gateway."""
    tenant = Arena(stage, operator, f"tenant-{secrets.token_hex(4)}")
    stage.cluster.create_namespace(tenant.namespace)
    tenant.put(tenant.secret("fiddler", stage.keys.fiddler), tenant.secret("openai", stage.keys.provider))
    try:
        yield tenant
        tenant.check_contents()
    finally:
        tenant.close()


def opened(arena: Arena, kind: str, changes: dict[str, Any] | None = None) -> Gateway:
    """A further gateway of the namespace, with all its pods."""
    arena.put(changed(arena.gateway(kind=kind, name=EDGE), changes or {}))
    gateway = Gateway(arena, EDGE, kind)
    wanted = gateway.raw["spec"].get("replicas", 1)
    arena.until(lambda: len(pods(gateway)) == wanted and all(map(is_ready, pods(gateway))), f"the pods of {kind} {EDGE}")
    return gateway


def bound(arena: Arena, gateway: Gateway) -> Manifest:
    """A binding of the arena's namespace to that gateway."""
    return arena.binding({"gateway.targetRef": {"kind": gateway.kind, "namespace": gateway.arena.namespace, "name": EDGE}})


def pods(gateway: Gateway) -> list[Manifest]:
    path = f"/api/v1/namespaces/{gateway.arena.namespace}/pods?labelSelector=app%3D{EDGE}"
    found: list[Manifest] = gateway.arena.stage.cluster.api.get(path)["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def is_ready(pod: Manifest) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())


def has_settings(pod: Manifest) -> bool:
    env = {entry["name"]: entry.get("value") for entry in pod["spec"]["containers"][0]["env"]}
    return env.items() >= SETTINGS.items()


def advised(message: str) -> list[str]:
    """The arguments of the kubectl command at the end of a message."""
    found = re.search(r": kubectl (.*)\.$", message)
    assert found, message
    return shlex.split(found[1])


@pytest.mark.parametrize("kind", KINDS)
def test_the_settings_are_applied_once_and_given_back(arena: Arena, kind: str) -> None:
    gateway = opened(arena, kind)
    before = gateway.entries

    arena.put(bound(arena, gateway))
    arena.until_ready()

    assert (gateway.codes(), gateway.replica_sets) == ([200], 2)
    assert {name: gateway.owners(name) for name in SETTINGS} == dict.fromkeys(SETTINGS, OPERATOR)
    assert all(map(has_settings, pods(gateway)))
    arena.until_pushed(lambda pushed: "pre-function" in pushed.types(), "pre-function is attached")

    arena.delete("FiddlerKongBinding", "assistant")

    arena.until(lambda: gateway.entries == before, "the removal of the settings")
    assert gateway.traces_of_us == []
    assert len(gateway.writes()) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_gateway_of_another_namespace_needs_its_owners_grant(arena: Arena, tenant: Arena, kind: str) -> None:
    gateway = opened(arena, kind)
    tenant.put(bound(tenant, gateway))
    refused = tenant.until_condition("Ready", "False", "GatewayNotGranted")
    assert refused["message"].startswith(f"{kind} {arena.namespace}/{EDGE} (gateway.targetRef) does not allow bindings")
    assert gateway.writes() == ()

    arena.patch(kind, EDGE, {"metadata": {"annotations": {GRANT_ANNOTATION: tenant.namespace}}})

    tenant.until_ready()
    assert gateway.settings == SETTINGS


@pytest.mark.parametrize(
    ("kind", "strategy", "reason"),
    [
        ("DaemonSet", ON_DELETE, "GatewayRolloutManual"),
        ("StatefulSet", ON_DELETE, "GatewayRolloutManual"),
        ("StatefulSet", PARTITION, "GatewayRolloutPaused"),
    ],
)
def test_an_update_strategy_that_keeps_old_pods_is_named_with_the_command_that_ends_it(
    arena: Arena, kind: str, strategy: dict[str, Any], reason: str
) -> None:
    gateway = opened(arena, kind, strategy)
    arena.put(bound(arena, gateway))

    message = arena.until_condition("GatewayConfigured", "Unknown", reason)["message"]
    assert not all(map(has_settings, pods(gateway)))
    arena.until_pushed(lambda pushed: pushed.types() == ["ai-proxy", "opentelemetry"], "everything but pre-function")

    arena.stage.cluster.kubectl(*advised(message))

    arena.until_ready()
    assert all(map(has_settings, pods(gateway)))


def test_pods_deleted_by_hand_come_back_with_the_settings(arena: Arena) -> None:
    gateway = opened(arena, "DaemonSet", ON_DELETE)
    arena.put(bound(arena, gateway))
    arena.until_condition("GatewayConfigured", "Unknown", "GatewayRolloutManual")

    arena.stage.cluster.kubectl("--namespace", arena.namespace, "delete", "pods", "--selector", f"app={EDGE}", "--wait=false")

    arena.until_ready()
    assert all(map(has_settings, pods(gateway)))


def test_a_daemon_set_that_fits_no_node_is_named_and_gets_its_settings_before_its_first_pod(arena: Arena) -> None:
    arena.put(changed(arena.gateway(kind="DaemonSet", name=EDGE), {"spec.template.spec.nodeSelector": {"pool": "edge"}}))
    gateway = Gateway(arena, EDGE, "DaemonSet")

    arena.put(bound(arena, gateway))

    arena.until(lambda: "is to run on no node" in arena.conditions().get("Ready", {}).get("message", ""), "no node is named as the cause")
    assert gateway.settings == SETTINGS
