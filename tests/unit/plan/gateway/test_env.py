from __future__ import annotations

import pytest

from fiddler_kong_operator.plan.gateway.env import (
    INSTRUMENTATIONS,
    SAMPLING_RATE,
    UNTRUSTED_LUA,
    Setting,
    Standing,
    lua_is_off,
    needed_settings,
    observe,
)
from fiddler_kong_operator.plan.snapshot import EnvEntry
from tests.unit.plan.situations import HELM, OURS, make_container, make_spec, make_workload

NOBODY: frozenset[str] = frozenset()


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


@pytest.mark.parametrize(
    ("name", "wanted", "value", "managers", "expected"),
    [
        (INSTRUMENTATIONS, "all", "all", HELM, Standing.RIGHT),
        (INSTRUMENTATIONS, "all", "all", NOBODY, Standing.RIGHT),
        (INSTRUMENTATIONS, "all", "request,router", HELM, Standing.FOREIGN),
        (SAMPLING_RATE, "1.0", "1", HELM, Standing.RIGHT),
        (SAMPLING_RATE, "1.0", "1.00", OURS, Standing.RIGHT),
        (SAMPLING_RATE, "1.0", "0.5", HELM, Standing.FOREIGN),
        (SAMPLING_RATE, "1.0", "0.5", NOBODY, Standing.FOREIGN),
        (SAMPLING_RATE, "1.0", "0.5", OURS, Standing.OUTDATED),
        (SAMPLING_RATE, "1.0", "0.5", OURS | HELM, Standing.FOREIGN),
        (SAMPLING_RATE, "1.0", "often", HELM, Standing.FOREIGN),
        (SAMPLING_RATE, "1.0", "", HELM, Standing.FOREIGN),
        (SAMPLING_RATE, "1.0", "", NOBODY, Standing.ABSENT),
        (SAMPLING_RATE, "1.0", None, NOBODY, Standing.ABSENT),
        (UNTRUSTED_LUA, "on", "on", HELM, Standing.RIGHT),
        (UNTRUSTED_LUA, "on", "sandbox", HELM, Standing.FOREIGN),
        (UNTRUSTED_LUA, "sandbox", "on", HELM, Standing.RIGHT),
        (UNTRUSTED_LUA, "sandbox", "on", OURS | HELM, Standing.RIGHT),
        (UNTRUSTED_LUA, "sandbox", "on", OURS, Standing.OUTDATED),
        (UNTRUSTED_LUA, "sandbox", "off", HELM, Standing.FOREIGN),
    ],
)
def test_standing_of_one_entry(name: str, wanted: str, value: str | None, managers: frozenset[str], expected: Standing) -> None:
    container = make_container((EnvEntry(name, value),))

    assert expected is observe(make_workload(container, managers=managers), container, Setting(name, wanted)).standing


def test_standing_without_an_entry() -> None:
    container = make_container({})

    assert observe(make_workload(container), container, Setting(SAMPLING_RATE, "1.0")).standing is Standing.ABSENT


def test_standing_of_a_value_from_elsewhere() -> None:
    container = make_container((EnvEntry(SAMPLING_RATE, None, from_source=True),))

    assert observe(make_workload(container), container, Setting(SAMPLING_RATE, "1.0")).standing is Standing.FROM_SOURCE


def test_standing_of_a_duplicate_even_where_both_are_right() -> None:
    container = make_container((EnvEntry(SAMPLING_RATE, "1.0"), EnvEntry(SAMPLING_RATE, "1.0")))

    assert observe(make_workload(container), container, Setting(SAMPLING_RATE, "1.0")).standing is Standing.DUPLICATE


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
