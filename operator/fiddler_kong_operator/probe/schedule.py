"""Schedules the requests to each server. Bindings with equal targets share one request.

A target with a good result is asked again after the interval. Another one is asked after the retry interval, doubled on each further such
result up to the interval, and never earlier than its Retry-After. All pauses have 10 % jitter. Only a changed result wakes bindings.
Namespaces take turns and none gets every slot, so hundreds of targets that never answer in one namespace do not delay those of another.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Generic, NamedTuple, TypeVar

from fiddler_kong_operator.kube.backoff import Doubling, jittered
from fiddler_kong_operator.kube.fair import FairQueue
from fiddler_kong_operator.kube.limiter import WriteLimiter
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.arrivals import Arrivals, QueryOutcome
from fiddler_kong_operator.plan.snapshot import ProbeResult
from fiddler_kong_operator.settings import ProbeSettings, Settings

from .target import Answer, ProbeTarget

__all__ = [
    "CHANGE_LIMIT",
    "CHANGE_WINDOW",
    "UNANSWERED_LIMIT",
    "AskObserver",
    "Pace",
    "ProbeSchedule",
    "ProbeState",
    "Schedule",
    "SpanSchedule",
]

logger: Final = logging.getLogger(__name__)

R = TypeVar("R")

AskObserver = Callable[[str | None, float], None]
"""Called after each request with the label of its result (None if it met a bug) and its seconds."""

CHANGE_LIMIT: Final = 2
CHANGE_WINDOW: Final = 10.0
"""New targets of one binding that are asked in that many seconds: a loop that edits or re-creates a binding must not become a scanner."""

JITTER: Final = 0.1

SPARE: Final = 2
"""Slots that a single namespace cannot use: while its slow endpoints hold the rest, other namespaces are asked at once. With one spare, a
single slow endpoint of a second namespace would use it up; each further spare slows a lone namespace by an eighth."""

UNANSWERED_LIMIT: Final = 3
"""Unanswered queries for spans in a row after which the spans last seen no longer count."""

_REACHABLE: Final = "Reachable"
_EXPORTED: Final = frozenset({_REACHABLE, "ApplicationNotFound"})
"""Reasons of a successful export. The application look-up alone decides between them."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between requests with good results, the shortest between others, and requests at the same time."""

    interval: float
    retry_interval: float
    concurrency: int


class ProbeState(NamedTuple):
    """The state of one target."""

    target: ProbeTarget
    reason: str | None
    """Reason of the last result; None before the first."""
    age: float
    """Seconds since the last result, good or bad; before the first, since the target was wanted."""

    @property
    def endpoint(self) -> str:
        """URL to which Kong sends the traces: Fiddler's, or the collector's."""
        return self.target.collector or self.target.base


@dataclass(slots=True, eq=False)
class _Entry(Generic[R]):
    """One distinct target: the bindings that want it, its last result, and the timer of its next request."""

    target: ProbeTarget
    namespace: str
    """Namespace of the first binding that wanted it."""
    answered: float
    """When its last result came, good or bad; before that, when it was first wanted."""
    timer: asyncio.TimerHandle | None = None
    keys: set[ObjectKey] = field(default_factory=set)
    result: R | None = None
    failures: int = 0


