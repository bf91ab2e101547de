"""Several problems in one condition message: bounded, since a message has room for 4096 characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["join_problems"]

SHOWN: Final = 5
"""Problems spelled out; more would not fit, and nobody mends more at once."""


def join_problems(problems: Sequence[str]) -> str:
    """All problems as one text, the first ones spelled out and the rest counted."""
    shown = " ".join(problems[:SHOWN])
    rest = len(problems) - SHOWN
    return f"{shown} And {rest} more." if rest > 0 else shown
