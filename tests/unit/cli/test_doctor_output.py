from __future__ import annotations

import contextlib
import io

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


class Terminal(io.StringIO):
    """A terminal that keeps what it shows."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_a_terminal_gets_lines_that_it_has_room_for_and_commands_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    command = "kubectl --namespace kong describe pod kong-gateway-7d9c5b7c9b-x2x7k"
    found = Diagnosis.of(code_of("PodNotReady"), "Pod kong/kong-gateway", "The pod is not ready: its readiness probe has failed.", command)
    report = Report((Line("09", "Pods of the gateway", Outcome("told below", (found,)), "ai/assistant"),))

    with contextlib.redirect_stdout(Terminal()) as terminal:
        show_report(report, "text")

    shown = terminal.getvalue().splitlines()
    assert [line for line in shown if len(line) > 60 and "\x1b" not in line] == [f"      Fix:  {command}"]
    assert "      Cause: The pod is not ready: its readiness probe has" in shown
    assert "             failed. (FKB0903)" in shown