class Schedule(ABC, Generic[R]):
    """Asks the wanted targets when they are due and keeps the last result of each. For one event loop."""

    name: str
    """Beginning of its tasks' names."""

    def __init__(
        self,
        ask: Callable[[ProbeTarget], Awaitable[Answer[R]]],
        pace: Pace,
        wake: Callable[[Iterable[ObjectKey]], None],
        *,
        on_ask: AskObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        """`ask` asks once. `wake` gets the bindings of a changed result. `uniform` returns numbers from 0 to 1."""
        self._ask = ask
        self._pace = pace
        self._wake = wake
        self._on_ask = on_ask
        self._clock = clock
        self._uniform = uniform
        self._backoff = Doubling(pace.retry_interval, pace.interval)
        self._entries: dict[ProbeTarget, _Entry[R]] = {}
        self._wanted: dict[ObjectKey, ProbeTarget] = {}
        self._changes = WriteLimiter(CHANGE_LIMIT, CHANGE_WINDOW, clock)
        self._due: FairQueue[_Entry[R]] = FairQueue(lambda entry: entry.namespace, max(1, pace.concurrency - SPARE))
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        """Number of distinct targets."""
        return len(self._entries)

    def want(self, key: ObjectKey, target: ProbeTarget) -> None:
        """Set the target of a binding. A new target is asked at once, or as soon as the limit on changes allows."""
        if self._wanted.get(key) == target:
            return
        self.forget(key)
        entry = self._entries.get(target) or self._add(target, key)
        self._wanted[key] = entry.target  # one object for all bindings, not one of thousands of equal ones
        entry.keys.add(key)

    def forget(self, key: ObjectKey) -> None:
        """Drop a binding that is gone or has no target. A target without bindings is dropped with its result."""
        target = self._wanted.pop(key, None)
        entry = self._entries.get(target) if target else None
        if entry:
            entry.keys.discard(key)
            if not entry.keys:
                self._drop(entry)

    def latest(self, target: ProbeTarget) -> R | None:
        """The last result, or None before the first."""
        entry = self._entries.get(target)
        return entry.result if entry else None

    async def run(self) -> None:
        """Ask until cancelled; requests under way are cancelled too."""
        async with asyncio.TaskGroup() as slots:
            for number in range(self._pace.concurrency):
                slots.create_task(self._serve(), name=f"{self.name}-{number}")

    def _add(self, target: ProbeTarget, key: ObjectKey) -> _Entry[R]:
        entry = self._entries[target] = _Entry[R](target, key.namespace, self._clock())
        self._schedule(entry, self._changes.delay(key))
        return entry

    def _drop(self, entry: _Entry[R]) -> None:
        del self._entries[entry.target]
        self._due.discard(entry)
        if entry.timer:
            entry.timer.cancel()

    def _schedule(self, entry: _Entry[R], seconds: float) -> None:
        entry.timer = asyncio.get_running_loop().call_later(seconds, self._make_due, entry)

    def _make_due(self, entry: _Entry[R]) -> None:
        self._due.put(entry, self._clock())
        self._ready.set()

    async def _serve(self) -> None:
        """One slot: ask what is due, one target after the other."""
        while True:
            if self._due.ready:
                await self._serve_one(self._due.take())
            else:
                self._ready.clear()
                await self._ready.wait()

    async def _serve_one(self, entry: _Entry[R]) -> None:
        if entry.result is None:
            self._changes.count(*entry.keys)
        started = self._clock()
        answer: Answer[R] | None = None
        try:
            answer = await self._ask(entry.target)
        except Exception:  # the edge: a bug that one target meets must not stop those of the others
            logger.exception("a bug in the operator, please report it; the server is asked again in %.0f s", self._pace.interval)
        finally:
            self._due.release(entry)
            self._ready.set()
        if self._on_ask:
            self._on_ask(self._label(answer.result) if answer else None, self._clock() - started)
        if self._entries.get(entry.target) is entry:
            self._conclude(entry, answer)

    def _conclude(self, entry: _Entry[R], answer: Answer[R] | None) -> None:
        """Keep the result, schedule the next request and wake the bindings if the result changed."""
        if answer is None:
            self._schedule(entry, self._pace.interval)
            return
        entry.answered = self._clock()
        result = self._kept(entry.result, answer)
        entry.failures = 0 if self._is_good(result) else entry.failures + 1
        self._schedule(entry, self._pause(entry.failures, answer.retry_after))
        if result != entry.result:
            entry.result = result
            self._wake(tuple(entry.keys))

    def _pause(self, failures: int, retry_after: float | None) -> float:
        pause = self._backoff.pause(failures, 0.0) if failures else self._pace.interval
        return max(jittered(pause, JITTER, self._uniform()), retry_after or 0.0)

    @abstractmethod
    def _is_good(self, result: R) -> bool:
        """Whether the interval may pass until the next request."""

    @abstractmethod
    def _label(self, result: R) -> str:
        """The result in one word, for the observer."""

    @abstractmethod
    def _kept(self, former: R | None, answer: Answer[R]) -> R:
        """The result to keep: the answer's, or the former one where a busy server must not make the status flap."""


class ProbeSchedule(Schedule[ProbeResult]):
    """The probes of trace endpoints."""

    name = "probe"

    @staticmethod
    def pace(settings: ProbeSettings) -> Pace:
        """The administrator's choice."""
        return Pace(settings.interval, settings.retry_interval, settings.concurrency)

    def states(self) -> Iterator[ProbeState]:
        """Every target there is now. Another thread may iterate them: it finds results that are as old as the call, or newer."""
        entries, now = tuple(self._entries.values()), self._clock()
        return (ProbeState(e.target, e.result.reason if e.result else None, max(0.0, now - e.answered)) for e in entries)

    def _is_good(self, result: ProbeResult) -> bool:
        return result.reason == _REACHABLE

    def _label(self, result: ProbeResult) -> str:
        return result.reason

    def _kept(self, former: ProbeResult | None, answer: Answer[ProbeResult]) -> ProbeResult:
        """The former one if the application look-up failed this time."""
        if answer.unsure and former and former.reason in _EXPORTED:
            return former
        return answer.result


class SpanSchedule(Schedule[Arrivals]):
    """The looks for spans. As long as there are none, the first looks are sooner: a person may just have sent the first call."""

    name = "arrivals"

    @staticmethod
    def pace(settings: Settings) -> Pace:
        """The administrator's choice."""
        interval = settings.arrivals.interval
        return Pace(interval, min(settings.probe.retry_interval, interval), settings.arrivals.concurrency)

    def _is_good(self, result: Arrivals) -> bool:
        return result.outcome is QueryOutcome.REFUSED or bool(result.sightings and not result.unanswered)

    def _label(self, result: Arrivals) -> str:
        return result.outcome.value

    def _kept(self, former: Arrivals | None, answer: Answer[Arrivals]) -> Arrivals:
        """The result last read, until `UNANSWERED_LIMIT` looks in a row are unanswered; then the result of the last of these, which stays.

        Later unanswered looks may have other texts, and a text alone must not cause a write to every status.
        """
        if answer.result.outcome is not QueryOutcome.UNANSWERED or former is None:
            return answer.result
        if former.outcome is QueryOutcome.READ and former.unanswered + 1 < UNANSWERED_LIMIT:
            return replace(former, unanswered=former.unanswered + 1)
        return former if former.outcome is QueryOutcome.UNANSWERED else answer.result
