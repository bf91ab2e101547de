"""One binding, one pass: gather, decide, apply, conclude, and one status write if anything differs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import REASONS, ConditionType, Finding, reason
from fiddler_kong_operator.api.status import FiddlerStatus, GatewayStatus
from fiddler_kong_operator.errors import Refused, Stalled
from fiddler_kong_operator.kube.limiter import Pace
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.decision import Decision, decide
from fiddler_kong_operator.plan.objects.build import build_removal
from fiddler_kong_operator.plan.objects.desired import BindingPlan, Desired
from fiddler_kong_operator.plan.plugins import traces_endpoint
from fiddler_kong_operator.plan.snapshot import Binding, ProbeResult, Snapshot
from fiddler_kong_operator.plan.status.compute import Details, conclude, needs_write
from fiddler_kong_operator.plan.status.programming import WARNING_LIFETIME, current_warning, evaluate_programming, outdate_warnings
from fiddler_kong_operator.probe.schedule import ProbeSchedule
from fiddler_kong_operator.probe.target import ProbeTarget
from fiddler_kong_operator.write.applier import Applier

from .events import build_event
from .gateway import GatewayOutcomes

__all__ = ["BindingReconciler"]

logger: Final = logging.getLogger(__name__)

SETTLE: Final = 2.0
"""Seconds a first status may wait for the first probe, so that a new binding, or one changed during a restart, costs one status write
rather than two."""

REFUSED_RETRY: Final = 60.0
"""Seconds before an object that the API server refused is tried again: a policy or a permission may have changed."""

REPAIR_LIMIT: Final = 10
REPAIR_WINDOW: Final = 60.0
"""Writes of one object, or of one attachment list, in that many seconds after which somebody is taken to be undoing them."""

_RESULTS: Final = frozenset(
    name for name, row in REASONS.items() if row.type is ConditionType.TRACE_ENDPOINT_REACHABLE and name != "ProbePending"
)
"""Reasons that a probe's answer can have in this release; an older one may have written others."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What applying a decision came to: the finding for PluginsProgrammed, and when to look again (None: when something happens)."""

    programmed: Finding
    wake: float | None = None


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
        """`announce` takes Events to be posted when there is time, and must not block; `clock` is monotonic."""
        self._reader = reader
        self._applier = applier
        self._probes = probes
        self._gateways = gateways
        self._announce = announce
        self._clock = clock
        self._pace = Pace(REPAIR_LIMIT, REPAIR_WINDOW, clock)
        self._settling: dict[ObjectKey, float] = {}
        self._answered: set[ObjectKey] = set()

    async def reconcile(self, key: ObjectKey) -> float | None:
        """Bring one binding to what its spec says; returns seconds until it must be looked at again without an event."""
        snapshot = await self._reader.gather(key)
        if snapshot is None or snapshot.binding.deleting:
            self._probes.forget(key)
            self._settling.pop(key, None)
            self._answered.discard(key)
            return await self._remove(snapshot) if snapshot else None
        decision = decide(snapshot)
        outcome = await self._apply(snapshot, decision)
        traced = self._probe(snapshot.binding, decision)
        settle = self._settle(snapshot.binding, decision, traced)
        if settle:
            return settle
        await self._report(snapshot, decision, outcome, traced)
        return outcome.wake

    async def _remove(self, snapshot: Snapshot) -> float | None:
        """Take back what a binding with our finalizer put on others' objects, then its own, traffic first; the rest is collected."""
        if names.FINALIZER not in snapshot.binding.finalizers:
            return None
        removal = build_removal(snapshot)
        try:
            await self._applier.apply(BindingPlan(attachments=removal.attachments), snapshot, removal.objects)
        except Refused as error:
            logger.warning("%s cannot be taken back: %s", snapshot.binding.key, error, extra={"object": str(snapshot.binding.key)})
            return REFUSED_RETRY
        await self._applier.set_finalizers(snapshot.binding, tuple(f for f in snapshot.binding.finalizers if f != names.FINALIZER))
        return None

    async def _apply(self, snapshot: Snapshot, decision: Decision) -> Outcome:
        attempted = dict(_differing(decision, snapshot))
        held = {key: delay for key, content in attempted.items() if (delay := self._pace.delay((key, content)))}
        if held and not decision.retreats:  # a retreat from a clash is never held up: two plugins of a type freeze the gateway
            return Outcome(_reverted(held), max(held.values()))
        try:
            await self._hold_finalizer(snapshot, decision.plan)
            written = (await self._applier.apply(decision.plan, snapshot, decision.prune)).written
        except (Refused, Stalled) as error:
            return Outcome(Finding(reason("PluginsWriteRefused"), str(error)), REFUSED_RETRY)
        self._pace.count(*((key, attempted.get(key)) for key in written))
        now = outdate_warnings(snapshot, written)
        found = decision.findings.get(ConditionType.PLUGINS_PROGRAMMED) or evaluate_programming(now, lua_withheld=decision.lua_withheld)
        return Outcome(found, _next_look(now, decision))

    async def _hold_finalizer(self, snapshot: Snapshot, plan: BindingPlan) -> None:
        """Our finalizer stands exactly while a plugin of the binding stands, or is about to stand, on somebody else's object."""
        binding = snapshot.binding
        wanted = bool(plan.attachments or build_removal(snapshot).attachments)
        if wanted != (names.FINALIZER in binding.finalizers):
            others = tuple(f for f in binding.finalizers if f != names.FINALIZER)
            await self._applier.set_finalizers(binding, (*others, names.FINALIZER) if wanted else others)

    def _probe(self, binding: Binding, decision: Decision) -> ProbeResult | None:
        if binding.spec is None or decision.keys is None:
            self._probes.forget(binding.key)
            return None
        target = ProbeTarget(binding.spec.fiddler.url, binding.spec.fiddler.application_id, decision.keys.fiddler)
        self._probes.want(binding.key, target)
        latest = self._probes.latest(target)
        if latest:
            self._answered.add(binding.key)
        elif binding.key not in self._answered:  # after a start: what an earlier process found stands until this one has asked
            return _remembered(binding)
        return latest

    def _settle(self, binding: Binding, decision: Decision, traced: ProbeResult | None) -> float:
        """Seconds for which the first status, or the first after a start, still waits for its first probe."""
        if traced is not None or decision.keys is None or binding.key in self._answered:
            self._settling.pop(binding.key, None)
            return 0.0
        since = self._settling.setdefault(binding.key, self._clock())
        return max(0.0, since + SETTLE - self._clock())

    async def _report(self, snapshot: Snapshot, decision: Decision, outcome: Outcome, traced: ProbeResult | None) -> None:
        binding = snapshot.binding
        findings = {
            **decision.findings,
            ConditionType.GATEWAY_CONFIGURED: self._gateway(binding, decision),
            ConditionType.PLUGINS_PROGRAMMED: outcome.programmed,
            ConditionType.TRACE_ENDPOINT_REACHABLE: _traced(decision, traced),
        }
        status = conclude(findings, binding.generation, binding.status, snapshot.now, _details(snapshot, decision, outcome, traced))
        if needs_write(binding.status, status):
            await self._applier.write_status(binding, status)
            event = build_event(binding, status, snapshot.now)
            if event:
                self._announce(event)

    def _gateway(self, binding: Binding, decision: Decision) -> Finding:
        """What was found; where settings are pending, why they could not be written. No other binding is told what that write met."""
        found = decision.gateway.finding
        pending = found.reason.name == "GatewayPending"
        return (self._gateways.failure(binding.workload) if pending else None) or found


