"""pre-function is attached only while every pod of the gateway can run its Lua."""

from __future__ import annotations

from typing import Final

import pytest

from tests.integration.arena import SETTINGS, Arena
from tests.integration.pushed import Pushed
from tests.integration.workload import LUA, Gateway

WITHOUT_LUA: Final = ["ai-proxy", "opentelemetry"]
WITH_LUA: Final = [*WITHOUT_LUA, "pre-function"]


@pytest.fixture
def gateway(arena: Arena) -> Gateway:
    return Gateway(arena)


@pytest.fixture
def ready(gateway: Gateway) -> Gateway:
    gateway.arena.put(gateway.arena.binding({"gateway.untrustedLua": "Unmanaged"}))
    gateway.arena.until_ready()
    gateway.arena.until_pushed(is_complete, "three plugins")
    return gateway


def is_complete(pushed: Pushed) -> bool:
    return pushed.types() == WITH_LUA


def waits(pushed: Pushed) -> bool:
    return pushed.types() == WITHOUT_LUA


def tells(arena: Arena, reason: str, message: str) -> bool:
    """Whether one status says all of it: a Deployment goes from progressing to stuck and back while its pods are replaced."""
    found = arena.conditions()
    gateway, programmed = found.get("GatewayConfigured", {}), found.get("PluginsProgrammed", {})
    return (
        (gateway.get("reason"), gateway.get("message")) == (reason, message)
        and (programmed["status"], programmed["reason"]) == ("Unknown", "WaitingForGateway")
        and "The operator attaches KongPlugin assistant-pre-function when the gateway runs with its new settings." in programmed["message"]
        and ("Reconciling" if reason == "GatewayRollingOut" else "Stalled") in found
    )


def expect_waiting(gateway: Gateway, reason: str, message: str) -> None:
    """The status reports a rollout, and only plugins without Lua are attached."""
    arena = gateway.arena
    arena.until(lambda: tells(arena, reason, message), f"{reason}: {message!r}")
    assert gateway.settings == SETTINGS
    arena.until_pushed(waits, "everything but pre-function")


def test_pre_function_waits_until_the_last_old_pod_is_gone(gateway: Gateway) -> None:
    arena = gateway.arena
    gateway.edit({"spec": {"replicas": 2, "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}})
    arena.stage.cluster.wait_rolled_out(arena.namespace, gateway.name)
    gateway.hold()

    arena.put(arena.binding())

    expect_waiting(
        gateway,
        "GatewayRollingOut",
        f"The pods of Deployment {arena.namespace}/kong-gateway are being replaced. "
        "The operator attaches the pre-function plugin when all run with the settings.",
    )
    arena.until_quiet(1)
    assert waits(arena.pushed())

    gateway.hold(None)
    arena.until_ready()
    arena.until_pushed(is_complete, "pre-function too")


def test_a_paused_rollout_is_named_as_such(gateway: Gateway) -> None:
    arena = gateway.arena
    gateway.edit({"spec": {"paused": True}})

    arena.put(arena.binding())

    expect_waiting(
        gateway,
        "GatewayRolloutPaused",
        f"The rollout of Deployment {arena.namespace}/kong-gateway is paused (spec.paused): pods may still run without the settings. "
        f"Resume it: kubectl -n {arena.namespace} rollout resume deployment kong-gateway.",
    )

    gateway.edit({"spec": {"paused": False}})
    arena.until_ready()
    arena.until_pushed(is_complete, "pre-function too")


def test_a_rollout_that_is_stuck_is_named_as_such(gateway: Gateway) -> None:
    arena = gateway.arena
    gateway.edit({"spec": {"progressDeadlineSeconds": 1}})
    gateway.hold()

    arena.put(arena.binding())

    expect_waiting(
        gateway,
        "GatewayRolloutStuck",
        f"The rollout of Deployment {arena.namespace}/kong-gateway is stuck (it exceeded its progress deadline): pods may still run "
        f"without the settings. Find out why the new pods do not become ready: kubectl -n {arena.namespace} get pods.",
    )


def test_a_gateway_scaled_to_0_serves_nothing_and_is_not_written_to(gateway: Gateway) -> None:
    arena = gateway.arena
    gateway.edit({"spec": {"replicas": 0}})

    arena.put(arena.binding())
    message = arena.until_condition("Ready", "False", "GatewayScaledToZero")["message"]
    assert message.startswith(f"Deployment {arena.namespace}/kong-gateway is scaled to 0 and serves nothing")
    arena.until_pushed(waits, "everything but pre-function")
    assert gateway.writes() == ()

    gateway.edit({"spec": {"replicas": 1}})
    arena.until_ready()


def test_an_autoscaler_at_work_and_another_template_with_the_settings_change_no_status(ready: Gateway) -> None:
    arena, mark = ready.arena, ready.arena.mark()
    ready.hold()
    ready.edit({"spec": {"replicas": 3}})
    arena.until(lambda: ready.raw["status"].get("replicas", 0) >= 3, "new pods, none of them ready")
    arena.until_quiet()

    assert [write for write in arena.writes(mark) if write.resource == "fiddlerkongbindings"] == []
    assert arena.conditions()["Ready"]["status"] == "True"
    assert is_complete(arena.pushed())


def test_lua_switched_off_by_a_person_takes_pre_function_off_until_it_is_on_again(ready: Gateway) -> None:
    arena = ready.arena

    ready.set_env({"name": LUA, "value": "off"})

    message = arena.until_condition("Ready", "False", "GatewaySettingConflict")["message"]
    assert f'env[name="{LUA}"].value is off, set by manager kubectl-edit, and gateway.untrustedLua is Unmanaged' in message
    assert 'With Helm, set env.untrusted_lua: "sandbox" (chart kong) or gateway.env.untrusted_lua: "sandbox" (chart ingress)' in message
    arena.until_pushed(waits, "pre-function is off")

    ready.set_env({"name": LUA, "value": "sandbox"})
    arena.until_ready()
    arena.until_pushed(is_complete, "pre-function is back")


def test_lua_switched_off_under_an_applying_binding_takes_pre_function_off(gateway: Gateway) -> None:
    arena = gateway.arena
    arena.put(arena.binding())
    arena.until_ready()
    arena.until_pushed(is_complete, "three plugins")

    gateway.set_env({"name": LUA, "value": "off"})

    arena.until_condition("Ready", "False", "GatewaySettingConflict")
    arena.until_pushed(waits, "pre-function is off")
    assert gateway.settings[LUA] == "off"
