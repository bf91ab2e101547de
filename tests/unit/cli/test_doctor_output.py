from __future__ import annotations

import pytest

from fiddler_kong_operator.cli.doctor_output import show_report
from fiddler_kong_operator.doctor.codes import code_of
from fiddler_kong_operator.doctor.diagnosis import Diagnosis, Outcome
from fiddler_kong_operator.doctor.report import Line, Report

CAUSE = "No span was seen since the plugins last changed."


@pytest.mark.parametrize("said", [CAUSE, "3.14.0.7 runs with the settings."])
def test_a_note_and_what_the_check_said_are_each_shown_once(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = Diagnosis.of(code_of("NoTracesYet"), "FiddlerKongBinding ai/assistant", CAUSE)

    show_report(Report((Line("13", "Arrivals", Outcome(said, (found,)), "ai/assistant"),)), "text")

    shown = capsys.readouterr().out
    assert (shown.count(CAUSE), shown.count(said)) == (1, 1)
    assert f"Note: {CAUSE} ({found.code.code})" in shown
