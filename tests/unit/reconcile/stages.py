"""A small world around a reconciler: what it reads, what it wrote in order, and how the writes change what it reads next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.objects.desired import Attachment, BindingPlan, Desired
from fiddler_kong_operator.plan.snapshot import Binding, Child, ProbeResult, Snapshot
from fiddler_kong_operator.probe.schedule import ProbeSchedule
from fiddler_kong_operator.probe.target import ProbeTarget
from fiddler_kong_operator.reconcile.binding import BindingReconciler
from fiddler_kong_operator.reconcile.gateway import GatewayOutcomes
from fiddler_kong_operator.write.applier import AppliedOutcome, Applier
from tests.unit.plan.plans import ATTACHED, attachable, snapshot_of, spec_of
from tests.unit.plan.situations import make_workload

KEY = ObjectKey("FiddlerKongBinding", "ai", "assistant")
REACHABLE = ProbeResult("Reachable", "https://acme.fiddler.ai/v1/traces answered an empty export with 200.", "Assistant")


class Clock:
    """Monotonic seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class World:
    """One binding and what is observed of it. As a Reader it gives the snapshot, as an Applier it writes into it."""

    def __init__(self, snapshot: Snapshot | None) -> None:
        self.snapshot = snapshot
        self.log: list[str] = []
        """Every write in order."""
        self.failure: Exception | None = None
        """Raised by every write of objects and lists."""
        self.own_failure: Exception | None = None
        """Raised by every write of the binding itself: status, finalizers."""
        self.deaf = False
        """Objects are written, yet always look different: the server adds something of its own to them, which the applier knows."""

    @property
    def current(self) -> Snapshot:
        assert self.snapshot is not None
        return self.snapshot

    @property
    def status(self) -> Mapping[str, Any]:
        return self.current.binding.status

    def change(self, **binding: Any) -> None:
        """The binding is another one by now."""
        self.snapshot = replace(self.current, binding=replace(self.current.binding, **binding))

    def drift(self, key: ObjectKey) -> None:
        """Somebody changes an object."""
        self.snapshot = replace(self.current, children={**self.current.children, key: replace(self.current.children[key], digest=b"x")})

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason of a condition as last written."""
        return next((c["status"], c["reason"]) for c in self.status["conditions"] if c["type"] == kind)

    def message(self, kind: str) -> str:
        return str(next(c["message"] for c in self.status["conditions"] if c["type"] == kind))

    def drain(self) -> list[str]:
        """What was written since the last call."""
        written, self.log = self.log, []
        return written

    # As a Reader

    async def gather(self, _key: ObjectKey) -> Snapshot | None:
        return self.snapshot

    # As an Applier

    async def apply(self, plan: BindingPlan, _snapshot: Snapshot, prune: Sequence[ObjectKey] = ()) -> AppliedOutcome:
        if self.failure:
            raise self.failure
        objects = [d for d in plan.objects if self._digest(d.key) != d.digest]
        written = [] if self.deaf else [*map(self._write, objects)]
        written += map(self._attach, plan.attachments)
        return AppliedOutcome(tuple(written), tuple(map(self._delete, prune)))

    async def write_status(self, _binding: Binding, status: Mapping[str, Any]) -> None:
        if self.own_failure:
            raise self.own_failure
        self.log.append("status")
        self.change(status=status)

    async def set_finalizers(self, binding: Binding, finalizers: Sequence[str]) -> None:
        if self.own_failure:
            raise self.own_failure
        self.log.append(f"finalizers {','.join(finalizers) or '-'}")
        self.snapshot = replace(self.current, binding=replace(binding, finalizers=tuple(finalizers)))

    def _digest(self, key: ObjectKey) -> bytes | None:
        child = self.current.children.get(key)
        return child.digest if child else None

    def _write(self, desired: Desired) -> ObjectKey:
        self.log.append(f"write {desired.key}")
        child = Child(desired.key, f"uid-{desired.key.name}", "5", self.current.binding.uid, "assistant", desired.digest)
        self.snapshot = replace(self.current, children={**self.current.children, desired.key: child})
        return desired.key

    def _attach(self, attachment: Attachment) -> ObjectKey:
        self.log.append(f"list {attachment.target} {','.join(attachment.plugins) or '-'}")
        target = replace(self.current.targets[attachment.target], plugins=attachment.plugins)
        self.snapshot = replace(self.current, targets={**self.current.targets, target.key: target})
        return attachment.target

    def _delete(self, key: ObjectKey) -> ObjectKey:
        self.log.append(f"delete {key}")
        self.snapshot = replace(self.current, children={k: c for k, c in self.current.children.items() if k != key})
        return key


class Probes:
    """Takes wishes and answers with one result."""

    def __init__(self, result: ProbeResult | None) -> None:
        self.result = result
        self.wanted: dict[ObjectKey, ProbeTarget] = {}
        self.forgotten: list[ObjectKey] = []

    def want(self, key: ObjectKey, target: ProbeTarget) -> None:
        self.wanted[key] = target

    def forget(self, key: ObjectKey) -> None:
        self.wanted.pop(key, None)
        self.forgotten.append(key)

    def latest(self, _target: ProbeTarget) -> ProbeResult | None:
        return self.result


class Stage:
    """A binding reconciler in its world."""

    def __init__(self, snapshot: Snapshot | None, probe: ProbeResult | None = REACHABLE) -> None:
        self.world = World(snapshot)
        self.probes = Probes(probe)
        self.clock = Clock()
        self.events: list[Manifest] = []
        self.outcomes = GatewayOutcomes(lambda _key: None)
        self.reconciler = BindingReconciler(
            cast("Reader", self.world),
            cast("Applier", self.world),
            cast("ProbeSchedule", self.probes),
            self.outcomes,
            self.events.append,
            self.clock,
        )

    async def reconcile(self) -> float | None:
        return await self.reconciler.reconcile(KEY)

    async def converge(self) -> None:
        """Pass until nothing is written any more, and forget what was."""
        while True:
            await self.reconcile()
            if not self.world.drain():
                return


def exposed(spec: BindingSpec | None = None, **more: Any) -> Snapshot:
    """A binding that exposes one route through a gateway that is ready."""
    return replace(snapshot_of(spec or spec_of()), **{"workload": make_workload(grant="ai"), **more})


def attached(*plugins: str, **more: Any) -> Snapshot:
    """A binding that is to be attached to the Service ai/chat of somebody else, which names these plugins."""
    return exposed(spec_of(ATTACHED), **{"targets": attachable(*plugins), **more})
