"""One binding, one pass: gather, decide, apply, probe, report; one status write if anything differs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import ConditionType, Finding, reason
from fiddler_kong_operator.api.status import FiddlerStatus, GatewayStatus
from fiddler_kong_operator.errors import Refused, Stalled
from fiddler_kong_operator.kube.limiter import WriteLimiter
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.decision import Decision, decide
from fiddler_kong_operator.plan.objects.build import build_removal, prune
from fiddler_kong_operator.plan.objects.desired import BindingPlan
from fiddler_kong_operator.plan.plugins import traces_endpoint
from fiddler_kong_operator.plan.snapshot import Binding, ProbeResult, Snapshot
from fiddler_kong_operator.plan.status.compute import Details, conclude
from fiddler_kong_operator.plan.status.confirmation import RECHECK
from fiddler_kong_operator.plan.status.programming import evaluate_programming
from fiddler_kong_operator.plan.status.warnings import WARNING_LIFETIME, current_warnings, outdate_warnings
from fiddler_kong_operator.probe.schedule import ProbeSchedule
from fiddler_kong_operator.probe.target import ProbeTarget
from fiddler_kong_operator.write.applier import Applier

from .events import build_event
from .first_answers import FirstAnswers
from .gateway import REFUSED_RETRY, GatewayOutcomes
from .refusals import Refusals

__all__ = ["BindingReconciler"]

logger: Final = logging.getLogger(__name__)

REPAIR_LIMIT: Final = 10
REPAIR_WINDOW: Final = 60.0
"""Writes of one object with the same content in that many seconds after which the operator assumes that something keeps reverting them."""

_MEANING: Final = itemgetter("type", "status", "reason", "message", "observedGeneration")
"""The fields of a condition but its time, which differs each time something is written again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The findings of applying a decision, and when to reconcile again (None: when something changes)."""

    findings: Mapping[ConditionType, Finding] = field(default_factory=dict)
    wake: float | None = None

    @classmethod
    def of(cls, finding: Finding, wake: float | None = None) -> Outcome:
        """One finding; one that is not about the plugins leaves them pending."""
        pending = Finding(reason("PluginsPending"), f"Nothing more is changed while {finding.type} is {finding.status}.")
        return cls({pending.type: pending, finding.type: finding}, wake)


class BindingReconciler:
    """Owned objects, attachments and status of bindings, one binding at a time."""

    def __init__(
        self,
        reader: Reader,
        applier: Applier,
        probes: ProbeSchedule,
        gateways: GatewayOutcomes,
        announce: Callable[[Manifest], None],
        clock: Callable[[], float],
    ) -> None:
        """`announce` takes Events to be posted later, and must not block; `clock` is monotonic."""
        self._reader = reader
        self._applier = applier
        self._probes = probes
        self._gateways = gateways
        self._announce = announce
        self._limiter = WriteLimiter(REPAIR_LIMIT, REPAIR_WINDOW, clock)
        self._first_answers = FirstAnswers(clock)
        self._refusals = Refusals()

    async def reconcile(self, key: ObjectKey) -> float | None:
        """Reconcile one binding; returns seconds until it must be reconciled again without an event."""
        snapshot = await self._reader.gather(key)
        if snapshot is None or snapshot.binding.deleting:
            self._probes.forget(key)
            self._first_answers.forget(key)
            self._refusals.forget(key)
            return await self._remove(snapshot) if snapshot else None
        snapshot = self._refusals.recall(snapshot)
        decision = decide(snapshot)
        self._refusals.keep(snapshot.binding, decision.refusal)
        outcome = await self._apply(snapshot, decision)
        traced = self._probe(snapshot.binding, decision)
        wait = self._first_answers.wait(key, traced, asked=decision.keys is not None)
        if wait:
            return wait
        held = await self._report(snapshot, decision, outcome, traced)
        return min(filter(None, (held, outcome.wake)), default=None)

    async def _remove(self, snapshot: Snapshot) -> float | None:
        """Detach a binding with our finalizer from others' objects, then delete its own, traffic first; the rest is garbage-collected."""
        binding = snapshot.binding
        if names.FINALIZER not in binding.finalizers:
            return None
        removal = build_removal(snapshot)
        try:
            await self._applier.apply(removal, snapshot, prune(snapshot, removal))
        except Refused as error:
            logger.warning("%s cannot be detached: %s", binding.key, error, extra={"object": str(binding.key)})
            return REFUSED_RETRY
        await self._applier.set_finalizers(binding, tuple(f for f in binding.finalizers if f != names.FINALIZER))
        return None

    async def _apply(self, snapshot: Snapshot, decision: Decision) -> Outcome:
        contents = dict(_contents(decision.plan, snapshot))
        held = {} if decision.retreats else self._held(contents)
        written: list[ObjectKey] = []
        try:
            await self._keep_finalizer(snapshot, decision.plan)
            await self._applier.apply(decision.plan, snapshot, decision.prune, held=held, on_write=written.append)
        except Stalled as error:
            return Outcome.of(Finding(reason(error.reason), str(error)), REFUSED_RETRY)
        except Refused as error:
            return Outcome.of(Finding(reason("PluginsWriteRefused"), str(error)), REFUSED_RETRY)
        finally:
            self._limiter.count(*((key, contents.get(key)) for key in written))
        now = outdate_warnings(snapshot, written)
        next_look = _next_look(now, decision.plan, written)
        if held:
            return Outcome.of(_reverted(held), min(*held.values(), next_look or REFUSED_RETRY))
        if decision.retreats:
            return Outcome(wake=next_look)
        programmed = evaluate_programming(now, lua_withheld=decision.lua_withheld, refusal=decision.refusal)
        return Outcome.of(programmed, RECHECK if programmed.reason.name == "KongNotConfirmed" else next_look)

    def _held(self, contents: Mapping[ObjectKey, Hashable]) -> dict[ObjectKey, float]:
        """The objects that something keeps reverting, with the seconds until each may be written again."""
        delays = {key: self._limiter.delay((key, content)) for key, content in contents.items()}
        return {key: delay for key, delay in delays.items() if delay}

    async def _keep_finalizer(self, snapshot: Snapshot, plan: BindingPlan) -> None:
        """Hold our finalizer exactly while a plugin of the binding is, or is about to be, attached to an object of others."""
        binding = snapshot.binding
        wanted = bool(plan.attachments or build_removal(snapshot).attachments)
        if wanted != (names.FINALIZER in binding.finalizers):
            others = tuple(f for f in binding.finalizers if f != names.FINALIZER)
            await self._applier.set_finalizers(binding, (*others, names.FINALIZER) if wanted else others)

    def _probe(self, binding: Binding, decision: Decision) -> ProbeResult | None:
        """Have the endpoint probed where the keys are usable; returns the result to show."""
        if binding.spec is None or decision.keys is None:
            self._probes.forget(binding.key)
            return None
        target = ProbeTarget.of(binding.spec.fiddler, decision.keys.fiddler, decision.gateway.verify_depth)
        self._probes.want(binding.key, target)
        return self._first_answers.shown(binding, self._probes.latest(target))

    async def _report(self, snapshot: Snapshot, decision: Decision, outcome: Outcome, traced: ProbeResult | None) -> float | None:
        """Write the status if it differs; returns the seconds until it may be written, if something keeps changing it back."""
        binding = snapshot.binding
        found = (self._gateway(binding, decision), _traced(decision, traced))
        findings = {**decision.findings, **{finding.type: finding for finding in found}, **outcome.findings}
        details = _details(snapshot, decision, findings[ConditionType.PLUGINS_PROGRAMMED], traced)
        status = conclude(findings, binding.generation, binding.status, snapshot.now, details)
        if status == binding.status:
            return None
        content = binding.key, hash(tuple(map(_MEANING, status["conditions"])))
        if delay := self._limiter.delay(content):
            return delay
        await self._applier.write_status(binding, status)
        self._limiter.count(content)
        event = build_event(binding, status, snapshot.now)
        if event:
            self._announce(event)
        return None

    def _gateway(self, binding: Binding, decision: Decision) -> Finding:
        """The finding about the gateway. Only a binding whose settings are pending shows why they could not be written."""
        found = decision.findings[ConditionType.GATEWAY_CONFIGURED]
        failure = self._gateways.failure(binding.workload) if found.reason.name == "GatewayPending" else None
        return failure or found


