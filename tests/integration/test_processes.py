"""Operators as processes: of two replicas only one writes, whatever happens to it; /healthz, /metrics and the JSON log."""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from devcluster.audit import Mark, Write
from devcluster.operator_process import NAMESPACE, USER, OperatorProcess
from devcluster.processes import Process
from devcluster.stage import Stage
from tests.integration.arena import Arena
from tests.integration.own import own_arena

LEASE: Final = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/fiddler-kong-operator"
SHORT: Final = 5.0
LONG: Final = 60.0
"""A lease longer than a test waits for the next leader: one that leads in time did not wait for the end of the lease."""


@dataclass
class Replica:
    """One of the operators, and the id of its token, which identifies it in the audit log."""

    operator: OperatorProcess
    credential: str

    @classmethod
    def start(cls, stage: Stage, name: str, *flags: str) -> Replica:
        operator = OperatorProcess(stage.cluster, *flags, name=name).start()
        kubeconfig = yaml.safe_load(stage.cluster.layout.kubeconfig(USER).read_text())
        payload = kubeconfig["users"][0]["user"]["token"].split(".")[1]
        return cls(operator, f"JTI={json.loads(base64.urlsafe_b64decode(payload + '=='))['jti']}")

    @property
    def process(self) -> Process:
        return self.operator.process

    @property
    def leads(self) -> bool:
        return self.operator.leads

    def send(self, number: signal.Signals) -> None:
        self.process.popen.send_signal(number)

    def ended(self) -> int:
        """Wait for its end; the exit code."""
        return self.process.popen.wait(timeout=30)


@dataclass
class Pair:
    """A leading and a waiting replica for one namespace."""

    arena: Arena
    leader: Replica
    waiting: Replica
    start: Mark

    def requests(self) -> tuple[Write, ...]:
        return self.arena.stage.cluster.write_log().requests(user=USER, since=self.start)

    def writes(self, replica: Replica) -> list[Write]:
        """The writes of a replica, without the Lease."""
        made = self.arena.stage.cluster.write_log().writes(user=USER, since=self.start)
        return [write for write in made if write.credential == replica.credential and write.resource != "leases"]

    def terms(self, replica: Replica) -> list[float]:
        """The times at which a replica acquired or renewed the Lease."""
        made = self.arena.stage.cluster.write_log().writes(user=USER, since=self.start)
        return [w.at for w in made if w.credential == replica.credential and w.resource == "leases" and w.code < 300]

    def put_bindings(self, *names: str) -> None:
        self.arena.put(*(self.arena.binding({"routes.0.expose.path": f"/{self.arena.namespace}/{name}"}, name) for name in names))

    def until_waiting_leads(self, seconds: float = 20) -> None:
        self.arena.until(lambda: self.waiting.leads, "the other replica's lead", seconds)


@pytest.fixture
def lease_seconds() -> float:
    return SHORT


@pytest.fixture
def pair(backstage: Stage, request: pytest.FixtureRequest, lease_seconds: float) -> Iterator[Pair]:
    flag, start = f"--lease-duration={lease_seconds}", backstage.cluster.write_log().mark()
    name = request.node.name.split("[")[0]
    backstage.cluster.kubectl("--namespace", NAMESPACE, "delete", "lease", "--all", "--ignore-not-found")
    leader = Replica.start(backstage, f"{name}-a", flag)
    try:
        with own_arena(backstage, leader.operator) as arena:
            arena.until(lambda: leader.leads, "the first replica's lead")
            waiting = Replica.start(backstage, f"{name}-b", flag)
            try:
                yield Pair(arena, leader, waiting, start)
            finally:
                waiting.operator.stop()
    finally:
        leader.operator.stop()


def test_only_the_leader_writes(pair: Pair) -> None:
    pair.put_bindings("one", "two", "three")
    for name in ("one", "two", "three"):
        pair.arena.until_ready(name)

    assert len(pair.writes(pair.leader)) > 10
    asked = {request.verb for request in pair.requests() if request.credential == pair.waiting.credential}
    assert asked <= {"get", "list", "watch"}
    assert pair.waiting.operator.health() is not None
    assert not pair.waiting.leads
    lease = pair.arena.stage.cluster.api.get(LEASE)["spec"]
    assert f"_{pair.leader.process.popen.pid}_" in lease["holderIdentity"]
    assert lease["leaseDurationSeconds"] == SHORT


@pytest.mark.parametrize("lease_seconds", [LONG])
def test_a_leader_ended_by_sigterm_finishes_its_work_and_hands_over_at_once(pair: Pair) -> None:
    names = [f"binding-{n}" for n in range(8)]
    pair.put_bindings(*names)
    pair.arena.until(lambda: len(pair.writes(pair.leader)) > 3, "work under way")

    pair.leader.send(signal.SIGTERM)

    assert pair.leader.ended() == 0
    pair.until_waiting_leads()
    assert "stopped" in pair.leader.operator.log
    for name in names:
        pair.arena.until_ready(name)
    assert max(write.at for write in pair.writes(pair.leader)) < min(pair.terms(pair.waiting))
    cut_off = [str(write) for write in pair.writes(pair.leader) if write.code >= 400]
    assert cut_off == []


