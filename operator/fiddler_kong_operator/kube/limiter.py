"""A limit on how often one object is written: two managers that undo each other must not do it for ever, nor as fast as they can."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

__all__ = ["Pace"]

PURGE_ABOVE: Final = 1024
"""Keys that are kept before the first purge."""


class Pace:
    """Counts writes by key within a sliding window; only keys written lately take memory.

    A key is known by its hash, since thousands are counted at once: that two share one is as unlikely as it is harmless.
    """

    def __init__(self, limit: int, window: float, clock: Callable[[], float], rest: float = 0.0) -> None:
        """At most `limit` writes of one key in `window` seconds on the monotonic `clock`, then none for at least `rest` seconds."""
        self._limit = limit
        self._window = window
        self._rest = rest
        self._clock = clock
        self._times: dict[int, tuple[float, ...]] = {}  # a deque for each key would take ten times the memory
        self._purge_above = PURGE_ABOVE
        self._purge_due = clock()

    def __len__(self) -> int:
        """Number of keys that take memory."""
        return len(self._times)

    def delay(self, key: Hashable) -> float:
        """Seconds until the key may be written again; 0 if now."""
        now = self._clock()
        times = self._recent(hash(key), now)
        return 0.0 if len(times) < self._limit else self._free_at(times) - now

    def count(self, *keys: Hashable) -> None:
        """Note one write of each key."""
        now = self._clock()
        first = (now,)
        for mark in map(hash, keys):
            recent = self._recent(mark, now)
            self._times[mark] = (*recent, now)[-self._limit :] if recent else first
        if len(self._times) > self._purge_above or now >= self._purge_due:
            self._purge(now)

    def forget(self, key: Hashable) -> None:
        """Begin anew: what is written from now on is something else."""
        self._times.pop(hash(key), None)

    def _recent(self, mark: int, now: float) -> tuple[float, ...]:
        times = self._times.get(mark, ())
        if len(times) == self._limit and self._free_at(times) > now:
            return times
        return tuple(moment for moment in times if moment > now - self._window)

    def _free_at(self, times: tuple[float, ...]) -> float:
        """When a key that has reached the limit may be written again."""
        return max(times[0] + self._window, times[-1] + self._rest)

    def _purge(self, now: float) -> None:
        """Drop what is over: once in a window, sooner only where the keys have doubled, so that a burst costs O(1) for each of its keys."""
        horizon = max(self._window, self._rest)
        self._times = {mark: times for mark, times in self._times.items() if times[-1] > now - horizon}
        self._purge_above = max(PURGE_ABOVE, 2 * len(self._times))
        self._purge_due = now + horizon
