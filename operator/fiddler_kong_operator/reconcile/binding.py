"""One binding, one pass: gather, decide, apply, probe, report; one status write if anything differs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import ConditionType, Finding, reason
from fiddler_kong_operator.errors import FiddlerKongError, NotLeader, Refused, Stalled
from fiddler_kong_operator.kube.limiter import WriteLimiter
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.decision import Decision, decide
from fiddler_kong_operator.plan.objects.attachments import is_own_child
from fiddler_kong_operator.plan.objects.build import build_removal, prune
from fiddler_kong_operator.plan.objects.desired import BindingPlan
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Child, ProbeResult, Snapshot
from fiddler_kong_operator.plan.status.confirmation import RECHECK, seconds_to_confirm
from fiddler_kong_operator.plan.status.programming import evaluate_programming
from fiddler_kong_operator.plan.status.served import count_served
from fiddler_kong_operator.plan.status.warnings import WARNING_LIFETIME, current_warnings, outdate_warnings
from fiddler_kong_operator.probe.schedule import ProbeSchedule
from fiddler_kong_operator.probe.target import ProbeTarget
from fiddler_kong_operator.write.applier import Applier

from .failures import Failures, RefusedWrites, blocked_deletion, evaluate_failure
from .first_answers import FirstAnswers
from .gateway import REFUSED_RETRY
from .installations import Installations
from .refusals import Refusals
from .report import Reporter

__all__ = ["SOON", "BindingReconciler"]

REPAIR_LIMIT: Final = 10
REPAIR_WINDOW: Final = 60.0
"""Writes of one object with the same content in that many seconds after which the operator assumes that something keeps reverting them."""

SOON: Final = 1.0
"""Seconds until the next pass, which decides from the results of this pass's writes."""


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """The findings of applying a decision, and when to reconcile again (None: when something changes)."""

    findings: Mapping[ConditionType, Finding] = field(default_factory=dict)
    wake: float | None = None
    failure: FiddlerKongError | None = None
    """The worker must retry, with its own back-off."""
    done: BindingPlan = field(default_factory=BindingPlan)
    """The part of the plan that was carried out."""
    held: Collection[ObjectKey] = ()
    """The objects that something keeps reverting, and that the pass therefore did not write."""

    @classmethod
    def of(cls, finding: Finding, wake: float | None = None) -> ApplyResult:
        """One finding; one that is not about the plugins leaves them pending."""
        pending = Finding(reason("PluginsPending"), f"Nothing more is changed while {finding.type} is {finding.status}.")
        return cls({pending.type: pending, finding.type: finding}, wake)


