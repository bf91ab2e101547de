"""The work queue: each key waits at most once and is worked on by at most one worker.

- A key added while it waits keeps its place. A key added while it is in work is queued again, at the end, when that work is done, so a key
  that is added again and again cannot starve the others.
- Keys belong to groups (namespaces), which are served in turn: see `kube.fair`.
- Two lanes: changes (urgent) go before background work (start-up, resync, timers), but every `BACKGROUND_SHARE`-th key comes from the
  background while there is any. Background work also leaves the API server room for changes: while these come, at most
  `BACKGROUND_LIMIT` keys of the background are in work.
- Of several delayed adds of a key, the earliest counts. `get` drops the key's delayed add, because its reconciliation decides again when
  the next one is due.
- Back-off per key: exponential with jitter, until `succeeded`. A retry continues in the lane from which the key was taken.

For one event loop; nothing here is thread-safe.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from typing import Final, Generic, TypeVar

from .backoff import Backoff, Doubling
from .fair import FairQueue

__all__ = ["BACKGROUND_LIMIT", "BACKGROUND_SHARE", "YIELDING", "Lane", "QueueClosed", "WorkQueue"]

K = TypeVar("K", bound=Hashable)

BACKGROUND_SHARE: Final = 8
"""One key in this many comes from the background lane while both lanes hold keys."""

BACKGROUND_LIMIT: Final = 4
"""Keys of the background lane in work at once, for `YIELDING` seconds after each change. Without changes there is no limit."""

YIELDING: Final = 1.0

DEFAULT_BACKOFF: Final = Doubling()


def _one_group(_key: Hashable) -> None:
    """The group of every key."""


class Lane(Enum):
    """The priority of a key."""

    URGENT = "urgent"
    """Something changed; a person may be waiting."""
    BACKGROUND = "background"
    """Nothing is known to have changed: start-up, resync, timers."""


class QueueClosed(Exception):
    """The queue was closed: there are no more keys."""


class WorkQueue(Generic[K]):
    """Keys to reconcile. A worker loops over `get`, work, `done`; before `done` it calls `retry` after a failure, else `succeeded`."""

    def __init__(
        self,
        *,
        group: Callable[[K], Hashable] = _one_group,
        backoff: Doubling = DEFAULT_BACKOFF,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        """`group` returns a key's group. `clock` returns monotonic seconds for ages, `uniform` random numbers from 0 to 1."""
        self._doubling = backoff
        self._clock = clock
        self._uniform = uniform
        self._lanes: dict[Lane, FairQueue[K]] = {lane: FairQueue(group) for lane in Lane}
        self._working: dict[K, float] = {}
        self._taken_from: dict[K, Lane] = {}
        self._again: dict[K, Lane] = {}
        self._failing: dict[K, Backoff] = {}
        self._timers: dict[K, tuple[float, asyncio.Handle]] = {}  # with its time, which uvloop's handles of the shortest delays lack
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._handed_out = 0
        self._changed_at = -math.inf

    def add(self, key: K, lane: Lane = Lane.URGENT) -> None:
        """Queue a key. An urgent add moves a key that waits in the background."""
        if self._closed:
            return
        if key in self._working:
            self._again[key] = Lane.URGENT if lane is Lane.URGENT else self._again.get(key, lane)
            return
        self._enqueue(key, lane)

    def add_after(self, key: K, seconds: float, lane: Lane = Lane.BACKGROUND) -> None:
        """Queue a key after that time, unless an earlier delayed add is pending."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + max(seconds, 0.0)
        pending = self._timers.get(key)
        if pending is None or due < pending[0]:
            self._cancel_timer(key)
            self._timers[key] = due, loop.call_at(due, self._add_due, key, lane)

    def retry(self, key: K, after: float | None = None) -> float:
        """Queue a failed key after a growing pause of at least `after` seconds. Returns the pause."""
        pause = self._failing.setdefault(key, Backoff(self._doubling, self._uniform)).next(after)
        self.resume_after(key, pause)
        return pause

    def resume_after(self, key: K, seconds: float) -> None:
        """Queue an unfinished key after that time, in the lane from which it was taken."""
        self.add_after(key, seconds, self._taken_from.get(key, Lane.BACKGROUND))

    def succeeded(self, key: K) -> None:
        """Reset the back-off of a key: its next failure starts from the shortest pause."""
        self._failing.pop(key, None)

    async def get(self) -> K:
        """Wait for the next key, which is then in work until `done`. QueueClosed after `close`."""
        while not self._closed:
            if lane := self._next_lane():
                return self._take(lane)
            self._wake.clear()
            if self._lanes[Lane.BACKGROUND].ready:
                asyncio.get_running_loop().call_later(YIELDING, self._wake.set)
            await self._wake.wait()
        raise QueueClosed

    def done(self, key: K) -> None:
        """End the work on a key that `get` returned, whatever the result."""
        del self._working[key], self._taken_from[key]
        lane = self._again.pop(key, None)
        if lane:
            self.add(key, lane)
        self._wake.set()
        self._check_idle()

    def close(self) -> None:
        """Drop the keys that wait and return no more; work under way continues until `done`."""
        self._closed = True
        for key in tuple(self._timers):
            self._cancel_timer(key)
        for lane in self._lanes.values():
            lane.clear()
        self._wake.set()
        self._check_idle()

    async def join(self) -> None:
        """Wait until no key waits and none is in work. Delayed adds do not count."""
        await self._idle.wait()

    @property
    def depth(self) -> Mapping[Lane, int]:
        """Number of keys that wait, by lane."""
        return {lane: len(keys) for lane, keys in self._lanes.items()}

    @property
    def delayed(self) -> int:
        """Number of keys with a delayed add."""
        return len(self._timers)

    @property
    def oldest_age(self) -> float:
        """Seconds for which the oldest waiting key has waited; 0 if none waits."""
        moments = [keys.oldest for keys in self._lanes.values() if keys.oldest is not None]
        return self._clock() - min(moments) if moments else 0.0

    def working_since(self) -> Mapping[K, float]:
        """The keys in work and when each was handed out, on the clock."""
        return dict(self._working)

    def _enqueue(self, key: K, lane: Lane) -> None:
        urgent, background = self._lanes[Lane.URGENT], self._lanes[Lane.BACKGROUND]
        if key in urgent or (key in background and lane is Lane.BACKGROUND):
            return
        background.discard(key)
        self._lanes[lane].put(key, self._clock())
        self._idle.clear()
        self._wake.set()

    def _add_due(self, key: K, lane: Lane) -> None:
        del self._timers[key]
        self.add(key, lane)

    def _cancel_timer(self, key: K) -> None:
        pending = self._timers.pop(key, None)
        if pending:
            pending[1].cancel()

    def _take(self, lane: Lane) -> K:
        now = self._clock()
        self._handed_out += 1
        if lane is Lane.URGENT:
            self._changed_at = now
        key = self._lanes[lane].take()
        self._working[key], self._taken_from[key] = now, lane
        self._cancel_timer(key)
        return key

    def _next_lane(self) -> Lane | None:
        """The lane of the next key; None if no key may be handed out now. A key that is done makes room for the next one."""
        background = self._lanes[Lane.BACKGROUND].ready and self._has_room()
        if not self._lanes[Lane.URGENT].ready:
            return Lane.BACKGROUND if background else None
        return Lane.BACKGROUND if background and (self._handed_out + 1) % BACKGROUND_SHARE == 0 else Lane.URGENT

    def _has_room(self) -> bool:
        """Whether one more key of the background may be in work."""
        if self._clock() - self._changed_at > YIELDING:
            return True
        return sum(lane is Lane.BACKGROUND for lane in self._taken_from.values()) < BACKGROUND_LIMIT

    def _check_idle(self) -> None:
        if not self._working and not any(lane.ready for lane in self._lanes.values()):
            self._idle.set()
