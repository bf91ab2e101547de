from __future__ import annotations

import re
from pathlib import Path

import pytest

from fiddler_kong_operator.api.conditions import REASONS
from fiddler_kong_operator.doctor.checks import BINDING_CHECKS, CLUSTER_CHECKS
from fiddler_kong_operator.doctor.codes import AREAS, CODES, PAGE_ROWS, code_of
from fiddler_kong_operator.doctor.diagnosis import Code

PUBLISHED = [tuple(line.split()) for line in (Path(__file__).parent / "published_codes.txt").read_text().splitlines()]
"""Every code that was ever given, with its name. Add new ones; never change or take out a line."""


def test_every_code_keeps_its_meaning() -> None:
    assert sorted((row.code, row.name) for row in CODES.values()) == PUBLISHED


def test_no_code_is_given_twice() -> None:
    assert len({row.code for row in CODES.values()}) == len(CODES)


@pytest.mark.parametrize("name", REASONS)
def test_every_reason_of_a_condition_has_a_code(name: str) -> None:
    assert re.fullmatch(r"FKB\d{4}", code_of(name).code)


@pytest.mark.parametrize("name", [name for name, reason in REASONS.items() if reason.status == "False"])
def test_a_reason_that_is_false_is_an_error_with_cause_and_fix(name: str) -> None:
    code = code_of(name)

    assert (code.severity, bool(code.cause), bool(code.fix)) == ("error", True, True)


@pytest.mark.parametrize("row", CODES.values(), ids=CODES)
def test_every_code_belongs_to_an_area(row: Code) -> None:
    assert row.code[3:5] in AREAS


def test_the_checks_are_in_the_order_of_the_data_path() -> None:
    areas = [*(row.area for row in CLUSTER_CHECKS), *(row.area for row in BINDING_CHECKS)]

    assert areas == sorted(areas)


def test_every_row_of_the_integration_page_leads_to_codes() -> None:
    titles = {
        "Kong fails to start",
        "Traces not appearing in Fiddler",
        "Prompt and response content not showing",
        "Spans not being emitted by Kong",
        "Span type showing as Unknown",
    }

    assert set(PAGE_ROWS) == titles
    assert [name for names in PAGE_ROWS.values() for name in names if name not in CODES] == []
