"""A rate limiter for repeated writes: two managers that revert each other must not do so endlessly, nor as fast as they can."""

from __future__ import annotations

from collections.abc import Callable, Hashable

__all__ = ["WriteLimiter"]


class WriteLimiter:
    """Counts writes by key in a sliding window. Keys that were not written lately take no memory."""

    def __init__(self, limit: int, window: float, clock: Callable[[], float], rest: float = 0.0) -> None:
        """Allow `limit` writes of a key in `window` seconds on the monotonic `clock`, then none for at least `rest` seconds."""
        self._limit = limit
        self._window = window
        self._rest = rest
        self._clock = clock
        self._writes: dict[Hashable, list[float]] = {}  # the last `limit` writes of each key; a deque would take ten times the memory
        self._purge_at = clock()

    def __len__(self) -> int:
        """Number of keys that take memory."""
        return len(self._writes)

    def delay(self, key: Hashable) -> float:
        """Seconds until the key may be written again; 0 if it may be written now."""
        writes = self._writes.get(key, [])
        if len(writes) < self._limit or writes[-1] - writes[0] >= self._window:
            return 0.0
        return max(0.0, max(writes[0] + self._window, writes[-1] + self._rest) - self._clock())

    def count(self, *keys: Hashable) -> None:
        """Note one write of each key."""
        now = self._clock()
        for key in keys:
            self._writes[key] = [*self._writes.get(key, ()), now][-self._limit :]
        if now >= self._purge_at:
            self._purge(now)

    def forget(self, key: Hashable) -> None:
        """Drop the history of a key: its next write is its first."""
        self._writes.pop(key, None)

    def _purge(self, now: float) -> None:
        """Drop the keys whose last write no longer matters. It runs once in that time, so that its cost for each write is constant."""
        lifetime = max(self._window, self._rest)
        self._writes = {key: writes for key, writes in self._writes.items() if writes[-1] > now - lifetime}
        self._purge_at = now + lifetime