def test_a_leader_that_is_killed_is_followed_when_its_lease_is_over(pair: Pair) -> None:
    pair.put_bindings("before")
    pair.arena.until_ready("before")

    pair.leader.send(signal.SIGKILL)
    pair.leader.ended()
    pair.put_bindings("after")

    pair.until_waiting_leads()
    pair.arena.until_ready("after")
    last, first = max(pair.terms(pair.leader)), min(pair.terms(pair.waiting))
    assert first - last >= SHORT


@pytest.mark.exhaustive  # make test freezes a leader in tests/faults
def test_a_leader_that_was_frozen_writes_nothing_when_it_continues_after_its_time(pair: Pair) -> None:
    pair.put_bindings("one")
    pair.arena.until_ready("one")
    pair.arena.until_quiet()
    pair.leader.send(signal.SIGSTOP)
    pair.put_bindings("two", "three")  # it gets their events when it continues
    pair.until_waiting_leads()
    pair.put_bindings("four", "five")

    pair.leader.send(signal.SIGCONT)

    assert pair.leader.ended() == 1
    assert "the lease fiddler-kong-operator/fiddler-kong-operator is not, or no longer certainly, held" in pair.leader.operator.log
    for name in ("one", "two", "three", "four", "five"):
        pair.arena.until_ready(name)
    taken = min(pair.terms(pair.waiting))
    assert [str(write) for write in pair.writes(pair.leader) if write.at >= taken] == []
    assert [moment for moment in pair.terms(pair.leader) if moment >= taken] == []


@pytest.mark.exhaustive
def test_a_leader_that_is_frozen_during_its_writes_undoes_nothing_when_it_continues_after_its_time(pair: Pair) -> None:
    """Writes that had passed the fence but were not sent yet are sent when it continues. They cannot undo later changes: a creation fails
    where the object exists, a change where it is another version, and the gateway's settings, applied without force, are the same."""
    names = [f"binding-{n}" for n in range(6)]
    pair.put_bindings(*names)
    pair.leader.send(signal.SIGSTOP)
    pair.until_waiting_leads()
    for name in names:
        pair.arena.until_ready(name)

    pair.leader.send(signal.SIGCONT)

    assert pair.leader.ended() == 1
    pair.arena.until_quiet()
    taken = min(pair.terms(pair.waiting))
    late = [write for write in pair.writes(pair.leader) if write.at >= taken]
    assert [str(write) for write in late if write.code < 400 and write.resource != "deployments"] == []
    assert len(late) <= 48  # sixteen workers, each with three plugins at once


# One process


@pytest.fixture(scope="module")
def talkative(backstage: Stage) -> Iterator[Arena]:
    """A ready binding, under an operator that logs everything as JSON."""
    flags = ("--log-format=json", "--log-level=debug")
    with OperatorProcess(backstage.cluster, *flags, name="talkative") as operator, own_arena(backstage, operator) as arena:
        arena.put(arena.binding())
        arena.until_ready()
        yield arena


def test_healthz_shows_the_waiting_keys(talkative: Arena) -> None:
    wanted = {"probes": 1, "waiting_urgent": 0, "waiting_background": 0, "oldest_waiting_seconds": 0, "bugs": 0}
    figures: dict[str, Any] = {}

    def rests() -> bool:
        figures.update(talkative.operator.figures())
        return wanted.items() <= figures.items()

    talkative.until(rests, "new figures, of an operator at rest: kopf repeats the same ones for ten seconds")


def test_metrics_show_what_was_done_and_what_it_came_to(talkative: Arena) -> None:
    families = list(text_string_to_metric_families(talkative.operator.metrics()))

    def value(name: str, **labels: str) -> float:
        found = [sample.value for family in families for sample in family.samples if (sample.name, sample.labels) == (name, labels)]
        return sum(found)

    assert value("fiddler_kong_operator_api_requests_total", verb="create", kind="KongPlugin", code="201") == 3
    assert value("fiddler_kong_operator_api_requests_total", verb="update", kind="Lease", code="200") >= 1
    assert value("fiddler_kong_operator_reconcile_total", kind="FiddlerKongBinding", result="success") >= 1
    assert value("fiddler_kong_operator_bindings", condition="Ready", status="True") == 1
    assert value("fiddler_kong_operator_probe_total", reason="Reachable") >= 1
    assert value("fiddler_kong_operator_gateway_rollouts_total", kind="Deployment", action="apply") == 1
    assert value("fiddler_kong_operator_leader") == 1
    ready = {"binding_namespace": talkative.namespace, "binding": "assistant", "condition": "Ready", "status": "True", "reason": "Ready"}
    assert value("fiddler_kong_operator_binding_condition", **ready) == 1
    assert value("fiddler_kong_operator_probe_targets", trace_endpoint=talkative.stage.sink.url, reason="Reachable") == 1


def test_every_line_of_a_json_log_is_one_object(talkative: Arena) -> None:
    lines = [json.loads(line) for line in talkative.operator.log.splitlines()]

    assert all(isinstance(line, dict) and {"ts", "level", "logger", "message"} <= line.keys() for line in lines)
    assert {line["level"] for line in lines} <= {"debug", "info"}
    assert "leading; reconciling begins" in {line["message"] for line in lines}
