"""When which trace endpoint is asked. Bindings say what they want probed; equal targets are asked once for all of them.

One heap and one loop serve any number of targets; only probes under way are tasks, at most `ProbeSettings.concurrency` of them. A target
that answers is asked again after `interval`, one that fails after `retry_interval`, doubled on each further failure up to `interval`, never
earlier than its Retry-After; all jittered by 10 %. Only a result that differs from the one before wakes bindings. What is due is asked for
the namespaces in turn, none of which gets every slot, so that somebody with hundreds of targets that never answer holds up nobody else's.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from fiddler_kong_operator.kube.fair import RationedTurns
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import ProbeResult
from fiddler_kong_operator.settings import ProbeSettings

from .target import Answer, ProbeTarget

__all__ = ["CHANGE_PAUSE", "ProbeSchedule"]

logger = logging.getLogger(__name__)

CHANGE_PAUSE: Final = 5.0
"""Seconds between two probes caused by the same binding changing its target: an edit loop must not become a scanner."""

JITTER: Final = 0.1
SLACK: Final = 64
"""Outdated heap items that are tolerated beyond twice the number of targets."""
LONGEST_DOUBLING: Final = 32

SPARE: Final = 2
"""Slots that no namespace gets beside all others: while its slow endpoints hold the rest, somebody else's are asked at once. With one, a
single slow endpoint of a third would take that away; each further one costs whoever is alone an eighth of the pace."""

_REACHABLE: Final = "Reachable"
_ADVISED: Final = frozenset({_REACHABLE, "ApplicationNotFound"})
"""Reasons that a successful export can have; which of them depends on the application look-up alone."""


@dataclass(slots=True, eq=False)
class _Entry:
    """One distinct target: who wants it, what is known, when it is next due."""

    target: ProbeTarget
    namespace: str
    """Of the binding that wanted it first."""
    due: float
    keys: set[ObjectKey] = field(default_factory=set)
    result: ProbeResult | None = None
    failures: int = 0
    running: bool = False


class ProbeSchedule:
    """Asks wanted targets in time and remembers the last result of each. For one event loop."""

    def __init__(
        self,
        ask: Callable[[ProbeTarget], Awaitable[Answer]],
        settings: ProbeSettings,
        wake: Callable[[Iterable[ObjectKey]], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        """`ask` probes once (`TraceProber.ask`); `wake` gets the bindings of a changed result; `uniform` gives numbers from 0 to 1."""
        self._ask = ask
        self._settings = settings
        self._wake = wake
        self._clock = clock
        self._uniform = uniform
        self._entries: dict[ProbeTarget, _Entry] = {}
        self._wanted: dict[ObjectKey, ProbeTarget] = {}
        self._changed: dict[ObjectKey, float] = {}
        self._heap: list[tuple[float, int, _Entry]] = []
        self._order = itertools.count()
        self._ready: RationedTurns[_Entry] = RationedTurns(lambda entry: entry.namespace, max(1, settings.concurrency - SPARE))
        self._kick = asyncio.Event()
        self._under_way: set[asyncio.Task[Answer]] = set()

    def want(self, key: ObjectKey, target: ProbeTarget) -> None:
        """The binding's target from now on. A target nobody wanted before is asked at once; repeating a wish changes nothing."""
        former = self._wanted.get(key)
        if former == target:
            return
        self._leave(key)
        entry = self._entries.get(target) or self._enter(target, key, self._earliest(key, changed=former is not None))
        self._wanted[key] = entry.target  # the same for all that want it, not one of thousands that are equal
        entry.keys.add(key)

    def forget(self, key: ObjectKey) -> None:
        """The binding is gone, or has nothing to probe. A target that nobody wants any more is dropped with its result."""
        self._leave(key)
        self._changed.pop(key, None)

    def latest(self, target: ProbeTarget) -> ProbeResult | None:
        """The last result, or None before the first."""
        entry = self._entries.get(target)
        return entry.result if entry else None

    def __len__(self) -> int:
        """Number of distinct targets."""
        return len(self._entries)

    async def run(self) -> None:
        """Ask until cancelled; probes under way are then cancelled too and waited for."""
        slots = asyncio.Semaphore(self._settings.concurrency)
        try:
            while True:
                await slots.acquire()
                self._start(await self._next(), slots)
        finally:
            await self._stop()

    def _enter(self, target: ProbeTarget, key: ObjectKey, due: float) -> _Entry:
        entry = self._entries[target] = _Entry(target, key.namespace, due)
        self._plan(entry, due)
        return entry

    def _leave(self, key: ObjectKey) -> None:
        target = self._wanted.pop(key, None)
        entry = self._entries.get(target) if target else None
        if entry:
            entry.keys.discard(key)
            if not entry.keys:
                del self._entries[entry.target]
                self._ready.drop(entry)

    def _earliest(self, key: ObjectKey, *, changed: bool) -> float:
        now = self._clock()
        if not changed:
            return now
        last = self._changed.get(key, now - CHANGE_PAUSE)
        due = self._changed[key] = last if last > now else max(now, last + CHANGE_PAUSE)
        return due

    def _plan(self, entry: _Entry, due: float) -> None:
        entry.due = due
        heapq.heappush(self._heap, (due, next(self._order), entry))
        if len(self._heap) > 2 * len(self._entries) + SLACK:
            self._heap = [item for item in self._heap if self._is_current(item)]
            heapq.heapify(self._heap)
        self._kick.set()

    def _is_current(self, item: tuple[float, int, _Entry]) -> bool:
        due, _, entry = item
        return not entry.running and entry.due == due and self._entries.get(entry.target) is entry

    async def _next(self) -> _Entry:
        while True:
            self._kick.clear()
            delay = self._make_ready()
            if self._ready:
                return self._ready.take()
            await self._wait(delay)

    def _make_ready(self) -> float | None:
        """Line up what is due; seconds until the next will be, None where there is none."""
        while self._heap:
            delay = self._heap[0][0] - self._clock()
            current = self._is_current(self._heap[0])
            if current and delay > 0:
                return delay
            due, _, entry = heapq.heappop(self._heap)
            if current:
                self._ready.put(entry, due)
        return None

    async def _wait(self, delay: float | None) -> None:
        try:
            async with asyncio.timeout(delay):
                await self._kick.wait()
        except TimeoutError:
            return

    def _start(self, entry: _Entry, slots: asyncio.Semaphore) -> None:
        entry.running = True
        task = asyncio.ensure_future(self._ask(entry.target))
        self._under_way.add(task)
        task.add_done_callback(lambda done: self._finish(entry, done, slots))

    def _finish(self, entry: _Entry, task: asyncio.Task[Answer], slots: asyncio.Semaphore) -> None:
        self._under_way.discard(task)
        slots.release()
        entry.running = False
        self._ready.give_back(entry)
        self._kick.set()
        if task.cancelled() or self._entries.get(entry.target) is not entry:
            return
        if bug := task.exception():
            logger.error("The probe failed in a way it never should; it will be repeated", exc_info=bug)
            self._plan(entry, self._clock() + self._settings.interval)
            return
        self._note(entry, task.result())

    def _note(self, entry: _Entry, answer: Answer) -> None:
        result = _settled(entry.result, answer)
        entry.failures = 0 if result.reason == _REACHABLE else entry.failures + 1
        self._plan(entry, self._clock() + self._pause(entry.failures, answer.retry_after))
        if result != entry.result:
            entry.result = result
            self._wake(tuple(entry.keys))

    def _pause(self, failures: int, retry_after: float | None) -> float:
        regular, retry = self._settings.interval, self._settings.retry_interval
        pause = min(regular, retry * 2.0 ** min(failures - 1, LONGEST_DOUBLING)) if failures else regular
        return max(pause * (1 - JITTER + 2 * JITTER * self._uniform()), retry_after or 0.0)

    async def _stop(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)


def _settled(former: ProbeResult | None, answer: Answer) -> ProbeResult:
    """The answer, or the former result where the application could just not be asked this time: a busy server must not make it flap."""
    if answer.unsure and former and former.reason in _ADVISED:
        return former
    return answer.result
