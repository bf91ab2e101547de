"""Gateways of Kong Operator, which a stand-in replaces: settings on the DataPlane or GatewayConfiguration reach every pod, once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Final

import pytest

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator.names import GRANT_ANNOTATION
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from tests.integration.arena import SETTINGS, Arena, Manifest
from tests.integration.kong_operator import gateway_objects, plane_of
from tests.integration.workload import OPERATOR, RATE, Gateway

EDGE: Final = "edge"
OPERATED: Final = [name for name, row in WORKLOADS.items() if row.operated]
pytestmark = pytest.mark.usefixtures("kong_operator")


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


def opened(arena: Arena, kind: str, env: dict[str, str] | None = None, gateways: tuple[str, ...] = ("inside", "outside")) -> Gateway:
    """A further gateway of the namespace, with every Deployment that is made from it rolled out."""
    arena.put(arena.gateway(kind=kind, name=EDGE, env=env))
    planes = [EDGE]
    if kind == "GatewayConfiguration":
        arena.put(*gateway_objects(arena, EDGE, *gateways))
        planes = [plane_of(gateway) for gateway in gateways]
    for plane in planes:
        arena.until(lambda: arena.get("Deployment", f"dataplane-{plane}") is not None, f"the Deployment of {plane}")  # noqa: B023 - awaited here
        arena.stage.cluster.wait_rolled_out(arena.namespace, f"dataplane-{plane}")
    return Gateway(arena, EDGE, kind)


def bound(arena: Arena, gateway: Gateway, **fields: Any) -> Manifest:
    """A binding of the arena's namespace to that gateway."""
    target = {"kind": gateway.kind, "namespace": gateway.arena.namespace, "name": EDGE}
    return arena.binding({"gateway": {"targetRef": target, **fields}})


def running(arena: Arena) -> dict[str, dict[str, str]]:
    """Deployment -> the settings of its template, for those that are made."""
    made = [raw["metadata"]["name"] for raw in arena.all_of("Deployment") if raw["metadata"]["name"].startswith("dataplane-")]
    return {name: arena.settings(name) for name in made}


@pytest.mark.parametrize("kind", OPERATED)
def test_the_settings_are_applied_once_and_given_back(arena: Arena, kind: str) -> None:
    gateway = opened(arena, kind)
    before = gateway.entries

    arena.put(bound(arena, gateway))
    arena.until_ready()

    assert gateway.codes() == [200]
    assert {name: gateway.owners(name) for name in SETTINGS} == dict.fromkeys(SETTINGS, OPERATOR)
    assert set(map(str, running(arena).values())) == {str(SETTINGS)}
    arena.until_quiet()

    arena.delete("FiddlerKongBinding", "assistant")

    arena.until(lambda: gateway.entries == before, "the removal of the settings")
    assert gateway.traces_of_us == []
    assert len(gateway.writes()) == 2


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", OPERATED)
def test_a_value_that_was_taken_over_is_put_back(arena: Arena, kind: str) -> None:
    gateway = opened(arena, kind, {RATE: "0.5"})
    before = gateway.entries
    arena.put(bound(arena, gateway))
    arena.until_condition("GatewayConfigured", "False", "GatewaySettingConflict")

    arena.put(bound(arena, gateway, conflicts="Override"))
    arena.until_ready()
    assert gateway.settings == SETTINGS

    arena.delete("FiddlerKongBinding", "assistant")

    arena.until(lambda: gateway.entries == before and gateway.traces_of_us == [], "the former value")


@pytest.mark.parametrize("kind", OPERATED)
def test_a_gateway_of_another_namespace_needs_its_owners_grant(arena: Arena, tenant: Arena, kind: str) -> None:
    gateway = opened(arena, kind)
    tenant.put(bound(tenant, gateway))
    tenant.until_condition("Ready", "False", "GatewayNotGranted")
    assert gateway.writes() == ()

    arena.patch(kind, EDGE, {"metadata": {"annotations": {GRANT_ANNOTATION: tenant.namespace}}})

    tenant.until_ready()
    assert gateway.settings == SETTINGS


def test_nothing_is_written_during_a_promotion_and_the_settings_follow_it(arena: Arena) -> None:
    gateway = opened(arena, "DataPlane")
    promote(arena, "PromotionInProgress")
    arena.put(bound(arena, gateway))

    message = arena.until_condition("GatewayConfigured", "Unknown", "GatewayPending")["message"]
    assert "is being promoted (blue/green)" in message
    assert gateway.writes() == ()

    promote(arena, "PromotionDone")

    arena.until_ready()


def promote(arena: Arena, reason: str) -> None:
    """Kong Operator reports how far a promotion is."""
    condition = {"type": "RolledOut", "status": "False", "reason": reason, "observedGeneration": 1}
    path = f"{arena.path('DataPlane', EDGE)}/status"
    arena.stage.cluster.api.request("PATCH", path, {"status": {"rollout": {"conditions": [condition]}}}, "application/merge-patch+json")


def test_a_deployment_of_a_data_plane_leads_to_the_data_plane(arena: Arena) -> None:
    opened(arena, "DataPlane")
    arena.put(arena.binding({"gateway.targetRef": {"name": f"dataplane-{EDGE}"}}))

    message = arena.until_condition("GatewayConfigured", "False", "GatewayManagedElsewhere")["message"]

    assert f"Set gateway.targetRef to {{kind: DataPlane, namespace: {arena.namespace}, name: {EDGE}}}" in message
    arena.put(arena.binding({"gateway.targetRef": {"kind": "DataPlane", "name": EDGE}}))
    arena.until_ready()


def test_the_gateways_of_one_configuration_are_named(arena: Arena) -> None:
    gateway = opened(arena, "GatewayConfiguration")
    arena.put(bound(arena, gateway))
    arena.until_ready()

    message = arena.conditions()["GatewayConfigured"]["message"]

    assert f"It configures 2 Gateways, and the settings hold for all: {arena.namespace}/inside, {arena.namespace}/outside." in message
