"""The operator writes only its own settings, once, under its field manager; correct values keep their owner; fewer needs, fewer writes."""

from __future__ import annotations

import pytest

from devcluster.errors import ApiError
from tests.integration.arena import SETTINGS, Arena
from tests.integration.workload import INSTRUMENTATIONS, LUA, OPERATOR, RATE, Gateway

HELM = frozenset({"helm"})
TRACING = {INSTRUMENTATIONS: "all", RATE: "1.0"}


@pytest.fixture
def gateway(arena: Arena) -> Gateway:
    return Gateway(arena)


@pytest.fixture
def ready(arena: Arena, gateway: Gateway) -> Gateway:
    arena.put(arena.binding())
    arena.until_ready()
    return gateway


def test_the_settings_are_added_under_our_manager_in_one_write_and_one_rollout(arena: Arena, gateway: Gateway) -> None:
    before = gateway.entries

    arena.put(arena.binding())
    arena.until_ready()

    assert gateway.settings == SETTINGS
    assert [entry for entry in gateway.entries if entry["name"] not in SETTINGS] == before
    assert {name: gateway.owners(name) for name in SETTINGS} == dict.fromkeys(SETTINGS, OPERATOR)
    assert gateway.owners("KONG_DATABASE") == {"kubectl"}
    assert gateway.codes() == [200]
    assert gateway.replica_sets == 2


def test_a_changed_binding_writes_nothing_to_a_gateway_that_is_right(ready: Gateway) -> None:
    arena, mark = ready.arena, ready.arena.mark()

    arena.put(arena.binding({"payloads": "Disabled"}))
    arena.until_ready()
    arena.until_quiet()

    assert ready.writes(mark) == ()
    assert ready.replica_sets == 2


def test_a_removed_entry_is_restored(ready: Gateway) -> None:
    ready.drop([RATE])

    ready.arena.until(lambda: ready.settings == SETTINGS, "the setting put back")
    ready.arena.until_ready()
    assert ready.owners(RATE) == OPERATOR


def test_nothing_is_written_where_everything_is_right_already(arena: Arena, gateway: Gateway) -> None:
    gateway.upgrade(SETTINGS)

    arena.put(arena.binding())
    arena.until_ready()

    assert gateway.writes() == ()
    assert {name: gateway.owners(name) for name in SETTINGS} == dict.fromkeys(SETTINGS, HELM)


def test_a_value_that_was_right_before_us_is_kept_when_we_leave(arena: Arena, gateway: Gateway) -> None:
    gateway.upgrade({RATE: "1"})
    arena.put(arena.binding())
    arena.until_ready()
    assert gateway.settings == {**SETTINGS, RATE: "1"}

    arena.delete("FiddlerKongBinding", "assistant")

    arena.until(lambda: gateway.settings == {RATE: "1"}, "what we added is taken back")
    assert gateway.owners(RATE) == HELM
    assert gateway.traces_of_us == []


def test_a_value_that_another_manager_also_sets_becomes_theirs_without_a_rollout(ready: Gateway) -> None:
    ready.upgrade(SETTINGS)

    ready.arena.until(lambda: all(ready.owners(name) == HELM for name in SETTINGS), "the values are Helm's alone")
    ready.arena.until_ready()
    assert ready.replica_sets == 2

    ready.upgrade({**SETTINGS, RATE: "0.5"})  # without force: Helm 4 fails here if we still own the value
    ready.arena.until_condition("GatewayConfigured", "False", "GatewaySettingConflict")
    assert ready.settings[RATE] == "0.5"


def test_what_helm_sets_differently_while_it_is_ours_is_refused_to_helm_and_not_to_us(ready: Gateway) -> None:
    with pytest.raises(ApiError, match='conflict with "fiddler-kong-operator"'):
        ready.upgrade({RATE: "0.5"})


def test_asked_for_sandbox_the_gateway_gets_sandbox_and_on_when_that_is_asked_for(arena: Arena, gateway: Gateway) -> None:
    arena.put(arena.binding({"gateway.untrustedLua": "sandbox"}))
    arena.until_ready()
    assert gateway.settings == {**SETTINGS, LUA: "sandbox"}

    arena.put(arena.binding({"gateway.untrustedLua": "on"}))
    arena.until(lambda: gateway.settings == SETTINGS, "on")
    arena.put(arena.binding({"gateway.untrustedLua": "sandbox"}))

    arena.until(lambda: gateway.settings == {**SETTINGS, LUA: "sandbox"}, "sandbox again")
    assert len(gateway.writes()) == 3


def test_unmanaged_lua_is_left_alone_and_given_up(ready: Gateway) -> None:
    ready.arena.put(ready.arena.binding({"gateway.untrustedLua": "Unmanaged"}))

    ready.arena.until(lambda: ready.settings == TRACING, "only the tracing settings are left")
    ready.arena.until_ready()


def test_without_sessions_no_lua_is_switched_on(arena: Arena, gateway: Gateway) -> None:
    arena.put(arena.binding({"sessions": {"mode": "Disabled"}}))
    arena.until_ready()

    assert gateway.settings == TRACING


def test_a_suspended_binding_changes_nothing(ready: Gateway) -> None:
    arena, mark = ready.arena, ready.arena.mark()

    arena.put(arena.binding({"suspend": True, "gateway.untrustedLua": "sandbox"}))
    arena.until_condition("Ready", "Unknown", "Suspended")
    arena.until_quiet()

    assert ready.writes(mark) == ()
    assert ready.settings == SETTINGS


def test_a_binding_created_suspended_sets_nothing_until_it_is_resumed(arena: Arena, gateway: Gateway) -> None:
    arena.put(arena.binding({"suspend": True}))
    pending = arena.until_condition("GatewayConfigured", "Unknown", "GatewayPending")
    assert f"Deployment {arena.namespace}/kong-gateway lacks KONG_TRACING_INSTRUMENTATIONS=all" in pending["message"]
    assert "nothing is applied while spec.suspend is true" in pending["message"]
    arena.until_quiet()
    assert gateway.writes() == ()

    arena.put(arena.binding())

    arena.until_ready()


def test_verify_writes_nothing_and_names_the_helm_values_until_a_person_sets_them(arena: Arena, gateway: Gateway) -> None:
    arena.put(arena.binding({"gateway.management": "Verify"}))
    missing = arena.until_condition("Ready", "False", "GatewaySettingsMissing")
    for value in ("tracing_instrumentations: all", 'tracing_sampling_rate: "1.0"', 'untrusted_lua: "on"'):
        assert f" env.{value}" in missing["message"]
        assert f"gateway.env.{value}" in missing["message"]
    assert "Stalled" in arena.conditions()

    gateway.upgrade({**SETTINGS, RATE: "0.1"})
    almost = f'spec.template.spec.containers[name="proxy"].env[name="{RATE}"].value is 0.1, set by manager helm; it must be 1.0.'
    arena.until(lambda: almost in arena.conditions()["Ready"]["message"], "only one value is still wrong")
    gateway.upgrade(SETTINGS)

    arena.until_ready()
    assert gateway.writes() == ()


def test_a_gateway_that_changes_to_verify_loses_the_applied_settings(ready: Gateway) -> None:
    ready.arena.put(ready.arena.binding({"gateway.management": "Verify"}))

    ready.arena.until(lambda: ready.settings == {}, "the removal of the settings")
    ready.arena.until_condition("Ready", "False", "GatewaySettingsMissing")
    assert ready.traces_of_us == []
