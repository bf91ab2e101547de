"""A cluster in memory before the operator's own cache, reader, writers, probe schedule and reconcilers. Time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Stale
from fiddler_kong_operator.kube.field_ownership import created_by, strategically_merged, updated
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.arrivals import Arrivals, QueryOutcome
from fiddler_kong_operator.plan.gateway.env import INSTRUMENTATIONS, SAMPLING_RATE, UNTRUSTED_LUA
from fiddler_kong_operator.plan.kinds import BINDING, KINDS
from fiddler_kong_operator.plan.snapshot import ProbeResult
from fiddler_kong_operator.probe.schedule import ProbeSchedule
from fiddler_kong_operator.probe.target import Answer, ProbeTarget
from fiddler_kong_operator.reconcile.arrivals import ArrivalsDesk
from fiddler_kong_operator.reconcile.binding import BindingReconciler
from fiddler_kong_operator.reconcile.gateway import GatewayReconciler
from fiddler_kong_operator.reconcile.gateway_outcomes import GatewayOutcomes
from fiddler_kong_operator.reconcile.installations import Installations
from fiddler_kong_operator.reconcile.report import Reporter
from fiddler_kong_operator.settings import ProbeSettings, Settings
from fiddler_kong_operator.write.applier import Applier
from tests.unit.observe.objects import ASSISTANT, GATEWAY, LLM, binding, deployment, key, plugin, secret, service, spec
from tests.unit.virtual_time import now
from tests.unit.write.fake_cluster import FakeCluster

REACHABLE: Final = ProbeResult("Reachable", "https://acme.fiddler.ai/v1/traces answered an empty export with 200.", "Assistant")
UNAUTHORIZED: Final = ProbeResult("Unauthorized", "https://acme.fiddler.ai does not accept the API key (401).")
WANTED: Final = {INSTRUMENTATIONS: "all", SAMPLING_RATE: "1.0", UNTRUSTED_LUA: "on"}
ATTACHED: Final = {"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}, "llm": LLM}

OWN: Final = "fiddler-system"
"""Namespace of the operator's lease."""

_EPOCH: Final = 1_800_000_000.0
_STEP: Final = 0.125
"""Seconds between two looks at a condition; a power of two keeps the clock exact."""


def wall() -> float:
    """Seconds since the epoch."""
    return _EPOCH + now()


async def elapse(seconds: float) -> None:
    """Let that much virtual time pass."""
    await asyncio.sleep(seconds)


