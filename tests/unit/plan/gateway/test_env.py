from __future__ import annotations

import pytest

from fiddler_kong_operator.plan.gateway.env import (
    INSTRUMENTATIONS,
    SAMPLING_RATE,
    UNTRUSTED_LUA,
    Setting,
    SettingState,
    lua_is_off,
    needed_settings,
    observe_setting,
)
from fiddler_kong_operator.plan.workload import EnvEntry
from tests.unit.plan.situations import AGENT, HELM, OURS, make_container, make_spec, make_workload

NO_MANAGER: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("sessions", "lua", "expected"),
    [
        ("Header", "on", ["KONG_TRACING_INSTRUMENTATIONS=all", "KONG_TRACING_SAMPLING_RATE=1.0", "KONG_UNTRUSTED_LUA=on"]),
        ("Header", "sandbox", ["KONG_TRACING_INSTRUMENTATIONS=all", "KONG_TRACING_SAMPLING_RATE=1.0", "KONG_UNTRUSTED_LUA=sandbox"]),
        ("Header", "Unmanaged", ["KONG_TRACING_INSTRUMENTATIONS=all", "KONG_TRACING_SAMPLING_RATE=1.0"]),
        ("Disabled", "on", ["KONG_TRACING_INSTRUMENTATIONS=all", "KONG_TRACING_SAMPLING_RATE=1.0"]),
    ],
)
def test_needed_settings(sessions: str, lua: str, expected: list[str]) -> None:
    assert expected == [str(s) for s in needed_settings(make_spec(sessions=sessions, untrustedLua=lua))]


def test_attributes_need_the_lua_without_sessions_too() -> None:
    spec = make_spec(sessions="Disabled", attributes=[AGENT], untrustedLua="sandbox")

    assert [str(s) for s in needed_settings(spec)][2:] == ["KONG_UNTRUSTED_LUA=sandbox"]


@pytest.mark.parametrize(
    ("name", "needed", "value", "managers", "expected"),
    [
        (INSTRUMENTATIONS, "all", "all", HELM, SettingState.RIGHT),
        (INSTRUMENTATIONS, "all", "all", NO_MANAGER, SettingState.RIGHT),
        (INSTRUMENTATIONS, "all", "request,router", HELM, SettingState.FOREIGN),
        (INSTRUMENTATIONS, "all", "all, request", HELM, SettingState.RIGHT),
        (INSTRUMENTATIONS, "all", "request,all", HELM, SettingState.FOREIGN),
        (INSTRUMENTATIONS, "all", "all,off", HELM, SettingState.FOREIGN),
        (INSTRUMENTATIONS, "all", "all,everything", HELM, SettingState.FOREIGN),
        (SAMPLING_RATE, "1.0", "1", HELM, SettingState.RIGHT),
        (SAMPLING_RATE, "1.0", "1.00", OURS, SettingState.RIGHT),
        (SAMPLING_RATE, "1.0", "0.5", HELM, SettingState.FOREIGN),
        (SAMPLING_RATE, "1.0", "0.5", NO_MANAGER, SettingState.FOREIGN),
        (SAMPLING_RATE, "1.0", "0.5", OURS, SettingState.OUTDATED),
        (SAMPLING_RATE, "1.0", "0.5", OURS | HELM, SettingState.FOREIGN),
        (SAMPLING_RATE, "1.0", "often", HELM, SettingState.FOREIGN),
        (SAMPLING_RATE, "1.0", "", HELM, SettingState.FOREIGN),
        (SAMPLING_RATE, "1.0", "", NO_MANAGER, SettingState.ABSENT),
        (SAMPLING_RATE, "1.0", None, NO_MANAGER, SettingState.ABSENT),
        (UNTRUSTED_LUA, "on", "on", HELM, SettingState.RIGHT),
        (UNTRUSTED_LUA, "on", "sandbox", HELM, SettingState.FOREIGN),
        (UNTRUSTED_LUA, "sandbox", "on", HELM, SettingState.RIGHT),
        (UNTRUSTED_LUA, "sandbox", "on", OURS | HELM, SettingState.RIGHT),
        (UNTRUSTED_LUA, "sandbox", "on", OURS, SettingState.OUTDATED),
        (UNTRUSTED_LUA, "sandbox", "off", HELM, SettingState.FOREIGN),
    ],
)
def test_state_of_one_entry(name: str, needed: str, value: str | None, managers: frozenset[str], expected: SettingState) -> None:
    container = make_container((EnvEntry(name, value),))

    assert expected is observe_setting(make_workload(container, managers=managers), container, Setting(name, needed)).state


def test_state_without_an_entry() -> None:
    container = make_container({})

    assert observe_setting(make_workload(container), container, Setting(SAMPLING_RATE, "1.0")).state is SettingState.ABSENT


def test_state_of_a_value_from_elsewhere() -> None:
    container = make_container((EnvEntry(SAMPLING_RATE, None, from_source=True),))

    assert observe_setting(make_workload(container), container, Setting(SAMPLING_RATE, "1.0")).state is SettingState.FROM_SOURCE


def test_state_of_a_duplicate_even_where_both_are_right() -> None:
    container = make_container((EnvEntry(SAMPLING_RATE, "1.0"), EnvEntry(SAMPLING_RATE, "1.0")))

    assert observe_setting(make_workload(container), container, Setting(SAMPLING_RATE, "1.0")).state is SettingState.DUPLICATE


@pytest.mark.parametrize(("value", "expected"), [("off", True), (" off ", True), ("on", False), (None, False)])
def test_lua_is_off(value: str | None, expected: bool) -> None:  # noqa: FBT001
    assert expected == lua_is_off(make_container((EnvEntry(UNTRUSTED_LUA, value),)))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (Setting(INSTRUMENTATIONS, "all"), "tracing_instrumentations: all"),
        (Setting(SAMPLING_RATE, "1.0"), 'tracing_sampling_rate: "1.0"'),
        (Setting(UNTRUSTED_LUA, "on"), 'untrusted_lua: "on"'),
    ],
)
def test_helm_value_survives_yaml(setting: Setting, expected: str) -> None:
    assert expected == setting.helm_value
