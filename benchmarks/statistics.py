"""Median and percentile of few samples, without interpolating percentiles."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["median", "percentile"]


def percentile(values: Sequence[float], part: float) -> float:
    """The nearest-rank percentile: the smallest sample that at least `part` (0 to 1) of all do not exceed. ValueError without samples."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two middle ones. ValueError without samples."""
    if not values:
        raise ValueError("no values")
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2
