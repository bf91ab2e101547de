from __future__ import annotations

import json
import time

import pytest

from fiddler_kong_operator.kube.parsing import DEEPEST, parse_json, shallow

ABYSS = 50_000


@pytest.mark.parametrize("opening_and_closing", [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("levels", [DEEPEST, 3 * DEEPEST, ABYSS])
def test_a_value_nested_beyond_measure_hides_nothing_beside_it(opening_and_closing: tuple[str, str], levels: int) -> None:
    opening, closing = opening_and_closing
    deep = f'{opening * levels}"]"{closing * levels}'
    text = f'{{"before": "[{{\\"", "deep": {deep}, "after": [1, {{}}], "again": {deep}}}'

    found = parse_json(text.encode())

    assert (found["before"], found["after"], sorted(found)) == ('[{"', [1, {}], ["after", "again", "before", "deep"])
    assert found["deep"] == found["again"]


@pytest.mark.parametrize("levels", [DEEPEST + 1, 3 * DEEPEST, ABYSS])
def test_what_is_too_deep_for_copying_and_validating_is_null_whether_or_not_it_could_be_parsed(levels: int) -> None:
    nested = parse_json(b"[" * levels + b"]" * levels)

    for _ in range(DEEPEST - 1):
        (nested,) = nested
    assert nested == [None]


@pytest.mark.parametrize(
    "value",
    ['["[[[' + "{[" * DEEPEST, '\\"[' * DEEPEST, "\\", [[]] * (2 * DEEPEST), {str(n): {"a": "}"} for n in range(DEEPEST)}],
    ids=["brackets in a string", "quotes in a string", "a backslash", "many lists", "many objects"],
)
def test_what_is_not_deep_is_the_text_itself(value: object) -> None:
    text = json.dumps(value).encode()

    assert shallow(text) is text


def test_each_of_several_lines_is_measured_by_itself() -> None:
    deep = b'{"a":' * ABYSS + b"1" + b"}" * ABYSS
    lines = [b'{"n":1}', deep, b'{"n":2}', deep, b""]

    found = shallow(b"\n".join(lines)).split(b"\n")

    assert (found[0], found[2], found[4]) == (lines[0], lines[2], b"")
    assert found[1] == found[3] == b'{"a":' * DEEPEST + b"null" + b"}" * DEEPEST


@pytest.mark.parametrize("text", [b"", b"{", b"[" * ABYSS, b"[" * ABYSS + b"}" * ABYSS])
def test_what_is_no_json_is_an_error_at_any_depth(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"line \d+ column \d+"):
        parse_json(text)


def test_a_text_that_is_cut_off_in_a_string_costs_no_more_than_any_other() -> None:
    """A megabyte of escaped quotes: to look for the missing one from each of them took minutes."""
    text = b"[]" * (2 * DEEPEST) + b'["' + b'\\"' * 500_000
    started = time.process_time()

    assert shallow(text) is text
    assert time.process_time() - started < 5
