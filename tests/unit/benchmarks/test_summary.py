from __future__ import annotations

from typing import Any

import pytest

from benchmarks.course import Outcome
from benchmarks.scenarios.change import Change
from benchmarks.scenarios.cold import Cold
from benchmarks.scenarios.drift import Drift
from benchmarks.scenarios.flip import Flip, Latencies
from benchmarks.scenarios.gateway_api import Side, order
from benchmarks.scenarios.lua import Lua
from benchmarks.scenarios.newcomer import Newcomer
from benchmarks.scenarios.rest import Rest
from benchmarks.scenarios.restart import Restart
from benchmarks.scenarios.rotation import Rotation
from benchmarks.summary import summarize


def cold(seconds: float, requests: int = 700) -> Cold:
    return Cold(seconds, 1.0, 90.0, {"create secrets": requests})


def side(seconds: float, *, mib: float = 80.0, change: float = 0.01, rotation: float = 1.0) -> Side:
    return Side(cold(seconds), Rest(0.1, mib, 0, 0), Change((change,)), Rotation(rotation, 100))


def summary(bindings: int = 100, **results: Any) -> dict[str, tuple[float, bool | None]]:
    """Value and verdict of each figure."""
    return {figure.name: (figure.value, figure.met) for figure in summarize(Outcome(bindings, **results))}


def test_a_ratio_is_the_median_of_the_ratios_of_pairs() -> None:
    found = summary(cold=[cold(2), cold(9), cold(3)], raw_cold=[cold(2), cold(3), cold(2)])
    assert found["cold convergence, operator / raw loop"] == (1.5, False)


@pytest.mark.parametrize(("bindings", "expected"), [(100, True), (500, False)])
def test_few_bindings_have_a_wider_goal(bindings: int, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    found = summary(bindings, cold=[cold(12)], raw_cold=[cold(10)])
    assert found["cold convergence, operator / raw loop"] == (1.2, expected)


def test_one_write_too_many_misses_the_goal() -> None:
    assert summary(cold=[cold(1), cold(1, requests=701)])["write requests, cold"] == (701, False)


def test_what_it_takes_by_hand_stands_beside_it_without_a_goal() -> None:
    found = summary(change_by_hand=Change((0.005, 0.006, 0.03)), drift_by_hand=Drift((0.1, 0.2)))
    expected = {"the same by hand, p50": (6, None), "the same by hand, p99": (30, None), "slowest of the same repairs by hand": (0.2, None)}
    assert found == expected


def test_changes_are_told_in_milliseconds() -> None:
    found = summary(change=Change((0.005, 0.006, 0.03)))
    assert (found["one change until its child has it, p50"], found["one change until its child has it, p99"]) == ((6, True), (30, False))


def test_any_write_at_rest_misses_the_goal() -> None:
    found = summary(rest=Rest(0.5, 129.0, 1, 0), restart=Restart(7.9, 0))
    assert (found["write requests at rest"], found["write requests after a restart"]) == ((1, False), (0, True))


def test_the_slowest_repair_counts() -> None:
    assert summary(drift=Drift((0.1, 0.4)))["slowest repair of 2 faults at once"] == (0.4, False)


def test_what_is_done_while_all_statuses_flip_is_compared_with_the_same_at_rest() -> None:
    found = summary(flip=Flip(Latencies((0.01,) * 3, (0.02,) * 3), Latencies((0.02,) * 5, (0.03,) * 5)))
    assert found == {
        "one change while all statuses flip / at rest, p95": (2, None),
        "one repair while all statuses flip / at rest, p95": (1.5, None),
    }


def test_a_newcomer_costs_its_objects_and_one_status() -> None:
    assert summary(newcomer=Newcomer({"create kongplugins": 3, "patch x/status": 4}))["write requests for one new binding"] == (7, True)


def test_a_rotation_writes_each_derived_secret_once() -> None:
    found = summary(rotation=[Rotation(1.2, 100)], raw_rotation=[Rotation(1.0, 100)])
    assert (found["write requests of a rotation"], found["rotation of a shared Secret, operator / raw loop"]) == ((100, True), (1.2, False))


def test_the_kinds_of_the_gateway_api_may_cost_a_tenth() -> None:
    found = summary(
        with_gateway_api=[side(5.5, mib=81, change=0.012), side(8, mib=81, change=0.012), side(5.4, mib=81, change=0.012)],
        without_gateway_api=[side(5), side(5), side(5)],
    )
    expected = {
        "cold convergence": (1.1, True),
        "CPU until then": (1, True),
        "write requests, cold": (1, True),
        "memory at its peak, cold": (1, True),
        "memory at rest": (81 / 80, True),
        "one change until its child has it, p50": (1.2, False),
        "rotation of a shared Secret": (1, True),
    }
    assert found == {f"{name}, with the Gateway API's kinds / without": figure for name, figure in expected.items()}


def test_each_side_of_a_pair_comes_first_in_turn() -> None:
    assert [order(turn) for turn in range(3)] == [(False, True), (True, False), (False, True)]


def test_the_lua_is_compared_with_the_integration_pages() -> None:
    found = summary(lua=Lua(ours=(900.0, 1000.0, 5000.0), page=(700.0, 400.0, 300.0)))
    assert found["Lua of a call, ours / the page's"] == (2.5, False)


def test_what_was_not_measured_is_not_shown() -> None:
    assert summary() == {}
