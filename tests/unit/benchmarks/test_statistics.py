from __future__ import annotations

import pytest

from benchmarks.statistics import median, percentile


@pytest.mark.parametrize(
    ("values", "part", "expected"),
    [([5.0], 0.99, 5.0), ([3.0, 1.0, 2.0], 0.5, 2.0), ([float(i) for i in range(1, 101)], 0.99, 99.0), ([1.0, 2.0], 0.0, 1.0)],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], part: float, expected: float) -> None:
    assert percentile(values, part) == expected


@pytest.mark.parametrize(("values", "expected"), [([4.0], 4.0), ([9.0, 1.0, 2.0], 2.0), ([4.0, 1.0, 2.0, 3.0], 2.5)])
def test_the_median_is_the_middle(values: list[float], expected: float) -> None:
    assert median(values) == expected


def test_nothing_measured_has_no_median() -> None:
    with pytest.raises(ValueError, match="no values"):
        median([])


def test_nothing_measured_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
