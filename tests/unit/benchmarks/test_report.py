from __future__ import annotations

import json

import pytest

from benchmarks.figures import Figure
from benchmarks.machine import Machine
from benchmarks.report import BEGIN, END, markdown, plain, put_between_markers, to_json

MACHINE = Machine("2026-01-31", 2, "Some CPU", 8, 0.1, (("Python", "3.11.7"), ("kopf", "1.45.2")))
FIGURES = [
    Figure("writes", 100, 700, goal=700),
    Figure("change", 100, 12.345, "ms", 10, (12.3, 12.4)),
    Figure("writes", 5000, 35_001, goal=35_000),
    Figure("memory", 5000, 0.123, "MiB"),
]


def test_each_figure_is_a_row_and_each_number_of_bindings_a_column() -> None:
    table = markdown(MACHINE, FIGURES, 3).splitlines()[2:]
    assert table == [
        "|  | goal | N = 100 | N = 5,000 |",
        "| --- | --- | --- | --- |",
        "| writes | ≤ 700; ≤ 35,000 | 700 | **35,001** |",
        "| change | ≤ 10 ms | **12.3 ms** |  |",
        "| memory |  |  | 0.12 MiB |",
    ]


def test_the_table_says_when_and_where_it_was_measured() -> None:
    first = markdown(MACHINE, FIGURES, 3).splitlines()[0]
    assert first.startswith("Measured on 2026-01-31, 2 cores of Some CPU, 8 GiB, load 0.10 before the start; Python 3.11.7, kopf 1.45.2.")


def test_a_terminal_sees_what_misses_its_goal() -> None:
    assert [line.endswith("!") for line in plain(FIGURES).splitlines()] == [False, True, True, False]


def test_json_keeps_the_single_runs() -> None:
    content = json.loads(to_json(MACHINE, FIGURES, []))
    assert (content["figures"][1]["samples"], content["figures"][1]["met"], content["machine"]["cores"]) == ([12.3, 12.4], False, 2)


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    document = f"# Before\n{BEGIN}\nold\n{END}\nAfter\n"
    once = put_between_markers(document, "new")
    assert once == f"# Before\n{BEGIN}\nnew\n{END}\nAfter\n"
    assert put_between_markers(once, "new") == once


@pytest.mark.parametrize("document", ["nothing", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_document_without_a_place_for_the_table_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match="once each and in this order"):
        put_between_markers(document, "new")


def test_a_figure_without_a_goal_neither_meets_nor_misses_it() -> None:
    assert Figure("memory", 1, 5).met is None


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "0"), (7, "7"), (0.04, "0.04"), (9.996, "10.00"), (12.34, "12.3"), (123.4, "123"), (35_000, "35,000")]
)
def test_numbers_have_as_many_digits_as_count(value: float, expected: str) -> None:
    assert Figure("x", 1, value).text == expected
