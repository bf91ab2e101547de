"""Pauses between attempts that fail: doubling, with jitter."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["Backoff", "Doubling"]

LONGEST_DOUBLING: Final = 32
"""Failures after which the pause no longer doubles, whatever the cap."""


@dataclass(frozen=True, slots=True)
class Doubling:
    """Pause after the n-th failure in a row: `base` * 2^(n-1) seconds up to `cap`, of which up to half is taken off at random."""

    base: float = 0.5
    cap: float = 300.0

    def pause(self, failures: int, uniform: float) -> float:
        """Seconds to wait; `uniform` is a number from 0 to 1."""
        full = min(self.cap, self.base * 2.0 ** min(failures - 1, LONGEST_DOUBLING))
        return full * (1 - uniform / 2)


class Backoff:
    """The pauses of one thing that is tried again and again; the first pause follows each success."""

    def __init__(self, doubling: Doubling, uniform: Callable[[], float] = random.random) -> None:
        """`uniform` gives numbers from 0 to 1."""
        self._doubling = doubling
        self._uniform = uniform
        self._failures = 0

    def next(self, at_least: float | None = None) -> float:
        """Seconds to wait after one more failure; not shorter than `at_least`, which is what a server asked for."""
        self._failures += 1
        return max(self._doubling.pause(self._failures, self._uniform()), at_least or 0.0)

    def reset(self) -> None:
        """Start again from the first pause."""
        self._failures = 0
