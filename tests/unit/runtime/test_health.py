from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.runtime.health import SILENCE, STUCK, find_stuck

NOW = 10_000.0
KEY = ObjectKey("FiddlerKongBinding", "ai", "assistant")


def problems(silent_for: float = 0.0, working_for: float | None = None) -> list[str]:
    working = {} if working_for is None else {KEY: NOW - working_for}
    return find_stuck((("Ingress", NOW), ("Secret in ai", NOW - silent_for)), working, NOW)


@pytest.mark.parametrize(
    ("silent_for", "working_for"),
    [(0.0, None), (SILENCE, None), (0.0, 1.0), (SILENCE, STUCK)],
    ids=["idle", "quiet", "busy", "limit"],
)
def test_what_gives_signs_of_life_is_well(silent_for: float, working_for: float | None) -> None:
    assert problems(silent_for, working_for) == []


def test_a_silent_watch_is_named() -> None:
    assert problems(silent_for=SILENCE + 40) == ["the watch of Secret in ai has been silent for 700 s"]


def test_a_stuck_reconciliation_is_named() -> None:
    assert problems(working_for=STUCK + 1) == ["FiddlerKongBinding ai/assistant has been in work for 301 s"]


def test_everything_that_is_stuck_is_named() -> None:
    assert len(problems(SILENCE + 1, STUCK + 1)) == 2
