"""Several bindings on one gateway, also from other namespaces: one set of settings, the oldest binding decides, none without a grant."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Final

import pytest

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator.names import GRANT_ANNOTATION
from tests.integration.arena import SETTINGS, Arena, Manifest
from tests.integration.workload import LUA, Gateway

NUMBER: Final = 20
PAST_GRACE: Final = 7.0
"""Seconds in which settings would be removed if no binding needed them."""


@pytest.fixture
def gateway(arena: Arena) -> Gateway:
    return Gateway(arena)


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


def another(arena: Arena, name: str, changes: dict[str, Any] | None = None) -> Manifest:
    """A further binding of the namespace, on its own path."""
    return arena.binding({"routes.0.expose.path": f"/{arena.namespace}/{name}", **(changes or {})}, name)


def foreign(tenant: Arena, gateway: Gateway) -> Manifest:
    """A binding that names a gateway of another namespace."""
    return tenant.binding({"gateway.targetRef": {"namespace": gateway.arena.namespace, "name": gateway.name}})


def grant(gateway: Gateway, namespaces: str | None) -> None:
    gateway.arena.patch("Deployment", gateway.name, {"metadata": {"annotations": {GRANT_ANNOTATION: namespaces}}})


def test_many_bindings_at_once_cost_one_write_and_one_rollout(arena: Arena, gateway: Gateway) -> None:
    names = [f"app-{number}" for number in range(NUMBER)]

    arena.put(*(another(arena, name) for name in names))
    for name in names:
        arena.until_ready(name)

    assert gateway.codes() == [200]
    assert gateway.replica_sets == 2


def test_settings_stay_while_any_binding_is_left_and_go_with_the_last(arena: Arena, gateway: Gateway) -> None:
    arena.put(another(arena, "first"), another(arena, "second"))
    for name in ("first", "second"):
        arena.until_ready(name)
    mark = arena.mark()

    arena.delete("FiddlerKongBinding", "first")
    arena.until_quiet(PAST_GRACE)
    assert gateway.writes(mark) == ()
    assert gateway.settings == SETTINGS

    arena.delete("FiddlerKongBinding", "second")
    arena.until(lambda: gateway.settings == {}, "the removal of the settings")
    assert len(gateway.writes(mark)) == 1
    assert gateway.replica_sets == 2


def test_a_last_binding_deleted_and_made_again_costs_no_rollout(arena: Arena, gateway: Gateway) -> None:
    arena.put(arena.binding())
    arena.until_ready()
    mark = arena.mark()

    arena.delete("FiddlerKongBinding", "assistant")
    arena.until_gone("FiddlerKongBinding", "assistant")
    arena.put(arena.binding())
    arena.until_ready()
    arena.until_quiet(PAST_GRACE)

    assert gateway.writes(mark) == ()
    assert gateway.settings == SETTINGS


def test_the_older_bindings_value_counts_until_it_is_gone(arena: Arena, gateway: Gateway) -> None:
    arena.put(another(arena, "older", {"gateway.untrustedLua": "sandbox"}))
    arena.until_ready("older")
    arena.put(another(arena, "younger"))

    clash = arena.until_condition("Ready", "False", "GatewaySettingsClash", "younger")
    assert clash["message"] == (
        f"gateway.untrustedLua is on, but the older binding {arena.namespace}/older has sandbox, and "
        f"Deployment {arena.namespace}/kong-gateway can have only one {LUA}. Use the same value in both."
    )
    assert (gateway.settings, arena.get("KongPlugin", "younger-opentelemetry")) == ({**SETTINGS, LUA: "sandbox"}, None)

    arena.delete("FiddlerKongBinding", "older")

    arena.until_ready("younger")
    assert gateway.settings == SETTINGS


def test_an_older_binding_that_changes_its_settings_is_still_the_older_one(arena: Arena, gateway: Gateway) -> None:
    arena.put(another(arena, "a-older"))
    arena.until_ready("a-older")
    arena.put(another(arena, "b-younger"))
    arena.until_ready("b-younger")

    arena.put(another(arena, "a-older", {"gateway.untrustedLua": "sandbox"}))

    arena.until_condition("Ready", "False", "GatewaySettingsClash", "b-younger")
    arena.until_ready("a-older")
    assert gateway.settings[LUA] == "sandbox"


def test_a_gateway_that_is_not_there_is_awaited(arena: Arena) -> None:
    arena.put(arena.binding({"gateway.targetRef.name": "kong-later"}))
    absent = arena.until_condition("Ready", "False", "GatewayNotFound")
    assert absent["message"].startswith(f"Deployment {arena.namespace}/kong-later (gateway.targetRef) does not exist.")
    assert "Reconciling" in arena.conditions()

    later = arena.gateway()
    later["metadata"]["name"] = "kong-later"
    later["spec"]["selector"]["matchLabels"] = later["spec"]["template"]["metadata"]["labels"] = {"app": "kong-later"}
    arena.put(later)

    arena.until_ready()
    assert arena.settings("kong-later") == SETTINGS


def test_without_a_grant_nothing_is_written_and_nothing_shown(tenant: Arena, gateway: Gateway) -> None:
    tenant.put(foreign(tenant, gateway))
    refused = tenant.until_condition("Ready", "False", "GatewayNotGranted")

    assert refused["message"] == (
        f"Deployment {gateway.arena.namespace}/kong-gateway (gateway.targetRef) does not allow bindings of namespace {tenant.namespace}. "
        f"Ask its owner to annotate it with {GRANT_ANNOTATION}: {tenant.namespace} (a list of namespaces, or *)."
    )
    assert tenant.conditions()["GatewayConfigured"]["reason"] == "GatewayNotEvaluated"
    status = tenant.existing("FiddlerKongBinding", "assistant")["status"]
    assert "3.13" not in str(status)
    assert status.get("gateway", {}) == {}
    assert tenant.all_of("KongPlugin") == []
    assert gateway.writes() == ()


@pytest.mark.parametrize("allowed", ["{own}", "*", "another, {own} ,else"])
def test_a_grant_lets_the_binding_go_on(tenant: Arena, gateway: Gateway, allowed: str) -> None:
    tenant.put(foreign(tenant, gateway))
    tenant.until_condition("Ready", "False", "GatewayNotGranted")
    grant(gateway, "another,else")
    tenant.until_quiet(1)
    assert tenant.conditions()["Ready"]["reason"] == "GatewayNotGranted"

    grant(gateway, allowed.format(own=tenant.namespace))

    tenant.until_ready()
    assert gateway.settings == SETTINGS


def test_a_grant_taken_back_takes_the_settings_back_and_pre_function_off(tenant: Arena, gateway: Gateway) -> None:
    grant(gateway, "*")
    tenant.put(foreign(tenant, gateway))
    tenant.until_ready()
    tenant.until_pushed(lambda pushed: "pre-function" in pushed.types(), "pre-function is attached")

    grant(gateway, None)

    tenant.until_condition("Ready", "False", "GatewayNotGranted")
    tenant.until_pushed(lambda pushed: "pre-function" not in pushed.types(), "pre-function is detached")
    gateway.arena.until(lambda: gateway.settings == {}, "the removal of the settings")
    assert gateway.traces_of_us == []
