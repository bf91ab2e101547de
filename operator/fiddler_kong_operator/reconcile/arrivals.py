"""Schedules the queries for spans in Fiddler, and requeues the bindings whose status would change.

A query never delays a pass: a status shows the result of the last query. After a restart, the result that an earlier process wrote for the
same spec counts until the first query, so that a restart writes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator.api.conditions import REASONS, ConditionType, Finding, find_condition
from fiddler_kong_operator.kube.objects import ObjectKey, seconds_of
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.observe.feed import Requeue
from fiddler_kong_operator.plan.arrivals import Arrivals, QueryOutcome, Summary
from fiddler_kong_operator.plan.decision import Decision
from fiddler_kong_operator.plan.snapshot import Binding, Snapshot
from fiddler_kong_operator.plan.status.arriving import COARSENESS, can_arrive, changed_at, evaluate_arrivals, not_looked_for
from fiddler_kong_operator.probe.arrivals import AHEAD
from fiddler_kong_operator.probe.schedule import AskObserver, SpanSchedule
from fiddler_kong_operator.probe.target import Answer, ProbeTarget
from fiddler_kong_operator.settings import Settings

__all__ = ["SPREAD", "ArrivalsDesk", "Arrived"]

SPREAD: Final = 60.0
"""Most seconds over which the requeues of one application's bindings are spread; a few bindings follow one another by a second."""

AskForSpans = Callable[[ProbeTarget], Awaitable[Answer[Arrivals]]]


@dataclass(frozen=True, slots=True)
class Arrived:
    """The condition TracesArriving, and the start of the latest span, in seconds since the epoch; 0 where none was ever seen."""

    finding: Finding
    latest: float = 0.0
    written: float = 0.0
    """The start to show where nothing else in the status changes: traffic alone seldom causes a write."""


@dataclass(frozen=True, slots=True)
class _Told:
    """The state that a binding's status was last computed from: a look that leads to the same state need not requeue the binding."""

    since: float
    summary: Summary
    written: float


class ArrivalsDesk:
    """The results of the looks for each binding's spans. For one event loop."""

    def __init__(
        self, ask: AskForSpans, settings: Settings, requeue: Requeue, clock: Callable[[], float], on_ask: AskObserver | None = None
    ) -> None:
        """`ask` looks once (`SpanReader.ask`); `clock` is monotonic."""
        self._off = settings.arrivals.interval == 0
        self._requeue = requeue
        self._schedule = SpanSchedule(ask, SpanSchedule.pace(settings), self._wake, clock=clock, on_ask=on_ask)
        self._targets: dict[ObjectKey, ProbeTarget] = {}
        self._told: dict[ObjectKey, _Told] = {}

    def __len__(self) -> int:
        """Number of distinct pairs of application and key."""
        return len(self._schedule)

    async def run(self) -> None:
        """Look until cancelled."""
        await self._schedule.run()

    def forget(self, key: ObjectKey) -> None:
        """Forget a binding."""
        self._schedule.forget(key)
        self._targets.pop(key, None)
        self._told.pop(key, None)

    def look(self, snapshot: Snapshot, decision: Decision, findings: Mapping[ConditionType, Finding]) -> Arrived:
        """The result to show for a binding. Schedules looks where spans can arrive."""
        binding, target = snapshot.binding, None if self._off else _target(snapshot, decision)
        known = _is_of_this_spec(binding) or (target is not None and self._targets.get(binding.key) == target)
        recorded = seconds_of(binding.status.get("lastTraceTime")) if known else 0.0
        if recorded > snapshot.now + AHEAD:  # no span's start, but a time that others wrote
            recorded = 0.0
        if target is None or binding.spec is None:
            self.forget(binding.key)
            return Arrived(not_looked_for(off=self._off), recorded, recorded)
        if can_arrive(findings):
            self._schedule.want(binding.key, target)
            self._targets[binding.key] = target
        found, since = self._schedule.latest(target), changed_at(snapshot)
        latest = max(recorded, found.latest(since) if found else 0.0)
        written = latest if latest - recorded >= COARSENESS else recorded
        self._told.pop(binding.key, None)
        if not can_arrive(findings):  # looks that are scheduled continue, so that the status is right as soon as this changes
            return Arrived(not_looked_for(off=False), latest, written)
        if found is None and (earlier := _recorded(binding)):
            return Arrived(earlier, latest, written)
        summary = (found or Arrivals(QueryOutcome.READ)).since(since)
        self._told[binding.key] = _Told(since, summary, written)
        return Arrived(evaluate_arrivals(summary, binding.spec, decision.gateway), latest, written)

    def _wake(self, keys: Iterable[ObjectKey]) -> None:
        """Requeue the bindings that would show another result, one after the other, so that their writes come in no burst."""
        news = sorted(filter(self._is_news, keys))
        for number, key in enumerate(news):
            self._requeue(frozenset({key}), Lane.BACKGROUND, number * min(1.0, SPREAD / len(news)))

    def _is_news(self, key: ObjectKey) -> bool:
        told, found = self._told.get(key), self._schedule.latest(self._targets[key])
        if told is None or found is None:
            return True
        return found.since(told.since) != told.summary or found.latest(told.since) - told.written >= COARSENESS


def _target(snapshot: Snapshot, decision: Decision) -> ProbeTarget | None:
    """Where to look; None without a usable key."""
    spec = snapshot.binding.spec
    return ProbeTarget.of(spec.fiddler, decision.keys.fiddler, None).to_read() if spec and decision.keys else None


def _is_of_this_spec(binding: Binding) -> bool:
    return binding.status.get("observedGeneration") == binding.generation


def _recorded(binding: Binding) -> Finding | None:
    """The condition in the binding's status, where it is about its present spec and a look led to it."""
    shown = find_condition(binding.status, ConditionType.TRACES_ARRIVING)
    row = REASONS.get(shown["reason"]) if shown and shown["observedGeneration"] == binding.generation else None
    if shown is None or row is None or row.type is not ConditionType.TRACES_ARRIVING or row.name == "NotLookedFor":
        return None
    return Finding(row, shown["message"])