class Stage:
    """A cluster with some objects, and one operator that has observed them.

    `log` has every write that was not answered with one of `errors`, `events` every Event, `woken` the keys that were requeued and `lanes`
    their lanes, `told` the workloads whose outcome changed, `asked` the targets that were probed, `looked` those of looks for spans.
    """

    def __init__(
        self,
        *objects: Manifest,
        answer: ProbeResult | None = REACHABLE,
        cluster: FakeCluster | None = None,
        installation: str = OWN,
        settings: Settings | None = None,
    ) -> None:
        """`answer` is what the trace endpoint answers, None as long as it does not."""
        self.cluster = cluster or FakeCluster()
        self.cluster.before = self._arrive
        self.answer = answer
        self.errors: dict[str, Exception] = {}
        """The answers to writes, by the kind or name of the object."""
        self.read_errors: dict[str, Exception] = {}
        """The answers to reads, by the name of the object."""
        self.attempts: list[str] = []
        """Every write, those that were answered with an error included."""
        self.log: list[str] = []
        self.events: list[Manifest] = []
        self.woken: list[ObjectKey] = []
        self.lanes: set[Lane] = set()
        self.told: list[ObjectKey] = []
        self.asked: list[ProbeTarget] = []
        self.looked: list[ProbeTarget] = []
        self.spans = Arrivals(QueryOutcome.READ)
        """The spans that Fiddler shows of every application."""
        self.news: list[tuple[ObjectKey, Lane, float]] = []
        """The keys that were requeued because of it, with lane and delay."""
        self.cache = Cache(clock=wall)
        self.feed = Feed(self.cache, self._wake, _fail)
        self.rollouts: list[tuple[str, str]] = []
        """Kind and action of each write that replaces pods."""
        self.failures: list[tuple[str, str]] = []
        """Type and reason of each condition that became False."""
        self.outcomes = GatewayOutcomes(self.told.append, lambda *rollout: self.rollouts.append(rollout))
        pace = ProbeSchedule.pace(ProbeSettings())
        self.probes = ProbeSchedule(self._ask, pace, self.woken.extend, clock=now, uniform=lambda: 0.5)
        self.arrivals = ArrivalsDesk(self._look, settings or Settings(), self._hear, now)
        reader, applier = Reader(self.feed, self.cluster, clock=wall), Applier(self.cluster, self.feed)
        installations = Installations(installation, self.cache, applier, self.events.append, now)
        reporter = Reporter(
            applier, self.outcomes, self.arrivals, self.events.append, now, installation, on_failure=lambda *f: self.failures.append(f)
        )
        self._bindings = BindingReconciler(reader, applier, self.probes, reporter, installations, now)
        self._gateways = GatewayReconciler(self.cluster, self.feed, reader, self.outcomes, installations, now)
        self._asking = [asyncio.ensure_future(schedule.run()) for schedule in (self.probes, self.arrivals)]
        for raw in objects:
            self.cluster.put(raw)
        for raw in self.cluster.objects.values():
            self.cache.observe(raw)

    def restarted(self, answer: ProbeResult | None = REACHABLE, installation: str = OWN) -> Stage:
        """Another process of the operator in the same cluster."""
        return Stage(cluster=self.cluster, answer=answer, installation=installation)

    def _wake(self, keys: frozenset[ObjectKey], lane: Lane, _delay: float) -> None:
        self.woken.extend(sorted(keys))
        self.lanes.add(lane)

    # The operator

    async def reconcile(self, which: ObjectKey = ASSISTANT) -> float | None:
        """One pass."""
        return await (self._bindings if which.kind == BINDING.name else self._gateways).reconcile(which)

    async def work(self, which: ObjectKey) -> None:
        """One pass, repeated while its snapshot is stale, as a worker does."""
        while True:
            try:
                await self.reconcile(which)
            except Stale:
                continue
            return

    async def converge(self) -> list[str]:
        """Reconcile all bindings until nothing is written, the endpoint's answers included. Returns the writes, and clears the log."""
        await self._round()
        written = -1
        while written < len(self.log):
            written = len(self.log)
            await self._round()
        return self.drain()

    async def _round(self) -> None:
        for which in sorted(self.cache.keys(BINDING)):
            await self.work(which)
        await elapse(1)

    def drain(self) -> list[str]:
        """The writes since the last call."""
        written, self.log = self.log, []
        return written

    async def reply(self, answer: ProbeResult) -> None:
        """The endpoint answers so from now on; returns when it was asked again."""
        self.answer = answer
        async with asyncio.timeout(1000):
            while not self.asked or self.probes.latest(self.asked[-1]) != answer:
                await elapse(_STEP)

    async def _ask(self, target: ProbeTarget) -> Answer[ProbeResult]:
        self.asked.append(target)
        while self.answer is None:
            await elapse(_STEP)
        return Answer(self.answer)

    async def _look(self, target: ProbeTarget) -> Answer[Arrivals]:
        self.looked.append(target)
        return Answer(self.spans)

    def _hear(self, keys: Iterable[ObjectKey], lane: Lane, delay: float) -> None:
        self.news += [(key, lane, delay) for key in keys]

    # Users

    def put(self, raw: Manifest) -> None:
        """A user or a controller creates or replaces an object, and the watch shows it."""
        self.feed.event(KINDS[raw["kind"]], "MODIFIED", self.cluster.put(raw))

    def change(self, which: ObjectKey, content: Manifest | None = None, **metadata: Any) -> None:
        """Another writer changes an object."""
        live = self.cluster.objects[which]
        self.put({**live, **(content or {}), "metadata": {**live["metadata"], **metadata}})

    def edit(self, *routes: Mapping[str, Any], **fields: Any) -> None:
        """The user changes the spec of the binding; `routes` and `fields` as of `spec`."""
        generation = self.cluster.objects[ASSISTANT]["metadata"]["generation"] + 1
        self.change(ASSISTANT, {"spec": spec(*routes, **fields)}, generation=generation)

    def drift(self, plugin: ObjectKey) -> None:
        """Another writer changes a plugin of ours."""
        self.change(plugin, {"config": {"changed": True}})

    def request_deletion(self) -> None:
        """The user deletes the binding, which has a finalizer."""
        self.change(ASSISTANT, deletionTimestamp="2026-01-01T01:00:00Z")

    def delete(self, which: ObjectKey) -> None:
        """An object is deleted; the garbage collector deletes what it owns."""
        raw = self.cluster.objects.pop(which)
        self.feed.event(KINDS[which.kind], "DELETED", raw)
        for child in [key(o) for o in self.cluster.objects.values() if _is_owned(o, raw["metadata"]["uid"])]:
            self.delete(child)

    def _arrive(self, verb: str, which: ObjectKey) -> None:
        if verb == "get":
            if which.name in self.read_errors:
                raise self.read_errors[which.name]
            return
        self.attempts.append(f"{verb} {which}")
        for word in (which.kind, which.name):
            if word in self.errors:
                raise self.errors[word]
        self.log.append(_line(verb, which, {} if verb == "delete" else self.cluster.bodies[-1]))

    # State

    @property
    def status(self) -> Manifest:
        """The status of the binding as it is in the cluster."""
        return self.status_of(ASSISTANT)

    def status_of(self, which: ObjectKey) -> Manifest:
        status: Manifest = self.cluster.objects[which].get("status") or {}
        return status

    def condition(self, kind: str, which: ObjectKey = ASSISTANT) -> tuple[str, str]:
        """Status and reason of a condition."""
        return next((c["status"], c["reason"]) for c in self.status_of(which)["conditions"] if c["type"] == kind)

    def message(self, kind: str) -> str:
        return str(next(c["message"] for c in self.status["conditions"] if c["type"] == kind))

    @property
    def finalizers(self) -> list[str]:
        """The finalizers of the binding."""
        return list(self.cluster.objects[ASSISTANT]["metadata"].get("finalizers") or ())


