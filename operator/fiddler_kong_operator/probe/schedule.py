"""When each trace endpoint is probed. Bindings say which target they want; equal targets are probed once for all of them.

A target that answers is probed again after `interval`. A failed one is probed after `retry_interval`, doubled on each further failure up to
`interval`, and never earlier than its Retry-After. All pauses have 10 % jitter. Only a changed result wakes bindings. Namespaces take turns
and none gets every slot, so hundreds of targets that never answer in one namespace do not delay the probes of another.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from fiddler_kong_operator.kube.backoff import Doubling, jittered
from fiddler_kong_operator.kube.fair import FairQueue
from fiddler_kong_operator.kube.limiter import WriteLimiter
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import ProbeResult
from fiddler_kong_operator.settings import ProbeSettings

from .target import Answer, ProbeTarget

__all__ = ["CHANGE_LIMIT", "CHANGE_WINDOW", "ProbeObserver", "ProbeSchedule"]

logger: Final = logging.getLogger(__name__)

ProbeObserver = Callable[[str | None, float], None]
"""Called after each probe with its reason (None if it met a bug) and its seconds."""

CHANGE_LIMIT: Final = 2
CHANGE_WINDOW: Final = 10.0
"""New targets of one binding that are probed in that many seconds: a loop that edits or re-creates a binding must not become a scanner."""

JITTER: Final = 0.1

SPARE: Final = 2
"""Slots that a single namespace cannot use: while its slow endpoints hold the rest, other namespaces are probed at once. With one spare, a
single slow endpoint of a second namespace would use it up; each further spare slows a lone namespace by an eighth."""

_REACHABLE: Final = "Reachable"
_EXPORTED: Final = frozenset({_REACHABLE, "ApplicationNotFound"})
"""Reasons of a successful export. The application look-up alone decides between them."""


@dataclass(slots=True, eq=False)
class _Entry:
    """One distinct target: the bindings that want it, its last result, and the timer of its next probe."""

    target: ProbeTarget
    namespace: str
    """Namespace of the first binding that wanted it."""
    timer: asyncio.TimerHandle | None = None
    keys: set[ObjectKey] = field(default_factory=set)
    result: ProbeResult | None = None
    failures: int = 0


class ProbeSchedule:
    """Probes the wanted targets when they are due and keeps the last result of each. For one event loop."""

    def __init__(
        self,
        ask: Callable[[ProbeTarget], Awaitable[Answer]],
        settings: ProbeSettings,
        wake: Callable[[Iterable[ObjectKey]], None],
        *,
        on_probe: ProbeObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        """`ask` probes once (`TraceProber.ask`). `wake` gets the bindings of a changed result. `uniform` returns numbers from 0 to 1."""
        self._ask = ask
        self._settings = settings
        self._wake = wake
        self._on_probe = on_probe
        self._clock = clock
        self._uniform = uniform
        self._backoff = Doubling(settings.retry_interval, settings.interval)
        self._entries: dict[ProbeTarget, _Entry] = {}
        self._wanted: dict[ObjectKey, ProbeTarget] = {}
        self._changes = WriteLimiter(CHANGE_LIMIT, CHANGE_WINDOW, clock)
        self._due: FairQueue[_Entry] = FairQueue(lambda entry: entry.namespace, max(1, settings.concurrency - SPARE))
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        """Number of distinct targets."""
        return len(self._entries)

    def want(self, key: ObjectKey, target: ProbeTarget) -> None:
        """Set the target of a binding. A new target is probed at once, or as soon as the limit on changes allows."""
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

    def latest(self, target: ProbeTarget) -> ProbeResult | None:
        """The last result, or None before the first."""
        entry = self._entries.get(target)
        return entry.result if entry else None

    async def run(self) -> None:
        """Probe until cancelled; probes under way are cancelled too."""
        async with asyncio.TaskGroup() as slots:
            for number in range(self._settings.concurrency):
                slots.create_task(self._serve(), name=f"probe-{number}")

    def _add(self, target: ProbeTarget, key: ObjectKey) -> _Entry:
        entry = self._entries[target] = _Entry(target, key.namespace)
        self._schedule(entry, self._changes.delay(key))
        return entry

    def _drop(self, entry: _Entry) -> None:
        del self._entries[entry.target]
        self._due.discard(entry)
        if entry.timer:
            entry.timer.cancel()

    def _schedule(self, entry: _Entry, seconds: float) -> None:
        entry.timer = asyncio.get_running_loop().call_later(seconds, self._make_due, entry)

    def _make_due(self, entry: _Entry) -> None:
        self._due.put(entry, self._clock())
        self._ready.set()

    async def _serve(self) -> None:
        """One slot: probe what is due, one target after the other."""
        while True:
            if self._due.ready:
                await self._probe(self._due.take())
            else:
                self._ready.clear()
                await self._ready.wait()

    async def _probe(self, entry: _Entry) -> None:
        if entry.result is None:
            self._changes.count(*entry.keys)
        started = self._clock()
        answer: Answer | None = None
        try:
            answer = await self._ask(entry.target)
        except Exception:  # the edge: a bug that one target meets must not stop the probes of the others
            logger.exception("a bug in the operator, please report it; the endpoint is probed again in %.0f s", self._settings.interval)
        finally:
            self._due.release(entry)
            self._ready.set()
        if self._on_probe:
            self._on_probe(answer.result.reason if answer else None, self._clock() - started)
        if self._entries.get(entry.target) is entry:
            self._conclude(entry, answer)

    def _conclude(self, entry: _Entry, answer: Answer | None) -> None:
        """Keep the result, schedule the next probe and wake the bindings if the result changed."""
        if answer is None:
            self._schedule(entry, self._settings.interval)
            return
        result = _keep_former_if_unsure(entry.result, answer)
        entry.failures = 0 if result.reason == _REACHABLE else entry.failures + 1
        self._schedule(entry, self._pause(entry.failures, answer.retry_after))
        if result != entry.result:
            entry.result = result
            self._wake(tuple(entry.keys))

    def _pause(self, failures: int, retry_after: float | None) -> float:
        pause = self._backoff.pause(failures, 0.0) if failures else self._settings.interval
        return max(jittered(pause, JITTER, self._uniform()), retry_after or 0.0)


def _keep_former_if_unsure(former: ProbeResult | None, answer: Answer) -> ProbeResult:
    """The answer's result, or the former one if the application look-up failed this time: a busy server must not make the status flap."""
    if answer.unsure and former and former.reason in _EXPORTED:
        return former
    return answer.result