def _contents(plan: BindingPlan, snapshot: Snapshot) -> Iterator[tuple[ObjectKey, Hashable]]:
    """The objects that a pass may write, each with a mark of its content. Only repeated writes of the same content are a fight."""
    for desired in plan.objects:
        if desired.differs(snapshot.children.get(desired.key)):
            yield desired.key, desired.digest
    for attachment in plan.attachments:
        yield attachment.target, attachment.plugins


def _reverted(keys: Iterable[ObjectKey]) -> Finding:
    objects = ", ".join(map(str, keys))
    message = (
        f"{objects}: written {REPAIR_LIMIT} times within {REPAIR_WINDOW:.0f} s and changed back. Find the writer in its managedFields."
    )
    return Finding(reason("ChildrenReverted"), message)


def _next_look(snapshot: Snapshot, plan: BindingPlan, written: Collection[ObjectKey]) -> float | None:
    """No event announces the end of a Kong warning; after the write of a list, the next pass decides about the finalizer."""
    if any(attachment.target in written for attachment in plan.attachments):
        return 1.0
    ends = (warning.last_seen + WARNING_LIFETIME - snapshot.now for warning in current_warnings(snapshot))
    return next(ends, None)


def _traced(decision: Decision, traced: ProbeResult | None) -> Finding:
    if traced:
        return Finding(reason(traced.reason), traced.message)
    waits = "The operator probes once the API key can be read." if decision.keys is None else "The first probe has no answer yet."
    return Finding(reason("ProbePending"), waits)


def _details(snapshot: Snapshot, decision: Decision, programmed: Finding, traced: ProbeResult | None) -> Details:
    spec = snapshot.binding.spec
    if spec is None:
        return Details()
    served = len(spec.routes) if programmed.status == "True" else 0
    return Details(
        routes=f"{served}/{len(spec.routes)}",
        gateway=GatewayStatus(version=decision.gateway.version, image=decision.gateway.image),
        refusal=decision.refusal,
        fiddler=FiddlerStatus(application=traced.application if traced else None, traces_endpoint=traces_endpoint(spec.fiddler)),
    )
