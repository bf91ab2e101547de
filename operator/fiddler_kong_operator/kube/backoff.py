"""Pauses between failed attempts: doubling, with jitter."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["Backoff", "Doubling", "jittered"]

LONGEST_DOUBLING: Final = 32
"""Most doublings that are computed: a float would overflow after a thousand."""


@dataclass(frozen=True, slots=True)
class Doubling:
    """Pause after the n-th failure in a row: `base` * 2^(n-1) seconds up to `cap`, minus up to half of it at random."""

    base: float = 0.5
    cap: float = 300.0

    def pause(self, failures: int, uniform: float) -> float:
        """Seconds to wait; `uniform` is a number from 0 to 1."""
        full = min(self.cap, self.base * 2.0 ** min(failures - 1, LONGEST_DOUBLING))
        return full * (1 - uniform / 2)


class Backoff:
    """The pauses of one repeated attempt; after `reset` they start from the shortest again."""

    def __init__(self, doubling: Doubling, uniform: Callable[[], float] = random.random) -> None:
        """`uniform` returns random numbers from 0 to 1."""
        self._doubling = doubling
        self._uniform = uniform
        self._failures = 0

    def next(self, at_least: float | None = None) -> float:
        """Seconds to wait after one more failure, at least `at_least` (the server's Retry-After)."""
        self._failures += 1
        return max(self._doubling.pause(self._failures, self._uniform()), at_least or 0.0)

    def reset(self) -> None:
        """Note a success."""
        self._failures = 0


def jittered(seconds: float, part: float, uniform: float) -> float:
    """The time, up to `part` of it shorter or longer; `uniform` is a number from 0 to 1."""
    return seconds * (1 - part + 2 * part * uniform)
