"""Lengths of time as the Gateway API writes them: `10m`, `1m30s`."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import StringConstraints

from .rules import Rule

__all__ = ["Duration", "milliseconds"]

_PATTERN: Final = r"([0-9]{1,5}(h|m|s|ms)){1,4}"
_UNITS: Final = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_LONGEST: Final = 596
"""Hours. Kong counts milliseconds in 31 bits."""


def milliseconds(duration: str) -> int:
    """The length of a valid duration."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9]+)(ms|h|m|s)", duration))


def _is_valid(duration: str) -> bool:
    return re.fullmatch(_PATTERN, duration) is not None and 1 <= milliseconds(duration) <= _LONGEST * _UNITS["h"]


Duration = Annotated[
    str,
    StringConstraints(min_length=2, max_length=28),
    Rule(
        f"self.matches(r'^{_PATTERN}$') && duration(self) >= duration('1ms') && duration(self) <= duration('{_LONGEST}h')",
        f"must be a duration such as 30s, 10m or 1m30s, of at least 1ms and at most {_LONGEST}h",
        _is_valid,
    ),
]
"""A timeout of Kong."""
