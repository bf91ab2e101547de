"""The one work queue: keys, each at most once in the queue and at most once in work.

- A key that is added while it waits stays where it is; one added while it is in work is queued again, at the tail, when the work is done.
  So a key that is always added again cannot starve the others.
- Keys belong to groups (namespaces), which are served in turn: see `probe.turns`.
- Two lanes: changes (urgent) go before background work (first listing, sweep, time), but every `BACKGROUND_SHARE`-th key comes from
  the background while it has any.
- Delayed adds: the earliest wish counts. Handing a key out drops its delayed add, because its work decides anew when to look again.
- Back-off per key: exponential with jitter, until `succeeded`.

Everything costs O(1), delayed adds O(log n). For one event loop; nothing here is thread-safe.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from typing import Final, Generic, TypeVar

from .backoff import Doubling
from .fair import Turns

__all__ = ["Lane", "QueueClosed", "WorkQueue"]

K = TypeVar("K", bound=Hashable)

BACKGROUND_SHARE: Final = 8
"""One key in this many comes from the background lane while both lanes hold keys."""

SLACK: Final = 64
"""Outdated timer items that are tolerated beyond twice the number of delayed keys."""


DEFAULT_BACKOFF: Final = Doubling()


def _one_group(_key: Hashable) -> None:
    """All keys belong together."""


class Lane(Enum):
    """How soon a key is wanted."""

    URGENT = "urgent"
    """Something changed; a person may be waiting."""
    BACKGROUND = "background"
    """It is merely time to look again."""


class QueueClosed(Exception):
    """The queue hands nothing out any more."""


class WorkQueue(Generic[K]):
    """Keys to be worked on. Workers loop over `get`, work, `done`; a failed one calls `retry` before `done`, any other `succeeded`."""

    def __init__(
        self,
        *,
        group: Callable[[K], Hashable] = _one_group,
        backoff: Doubling = DEFAULT_BACKOFF,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        """`group` says to whom a key belongs; `clock` gives monotonic seconds, `uniform` numbers from 0 to 1."""
        self._backoff = backoff
        self._clock = clock
        self._uniform = uniform
        self._lanes: dict[Lane, Turns[K]] = {lane: Turns(group) for lane in Lane}
        self._working: dict[K, float] = {}
        self._again: dict[K, Lane] = {}
        self._failures: dict[K, int] = {}
        self._delays = _Delays[K](clock, self._add_due)
        self._getters: deque[asyncio.Future[None]] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._rested = asyncio.Event()
        self._rested.set()
        self._closed = False
        self._handed_out = 0

    def add(self, key: K, lane: Lane = Lane.URGENT) -> None:
        """Have the key worked on. An urgent add moves a key that waits in the background."""
        if self._closed:
            return
        if key in self._working:
            self._again[key] = Lane.URGENT if lane is Lane.URGENT else self._again.get(key, lane)
            return
        self._enqueue(key, lane)

    def add_after(self, key: K, seconds: float) -> None:
        """Add the key to the background after that time, unless an earlier delayed add stands."""
        if not self._closed:
            self._delays.put(key, seconds)

    def cancel(self, key: K) -> None:
        """Drop the key's delayed add, if any."""
        self._delays.drop(key)

    def forget(self, key: K) -> None:
        """The key is no more: drop its delayed add and its back-off. If it waits, it is still handed out once."""
        self._delays.drop(key)
        self._failures.pop(key, None)

    def retry(self, key: K, after: float | None = None) -> float:
        """The key's work failed: add it again after a growing pause, at least `after` seconds. Gives the pause."""
        self._failures[key] = self._failures.get(key, 0) + 1
        pause = max(self._backoff.pause(self._failures[key], self._uniform()), after or 0.0)
        self.add_after(key, pause)
        return pause

    def succeeded(self, key: K) -> None:
        """The key's work went well: its next failure starts from the shortest pause."""
        self._failures.pop(key, None)

    async def get(self) -> K:
        """The next key, which is then in work until `done`. QueueClosed after `close`."""
        while not self._closed and not any(self._lanes.values()):
            await self._wait_for_key()
        if self._closed:
            raise QueueClosed
        return self._take()

    def done(self, key: K) -> None:
        """The work on a key that `get` gave has ended, whatever came of it."""
        del self._working[key]
        lane = self._again.pop(key, None)
        if lane and not self._closed:
            self._enqueue(key, lane)
        self._mark_rest()

    def close(self) -> None:
        """Hand nothing out any more and drop what waits; work under way goes on until `done`."""
        self._closed = True
        self._delays.clear()
        for lane in self._lanes.values():
            lane.clear()
        while self._getters:
            self._wake_getter()
        self._mark_rest()

    async def join(self) -> None:
        """Wait until nothing waits and nothing is in work. Delayed keys do not count."""
        await self._idle.wait()

    async def drain(self) -> None:
        """Close, and wait until nothing is in work. The caller bounds the time."""
        self.close()
        await self._rested.wait()

    @property
    def depth(self) -> Mapping[Lane, int]:
        """Number of keys that wait, by lane."""
        return {lane: len(keys) for lane, keys in self._lanes.items()}

    @property
    def delayed(self) -> int:
        """Number of keys with a delayed add."""
        return len(self._delays)

    @property
    def oldest_age(self) -> float:
        """Seconds the longest waiting key has waited; 0 where none waits."""
        heads = [keys.oldest for keys in self._lanes.values() if keys.oldest is not None]
        return self._clock() - min(heads) if heads else 0.0

    def working_since(self) -> Mapping[K, float]:
        """Start, on the clock, of each key's work under way."""
        return dict(self._working)

    def _enqueue(self, key: K, lane: Lane) -> None:
        urgent, background = self._lanes[Lane.URGENT], self._lanes[Lane.BACKGROUND]
        if key in urgent or (key in background and lane is Lane.BACKGROUND):
            return
        background.drop(key)
        self._lanes[lane].put(key, self._clock())
        self._idle.clear()
        self._wake_getter()

    def _add_due(self, key: K) -> None:
        self.add(key, Lane.BACKGROUND)

    def _take(self) -> K:
        self._handed_out += 1
        key = self._lanes[self._turn()].take()
        self._working[key] = self._clock()
        self._rested.clear()
        self._delays.drop(key)
        return key

    def _turn(self) -> Lane:
        if not self._lanes[Lane.URGENT]:
            return Lane.BACKGROUND
        background_is_due = self._handed_out % BACKGROUND_SHARE == 0 and self._lanes[Lane.BACKGROUND]
        return Lane.BACKGROUND if background_is_due else Lane.URGENT

    async def _wait_for_key(self) -> None:
        getter = asyncio.get_running_loop().create_future()
        self._getters.append(getter)
        try:
            await getter
        except asyncio.CancelledError:
            self._pass_on(getter)
            raise

    def _pass_on(self, getter: asyncio.Future[None]) -> None:
        """A cancelled worker that had been woken wakes another in its place."""
        if getter in self._getters:
            self._getters.remove(getter)
        elif getter.done() and not getter.cancelled() and any(self._lanes.values()):
            self._wake_getter()

    def _wake_getter(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    def _mark_rest(self) -> None:
        if self._working:
            return
        self._rested.set()
        if not any(self._lanes.values()):
            self._idle.set()


class _Delays(Generic[K]):
    """Keys with a time: a heap, an index of what is current, and one timer for the earliest."""

    def __init__(self, clock: Callable[[], float], due: Callable[[K], None]) -> None:
        self._clock = clock
        self._due = due
        self._times: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._times)

    def put(self, key: K, seconds: float) -> None:
        time_ = self._clock() + max(seconds, 0.0)
        if self._times.get(key, time_ + 1) <= time_:
            return
        self._times[key] = time_
        heapq.heappush(self._heap, (time_, next(self._order), key))
        self._compact()
        self._set_timer()

    def drop(self, key: K) -> None:
        if self._times.pop(key, None) is not None:
            self._compact()

    def clear(self) -> None:
        self._times.clear()
        self._heap.clear()
        self._set_timer()

    def _compact(self) -> None:
        if len(self._heap) > 2 * len(self._times) + SLACK:
            self._heap = [item for item in self._heap if self._times.get(item[2]) == item[0]]
            heapq.heapify(self._heap)

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            delay = max(0.0, self._heap[0][0] - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._timer = None
        while self._heap and self._heap[0][0] <= self._clock():
            time_, _, key = heapq.heappop(self._heap)
            if self._times.get(key) == time_:
                del self._times[key]
                self._due(key)
        self._set_timer()
