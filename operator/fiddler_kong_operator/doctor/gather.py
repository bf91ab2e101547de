"""Gathers the evidence: one look at the cluster with the rights of the user who runs the doctor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from yarl import URL

from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.survey import Survey
from fiddler_kong_operator.plan.kinds import BINDING, INGRESS_CLASS, KONG_PLUGIN
from fiddler_kong_operator.plan.snapshot import ProbeResult, Snapshot
from fiddler_kong_operator.probe.otlp import TraceProber
from fiddler_kong_operator.probe.target import ProbeTarget

from .discovery import has_field, read_version, read_versions
from .evidence import Case, Evidence, Look, Pod
from .from_gateway import probe_from_gateway
from .gateway_pods import ask_admin, find_controllers, find_pods, read_logs
from .judgement import judge
from .kinds import LEASES, OPERATORS
from .looking import find, list_all, look
from .reach import Reach
from .ways import ways_of

__all__ = ["Looker"]

Progress = Callable[[str], None]
"""Called with the name of the next step."""


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at a cluster. `prober` is None where the trace endpoint must not be asked from here."""

    client: Client
    prober: TraceProber | None
    progress: Progress = lambda _: None
    from_gateway: bool = False
    """Run a command in a pod of each gateway, which asks the endpoint from there."""
    answers: dict[ProbeTarget, ProbeResult] = field(default_factory=dict)
    """The trace endpoints that were asked: one that many bindings share is asked once."""

    async def gather(self, survey: Survey, wanted: Sequence[ObjectKey]) -> Evidence:
        """The evidence about the cluster and these bindings."""
        self.progress("the cluster and the operator")
        whole = await self._cluster(survey)
        cases = []
        for key in wanted:
            snapshot = await survey.reader.gather(key)
            if snapshot:
                cases.append(await self._case(survey, snapshot))
        return replace(whole, cases=tuple(cases))

    async def _cluster(self, survey: Survey) -> Evidence:
        client = self.client
        version, served, patches, deployments, leases = await asyncio.gather(
            look(read_version(client)),
            look(read_versions(client, BINDING)),
            look(has_field(client, KONG_PLUGIN, "configPatches")),
            list_all(client, OPERATORS, None),
            list_all(client, LEASES, None),
        )
        server = str(URL(client.connection.server).with_user(None))
        return Evidence(client.clock(), server, version, served, patches, deployments, leases, unread=tuple(survey.unread))

    async def _case(self, survey: Survey, snapshot: Snapshot) -> Case:
        case, key = judge(snapshot), snapshot.binding.key
        self.progress(f"{key}: the gateway's pods")
        pods = await find_pods(self.client, case.snapshot)
        workload = snapshot.binding.workload
        neighbours: Look[tuple[Pod, ...]] = await find_controllers(self.client, workload.namespace) if workload else Look(())
        self.progress(f"{key}: logs and Admin API")
        spec = snapshot.binding.spec
        container = spec.gateway.container if spec else ""
        exports = await read_logs(self.client, pods.value or (), container)
        lacking = await ask_admin(self.client, pods.value or (), case.snapshot)
        self.progress(f"{key}: the trace endpoint")
        case = replace(case, pods=pods, reach=await self._reach(replace(case, pods=pods)))
        return replace(
            case,
            neighbours=neighbours,
            ingress_class=await self._ingress_class(snapshot),
            ways=ways_of(survey.cache, snapshot.binding),
            probed=await self._probe(case),
            exports=exports,
            lacking=lacking,
        )

    async def _ingress_class(self, snapshot: Snapshot) -> Look[Manifest]:
        spec = snapshot.binding.spec
        return await find(self.client, INGRESS_CLASS, "", spec.gateway.ingress_class_name) if spec else Look()

    async def _reach(self, case: Case) -> Look[Reach] | None:
        """The trace endpoint's answer to a pod of the gateway."""
        if not self.from_gateway:
            return None
        self.progress(f"{case.snapshot.binding.key}: the trace endpoint, from a pod of the gateway")
        return await probe_from_gateway(self.client, case)

    async def _probe(self, case: Case) -> ProbeResult | None:
        """The trace endpoint's answer to this machine, as the operator would ask it."""
        spec, keys = case.snapshot.binding.spec, case.decision.keys
        if self.prober is None or spec is None or keys is None:
            return None
        target = ProbeTarget.of(spec.fiddler, keys.fiddler, case.decision.gateway.verify_depth)
        if target not in self.answers:
            self.answers[target] = (await self.prober.ask(target)).result
        return self.answers[target]
