from __future__ import annotations

import pytest

from fiddler_kong_operator.cluster.parsing import DEEPEST, parse_json

ABYSS = 50_000


@pytest.mark.parametrize("opening_and_closing", [("[", "]"), ('{"a":', "}")])
def test_a_value_nested_beyond_measure_hides_nothing_beside_it(opening_and_closing: tuple[str, str]) -> None:
    opening, closing = opening_and_closing
    deep = f'{opening * ABYSS}"]"{closing * ABYSS}'
    text = f'{{"before": "[{{\\"", "deep": {deep}, "after": [1, {{}}], "again": {deep}}}'

    found = parse_json(text.encode())

    assert (found["before"], found["after"], sorted(found)) == ('[{"', [1, {}], ["after", "again", "before", "deep"])


def test_what_is_deep_but_readable_is_kept_whole() -> None:
    nested = parse_json(b"[" * (2 * DEEPEST) + b"]" * (2 * DEEPEST))

    for _ in range(2 * DEEPEST - 1):
        (nested,) = nested
    assert nested == []


@pytest.mark.parametrize("text", [b"", b"{", b"[" * ABYSS, b"[" * ABYSS + b"}" * ABYSS])
def test_what_is_no_json_is_an_error_at_any_depth(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"line \d+ column \d+"):
        parse_json(text)