class BindingReconciler:
    """Reconciles owned objects, attachments and status of bindings, one binding at a time."""

    def __init__(
        self,
        reader: Reader,
        applier: Applier,
        probes: ProbeSchedule,
        reporter: Reporter,
        installations: Installations,
        clock: Callable[[], float],
    ) -> None:
        """`clock` is monotonic."""
        self._reader = reader
        self._applier = applier
        self._probes = probes
        self._clock = clock
        self._limiter = WriteLimiter(REPAIR_LIMIT, REPAIR_WINDOW, clock)
        self._first_answers = FirstAnswers(clock)
        self._refusals = Refusals()
        self._failures = Failures(clock)
        self._refused: RefusedWrites[ApplyResult] = RefusedWrites(REFUSED_RETRY, clock)
        self._installations = installations
        self._reporter = reporter

    async def reconcile(self, key: ObjectKey) -> float | None:
        """Reconcile one binding; returns seconds until it must be reconciled again without an event.

        Raises the failure of a write or read that the caller must retry. The status shows it unless it is brief (`failures.BRIEF`).
        """
        started = self._clock()
        if wait := await self._installations.wait(key):
            self._stop_probing(key)
            self._refusals.forget(key)
            self._reporter.forget(key)
            return wait
        snapshot = await self._reader.gather(key)
        if snapshot is None or snapshot.binding.deleting:
            self._stop_probing(key)
            if snapshot and (names.FINALIZER in snapshot.binding.finalizers or build_removal(snapshot).attachments):
                return await self._remove(snapshot, started)
            self._forget(key)
            return None
        snapshot = self._refusals.recall(snapshot)
        decision = decide(snapshot)
        self._refusals.keep(snapshot.binding, decision.refusal)
        result = await self._apply(snapshot, decision)
        traced = self._probe(snapshot.binding, decision)
        wait = self._first_answers.wait(key, traced, asked=decision.keys is not None)
        if wait and not _failure(snapshot, result):
            return wait
        return await self._conclude(snapshot, decision, result, traced, started)

    async def _conclude(
        self, snapshot: Snapshot, decision: Decision, result: ApplyResult, traced: ProbeResult | None, started: float
    ) -> float | None:
        """Report, then raise the failure of the pass, if any."""
        key = snapshot.binding.key
        failure = _failure(snapshot, result)
        if failure is None:
            self._failures.forget(key)
        elif self._failures.is_brief(key, started, failure):
            raise failure
        served = count_served(snapshot, result.done, (*decision.prune, *result.held))
        held = await self._reporter.report(snapshot, decision, result.findings, traced, served)
        if failure:
            raise failure
        return min(filter(None, (held, result.wake)), default=None)

    def _stop_probing(self, key: ObjectKey) -> None:
        """The binding is left, deleted or gone."""
        self._probes.forget(key)
        self._first_answers.forget(key)

    def _forget(self, key: ObjectKey) -> None:
        """Forget a binding."""
        self._failures.forget(key)
        self._refused.forget(key)
        self._refusals.forget(key)
        self._installations.forget(key)
        self._reporter.forget(key)
        self._applier.forget(key)

    async def _remove(self, snapshot: Snapshot, started: float) -> float | None:
        """Detach a binding from others' objects, then delete its own, traffic first; the rest is garbage-collected."""
        binding, removal = snapshot.binding, build_removal(snapshot)
        writes = binding.uid, removal.attachments, prune(snapshot, removal), snapshot.lists_forbidden
        kept = self._refused.pending(binding.key, writes)
        result = replace(kept[0], wake=kept[1]) if kept else await self._detach(snapshot, removal)
        if result is None:
            self._forget(binding.key)
            return None
        if not kept and result.wake:
            self._refused.keep(binding.key, writes, replace(result, done=BindingPlan()))
        return await self._conclude(snapshot, decide(snapshot), result, self._first_answers.shown(binding, None), started)

    async def _detach(self, snapshot: Snapshot, removal: BindingPlan) -> ApplyResult | None:
        """Carry out a removal; None where the binding is gone then."""
        binding = snapshot.binding
        if snapshot.lists_forbidden:
            return ApplyResult.of(blocked_deletion(". ".join(snapshot.lists_forbidden)), REFUSED_RETRY)
        written: list[ObjectKey] = []
        try:
            await self._applier.apply(removal, snapshot, prune(snapshot, removal), on_write=written.append)
            if names.FINALIZER in binding.finalizers:
                await self._applier.set_finalizers(binding, tuple(f for f in binding.finalizers if f != names.FINALIZER))
        except NotLeader:
            raise
        except Refused as error:
            return replace(ApplyResult.of(blocked_deletion(str(error)), REFUSED_RETRY), done=removal.part(written))
        except FiddlerKongError as error:
            return replace(ApplyResult.of(blocked_deletion(str(error))), failure=error, done=removal.part(written))
        return None

    async def _apply(self, snapshot: Snapshot, decision: Decision) -> ApplyResult:
        key, contents = snapshot.binding.key, dict(_contents(decision.plan, snapshot))
        kept = self._refused.pending(key, _writes(snapshot, decision, contents))
        if kept:
            return replace(kept[0], wake=kept[1])
        held = self._held(contents)
        written: list[ObjectKey] = []
        try:
            await self._keep_finalizer(snapshot, decision.plan)
            await self._applier.apply(decision.plan, snapshot, decision.prune, held=held, on_write=written.append)
        except NotLeader:
            raise
        except (Stalled, Refused) as error:
            result = ApplyResult.of(evaluate_failure(error), SOON if isinstance(error, Stalled) else REFUSED_RETRY)
            self._refused.keep(key, _writes(snapshot, decision, contents, written), result)
            return replace(result, done=decision.plan.part(written))
        except FiddlerKongError as error:
            return replace(ApplyResult.of(evaluate_failure(error)), failure=error, done=decision.plan.part(written))
        finally:
            self._limiter.count(*((key, contents.get(key)) for key in dict.fromkeys(written)))
        self._reporter.announce_repairs(snapshot, decision.plan, written)
        result = self._programmed(outdate_warnings(snapshot, written), decision, held, written)
        return replace(result, done=decision.plan.part(written) if held else decision.plan, held=held)

    def _programmed(
        self, now: Snapshot, decision: Decision, held: Mapping[ObjectKey, float], written: Collection[ObjectKey]
    ) -> ApplyResult:
        """The result of writes that succeeded."""
        next_look = _next_look(now, decision.plan, written)
        if held:
            return ApplyResult.of(_reverted(held, now), min(*held.values(), next_look or REFUSED_RETRY))
        if decision.retreats:
            return ApplyResult(wake=next_look)
        programmed = evaluate_programming(now, lua_withheld=decision.lua_withheld, refusal=decision.refusal)
        confirmed = RECHECK if programmed.reason.name == "KongNotConfirmed" else seconds_to_confirm(now)
        return ApplyResult.of(programmed, min(filter(None, (next_look, confirmed)), default=None))

    def _held(self, contents: Mapping[ObjectKey, Hashable]) -> dict[ObjectKey, float]:
        """The objects that something keeps reverting, with the seconds until each may be written again."""
        delays = {key: self._limiter.delay((key, content)) for key, content in contents.items()}
        return {key: delay for key, delay in delays.items() if delay}

    async def _keep_finalizer(self, snapshot: Snapshot, plan: BindingPlan) -> None:
        """Hold our finalizer exactly while a plugin of the binding is, or is about to be, attached to an object of another owner.

        It stays where the lists cannot be watched: they may name a plugin without the operator's knowledge.
        """
        binding = snapshot.binding
        changed = any(not is_own_child(snapshot, attachment.target) for attachment in plan.attachments)
        wanted = changed or bool(build_removal(snapshot).attachments)
        if wanted != (names.FINALIZER in binding.finalizers) and (wanted or not snapshot.lists_forbidden):
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


