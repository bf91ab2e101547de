"""An operator that is killed at any of its writes and restarted reaches the same end state as undisturbed, and then stops writing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from tests.faults.crashes import Trial
from tests.faults.ground import World
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.script import Answer, Cut, Fault, Hang, Late


def cases(*representative: str) -> list[Any]:
    """Every scenario; those not named run only in `make test-faults`."""
    return [
        pytest.param(scenario, id=scenario.name, marks=() if scenario.name in representative else pytest.mark.exhaustive)
        for scenario in SCENARIOS
    ]


def assert_none(problems: list[str]) -> None:
    """Fail with every problem in full: pytest shortens the two sides of a comparison."""
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("scenario", cases("payloads off"))
def test_a_crash_at_any_write_changes_nothing_in_the_end(world: World, scenario: Scenario) -> None:
    assert_none(Trial(world, scenario).failures())


@pytest.mark.exhaustive
def test_what_happens_while_the_operator_is_down_ends_the_same(world: World) -> None:
    with ThreadPoolExecutor(6) as lanes:
        found = list(lanes.map(lambda scenario: Trial(world, scenario).play_down(), SCENARIOS))

    problems = [f"{scenario.name}: {line}" for scenario, problem in zip(SCENARIOS, found, strict=True) for line in problem or ()]
    assert_none(problems)


QUICK: Final = (Answer(409), Answer(429, retry_after=2), Answer(500), Answer(503, retry_after=1), Cut(), Late(3.0))
"""Faults after which the operator retries within seconds."""

SLOW: Final = (Answer(422), Hang(), Hang(effective=True))
"""Faults after which it waits for a timeout, or until the cause of a refusal is removed."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s.name in {"create", "detach from a Service"}], ids=lambda s: s.name)
@pytest.mark.parametrize("fault", QUICK, ids=str)
def test_a_bad_answer_to_any_write_changes_nothing_in_the_end(world: World, scenario: Scenario, fault: Fault) -> None:
    assert_none(Trial(world, scenario, faults=(fault,), repeats=4).failures())


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", SLOW, ids=str)
def test_a_write_that_is_refused_or_never_answered_changes_nothing_in_the_end(world: World, fault: Fault) -> None:
    assert_none(Trial(world, SCENARIOS[0], faults=(fault,), repeats=4, patience=120, lanes=12).failures())