def surroundings(env: Mapping[str, str] = WANTED, grant: str | None = "*") -> list[Manifest]:
    """The Secrets of a binding, and a gateway."""
    return [secret("fiddler", value=b"id.secret\n"), secret("openai", value=b"sk-test"), gateway(env, grant)]


def gateway(env: Mapping[str, str], grant: str | None = "*", **metadata: Any) -> Manifest:
    """A gateway that Helm has installed with that env."""
    annotations = {names.GRANT_ANNOTATION: grant} if grant else {}
    entries = ({"name": name, "value": value} for name, value in env.items())
    return created_by("helm", deployment(1, *entries, annotations=annotations, **metadata))


def exposing(*, answer: ProbeResult | None = REACHABLE, **fields: Any) -> Stage:
    """A binding that exposes one route through a gateway that is ready; `fields` are of its spec."""
    return Stage(binding(spec_=spec(**fields)), *surroundings(), answer=answer)


def attaching(plugins: str | None = None, **fields: Any) -> Stage:
    """A binding that is to be attached to a user's Service, which names these plugins."""
    return Stage(binding(spec_=spec(ATTACHED, **fields)), *surroundings(), service("chat", plugins=plugins), plugin("rate-limit"))


class GatewayStage(Stage):
    """A workload with that env, set by Helm, and the bindings that name it."""

    def __init__(self, env: Mapping[str, str] | None = None, *, bindings: tuple[str, ...] = ("assistant",)) -> None:
        super().__init__()
        for name in bindings:
            self.bind(name)
        self.install(env or {})

    async def reconcile(self, which: ObjectKey = GATEWAY) -> float | None:
        return await super().reconcile(which)

    def install(self, env: Mapping[str, str]) -> None:
        """The gateway is installed."""
        self.put(gateway(env, uid=f"uid-{self.cluster.version}"))

    def bind(self, name: str = "assistant", *, suspend: bool = False, **fields: Any) -> None:
        """A binding is created or changed; keyword arguments are fields of its `gateway`."""
        before = self.cluster.objects.get(ASSISTANT._replace(name=name))
        uid = before["metadata"]["uid"] if before else f"uid-{self.cluster.version}"
        self.put(binding(name, spec_=spec(gateway=fields, suspend=suspend), uid=uid, generation=self.cluster.version))

    def set_env(self, manager: str, *entries: Manifest, seen: bool = True) -> None:
        """Another manager changes env entries; the watch shows it, unless it is late."""
        live = self.cluster.objects[GATEWAY]
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "proxy", "env": list(entries)}]}}}}
        changed = updated(live, strategically_merged(live, patch), manager)
        if seen:
            self.put(changed)
        else:
            self.cluster.put(changed)

    def revert(self) -> None:
        """Another manager removes the settings."""
        self.set_env("argocd", *({"name": name, "$patch": "delete"} for name in WANTED))

    @property
    def writes(self) -> list[str]:
        """The verbs of the writes to the gateway."""
        return [verb for verb, which in self.cluster.writes if which == GATEWAY]

    @property
    def env(self) -> dict[str, str]:
        """The gateway's env."""
        (container,) = self.cluster.objects[GATEWAY]["spec"]["template"]["spec"]["containers"]
        return {entry["name"]: entry["value"] for entry in container.get("env", ())}

    @property
    def managers(self) -> set[str]:
        """The managers that own something on the gateway."""
        return {entry["manager"] for entry in self.cluster.objects[GATEWAY]["metadata"]["managedFields"]}

    @property
    def failure(self) -> tuple[str, str]:
        """Reason and message of the last failed write."""
        found = self.outcomes.failure(GATEWAY)
        return (found.reason.name, found.message) if found else ("", "")


def _line(verb: str, which: ObjectKey, body: Manifest) -> str:
    """A write in one line: a status, finalizers or a plugin list in its own words."""
    if "status" in verb:
        return "status"
    if which.kind == BINDING.name:
        return f"finalizers {','.join(body['metadata']['finalizers']) or '-'}"
    if verb == "merge_patch" and set(body) == {"metadata"} and names.KONG_PLUGINS_ANNOTATION in body["metadata"].get("annotations", {}):
        return f"list {which} {body['metadata']['annotations'][names.KONG_PLUGINS_ANNOTATION] or '-'}"
    return f"{verb} {which}"


def _is_owned(raw: Manifest, uid: str) -> bool:
    return uid in {owner["uid"] for owner in raw["metadata"].get("ownerReferences") or ()}


def _fail(kind: str) -> None:
    raise AssertionError(f"the event of a {kind} was not handled")