def _failure(snapshot: Snapshot, result: ApplyResult) -> FiddlerKongError | None:
    """Why the pass must be retried: a write or a read that failed."""
    return result.failure or next(iter(snapshot.unread.values()), None)


def _contents(plan: BindingPlan, snapshot: Snapshot) -> Iterator[tuple[ObjectKey, Hashable]]:
    """The objects that a pass may write, each with a mark of its content. Only repeated writes of the same content are a fight."""
    for desired in plan.objects:
        if desired.differs(snapshot.children.get(desired.key)):
            yield desired.key, desired.digest
    for attachment in plan.attachments:
        yield attachment.target, attachment.plugins


def _writes(snapshot: Snapshot, decision: Decision, contents: Mapping[ObjectKey, Hashable], done: Collection[ObjectKey] = ()) -> Hashable:
    """The identity of the writes that are still to be made: wanted content by version of each object. Equal ones may be refused again."""
    seen: Mapping[ObjectKey, Child | Attachable] = {**snapshot.children, **snapshot.targets}
    versions = {key: seen[key].resource_version for key in contents if key in seen}
    left = frozenset((key, content, versions.get(key)) for key, content in contents.items() if key not in done)
    return snapshot.binding.uid, snapshot.binding.generation, left, decision.prune


def _reverted(keys: Collection[ObjectKey], snapshot: Snapshot) -> Finding:
    objects = ", ".join(map(str, keys))
    message = (
        f"{objects}: the operator wrote it {REPAIR_LIMIT} times within {REPAIR_WINDOW:.0f} s, and something changed it back each time. "
        f"{_writers(keys, snapshot)}"
    )
    return Finding(reason("ChildrenReverted"), message)


def _writers(keys: Collection[ObjectKey], snapshot: Snapshot) -> str:
    """Who changes the objects back. managedFields do not show a client that only removes fields."""
    writers = {child.writer for key in keys if (child := snapshot.children.get(key)) and child.writer}
    if writers == {names.FIELD_MANAGER}:
        return (
            "The last writer has this operator's own field manager: look for another installation of it with `kubectl get leases "
            f"--all-namespaces --field-selector=metadata.name={names.APPLICATION}`, else for a client that removes fields."
        )
    others = ", ".join(sorted(writers - {names.FIELD_MANAGER}))
    if others:
        return f"The last writer is {others}: stop it from changing what the operator owns."
    return "Find the writer with `kubectl get OBJECT -o yaml --show-managed-fields`, and stop it."


def _next_look(snapshot: Snapshot, plan: BindingPlan, written: Collection[ObjectKey]) -> float | None:
    """Seconds until the next look, None where none is due.

    No event announces the end of a Kong warning; after the write of a list, the next pass decides about the finalizer.
    """
    if any(attachment.target in written for attachment in plan.attachments):
        return SOON
    ends = (warning.last_seen + WARNING_LIFETIME - snapshot.now for warning in current_warnings(snapshot))
    return next(ends, None)
