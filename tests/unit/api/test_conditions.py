from __future__ import annotations

import re
from pathlib import Path

import pytest

from fiddler_kong_operator.api.conditions import EVERY_REASON, REASONS, ConditionType, Finding, reason
from fiddler_kong_operator.plan.acceptance.checks import CHECKS
from fiddler_kong_operator.plan.gateway import condition

REFERENCE = Path(__file__).resolve().parents[3] / "docs/reference/conditions.md"
KSTATUS = {ConditionType.RECONCILING, ConditionType.STALLED}


def test_no_name_is_used_for_two_reasons() -> None:
    assert len(EVERY_REASON) == len(REASONS)


def test_every_reason_is_fit_for_status_and_documentation() -> None:
    """A name the CRD admits; sentences that end, and that fit into a table of the documentation."""
    entries = REASONS.values()

    assert [entry.name for entry in entries if not re.fullmatch(r"[A-Z][A-Za-z]{2,63}", entry.name)] == []
    assert [text for entry in entries for text in (entry.summary, entry.remedy) if text and not text.endswith(".")] == []
    assert [entry.name for entry in entries if "|" in entry.summary + entry.remedy or not entry.summary] == []


def test_what_is_wrong_comes_with_what_to_do() -> None:
    assert [entry.name for entry in REASONS.values() if entry.status == "False" and not entry.remedy] == []


def test_what_is_fine_does_not_stall() -> None:
    assert [entry.name for entry in REASONS.values() if entry.stalls and (entry.status == "True" or not entry.remedy)] == []


@pytest.mark.parametrize("kind", sorted(set(ConditionType) - KSTATUS))
def test_every_condition_can_become_true(kind: ConditionType) -> None:
    assert [entry.name for entry in REASONS.values() if entry.type is kind and entry.status == "True"]


def test_kstatus_conditions_borrow_their_reasons() -> None:
    assert [entry.name for entry in REASONS.values() if entry.type in KSTATUS] == []


def test_every_reason_is_documented_with_its_status() -> None:
    reference = REFERENCE.read_text()

    assert [entry.name for entry in REASONS.values() if f"| `{entry.name}` | {entry.status}" not in reference] == []


def test_the_checks_give_every_reason_of_their_condition_but_those_that_only_a_write_can_find() -> None:
    gateway = {check.reason for check in condition.ABSENCE} | {check.reason for check in condition.CHECKS}
    written = {"GatewaySettingsReverted", "GatewayWriteFailing", "GatewayWriteRefused"}

    assert {name for name, _ in CHECKS} == {name for name, entry in REASONS.items() if entry.type is ConditionType.ACCEPTED}
    assert gateway | written == {name for name, entry in REASONS.items() if entry.type is ConditionType.GATEWAY_CONFIGURED}


def test_an_unknown_reason_is_a_bug() -> None:
    with pytest.raises(KeyError):
        reason("NoSuchReason")


def test_a_finding_has_the_type_and_status_of_its_reason() -> None:
    finding = Finding(reason("KongRefused"), "schema violation")

    assert (finding.type, finding.status) == (ConditionType.PLUGINS_PROGRAMMED, "False")


def test_one_finding_for_many_problems_spells_out_the_first_ones_and_counts_the_rest() -> None:
    problems = [f"Problem {number}." for number in range(7)]

    assert Finding.of_problems(reason("InvalidSpec"), problems[:2]).message == "Problem 0. Problem 1."
    assert Finding.of_problems(reason("InvalidSpec"), problems).message.endswith("Problem 4. And 2 more.")


def test_ready_sums_up_every_condition_but_itself_arriving_traces_and_those_of_kstatus() -> None:
    rest = [ConditionType.READY, ConditionType.TRACES_ARRIVING, ConditionType.RECONCILING, ConditionType.STALLED]

    assert [kind for kind in ConditionType if not kind.summed] == rest