def _differing(decision: Decision, snapshot: Snapshot) -> Iterator[tuple[ObjectKey, Hashable]]:
    """What a pass may have to write, and what stands for its content: objects that are not as wanted, and lists of other people's objects.

    The same content written again and again is a fight. Another content is a new wish: a changed spec, a rotated key, a new binding.
    """
    for desired in decision.plan.objects:
        if _differs(desired, snapshot):
            yield desired.key, desired.digest
    for attachment in decision.plan.attachments:
        yield attachment.target, attachment.plugins


def _differs(desired: Desired, snapshot: Snapshot) -> bool:
    child = snapshot.children.get(desired.key)
    return child is None or child.digest != desired.digest


def _reverted(keys: Iterable[ObjectKey]) -> Finding:
    objects = ", ".join(str(key) for key in keys)
    return Finding(
        reason("ChildrenReverted"),
        f"{objects}: written {REPAIR_LIMIT} times within {REPAIR_WINDOW:.0f} s and changed back. Find the writer in its managedFields.",
    )


def _next_look(snapshot: Snapshot, decision: Decision) -> float | None:
    """Kong's warnings end without an event; a list that was just changed decides about the finalizer."""
    if decision.plan.attachments:
        return 1.0
    warning = current_warning(snapshot)
    return warning.last_seen + WARNING_LIFETIME - snapshot.now if warning else None


def _remembered(binding: Binding) -> ProbeResult | None:
    """The result shown in the status, where it is about this very spec; None where there is none."""
    conditions = binding.status.get("conditions") or ()
    shown = next((c for c in conditions if c["type"] == ConditionType.TRACE_ENDPOINT_REACHABLE), None)
    if shown is None or shown["observedGeneration"] != binding.generation or shown["reason"] not in _RESULTS:
        return None
    return ProbeResult(shown["reason"], shown["message"], (binding.status.get("fiddler") or {}).get("application"))


def _traced(decision: Decision, traced: ProbeResult | None) -> Finding:
    if traced:
        return Finding(reason(traced.reason), traced.message)
    waits = "Asked as soon as the API key is there." if decision.keys is None else "The first answer is awaited."
    return Finding(reason("ProbePending"), waits)


def _details(snapshot: Snapshot, decision: Decision, outcome: Outcome, traced: ProbeResult | None) -> Details:
    spec = snapshot.binding.spec
    if spec is None:
        return Details()
    served = len(spec.routes) if outcome.programmed.status == "True" else 0
    return Details(
        routes=f"{served}/{len(spec.routes)}",
        gateway=GatewayStatus(version=decision.gateway.version, image=decision.gateway.image),
        fiddler=FiddlerStatus(application=traced.application if traced else None, traces_endpoint=traces_endpoint(spec.fiddler)),
    )
