from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.plan.snapshot import Binding, ProbeResult
from fiddler_kong_operator.reconcile.first_answers import FIRST_ANSWER_WAIT, FirstAnswers
from tests.unit.plan.situations import make_binding

FOUND = ProbeResult("Unauthorized", "Not fine.", None)
RECORDED = ProbeResult("Reachable", "Fine.", "Assistant")
FRESH = make_binding()


def recorded(**changes: Any) -> Binding:
    """A binding whose status an earlier process wrote; `changes` are of the condition about the endpoint."""
    others = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "m", "observedGeneration": 1}
    shown = {**others, "type": "TraceEndpointReachable", "reason": "Reachable", "message": "Fine.", **changes}
    return make_binding(status={"conditions": [others, shown], "fiddler": {"application": "Assistant"}})


class Desk:
    """`FirstAnswers` at a time that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0
        self.answers = FirstAnswers(lambda: self.now)

    def wait(self, binding: Binding = FRESH, latest: ProbeResult | None = None, *, asked: bool = True) -> float:
        """As a pass does: which result is shown, then how long the status waits for it."""
        return self.answers.wait(binding.key, self.answers.shown(binding, latest), asked=asked)


def test_the_latest_result_is_shown() -> None:
    assert Desk().answers.shown(recorded(), FOUND) == FOUND


def test_before_the_first_answer_the_recorded_result_is_shown() -> None:
    assert Desk().answers.shown(recorded(), None) == RECORDED


def test_a_recorded_result_without_an_application_is_shown() -> None:
    binding = make_binding(status={"conditions": recorded().status["conditions"]})

    assert Desk().answers.shown(binding, None) == ProbeResult("Reachable", "Fine.", None)


@pytest.mark.parametrize(
    "binding",
    [
        FRESH,
        make_binding(status={"conditions": None}),
        recorded(type="Ready"),
        recorded(observedGeneration=2),
        recorded(reason="ProbePending"),
        recorded(reason="FromAnOlderRelease"),
        recorded(reason="Accepted"),
    ],
    ids=["no status", "null", "no such condition", "other generation", "pending", "unknown", "reason of another condition"],
)
def test_a_status_that_says_nothing_about_this_spec_shows_nothing(binding: Binding) -> None:
    assert Desk().answers.shown(binding, None) is None


def test_after_an_answer_the_recorded_result_no_longer_counts() -> None:
    """The target changed: what the status says is about the former one."""
    desk = Desk()
    desk.answers.shown(recorded(), FOUND)

    assert desk.answers.shown(recorded(), None) is None


def test_a_binding_of_the_same_name_starts_from_its_own_status() -> None:
    desk = Desk()
    desk.answers.shown(recorded(), FOUND)
    desk.answers.forget(FRESH.key)

    assert desk.answers.shown(recorded(), None) == RECORDED


def test_a_first_status_waits_and_the_wait_ends() -> None:
    desk = Desk()
    waits = []
    for _ in range(4):
        waits.append(desk.wait())
        desk.now += FIRST_ANSWER_WAIT / 2

    assert waits == [FIRST_ANSWER_WAIT, FIRST_ANSWER_WAIT / 2, 0.0, 0.0]


@pytest.mark.parametrize(("binding", "latest", "asked"), [(FRESH, FOUND, True), (recorded(), None, True), (FRESH, None, False)])
def test_nothing_waits_where_a_result_is_shown_or_none_can_come(*, binding: Binding, latest: ProbeResult | None, asked: bool) -> None:
    assert Desk().wait(binding, latest, asked=asked) == 0.0


def test_a_binding_that_has_had_an_answer_does_not_wait_again() -> None:
    desk = Desk()
    desk.wait(latest=FOUND)

    assert desk.wait() == 0.0


@pytest.mark.parametrize("meanwhile", ["deleted", "without a key"])
def test_the_wait_starts_again_for_a_binding_that_was(meanwhile: str) -> None:
    desk = Desk()
    desk.wait()
    desk.now += FIRST_ANSWER_WAIT
    if meanwhile == "deleted":
        desk.answers.forget(FRESH.key)
    else:
        desk.wait(asked=False)

    assert desk.wait() == FIRST_ANSWER_WAIT


def test_each_binding_waits_for_itself() -> None:
    desk = Desk()
    desk.wait()
    desk.now += FIRST_ANSWER_WAIT

    assert desk.wait(make_binding(name="other")) == FIRST_ANSWER_WAIT
