"""Two replicas and one Lease: whatever befalls the leader, the other takes over, and a deposed leader writes nothing."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from devcluster.errors import ApiError
from devcluster.operator_process import NAMESPACE
from tests.faults.ground import Ground, Replica, World
from tests.faults.script import Answer, Hang, Rule
from tests.faults.traffic import Call

DURATION = 3
"""Seconds of the Lease."""

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/fiddler-kong-operator"


@dataclass
class Pair:
    """A ground with a leader and a replica that waits."""

    ground: Ground
    leader: Replica
    rival: Replica

    def change(self) -> None:
        """Give the operator something to do, and wait until it is done by whoever leads."""
        number = secrets.randbelow(100000)
        self.ground.put(self.ground.binding({"routes.0.llm.options.maxTokens": number + 1}))

        def followed() -> bool:
            plugin = self.ground.get("KongPlugin", "assistant-openai-ai-proxy") or {}
            return bool(plugin) and plugin["config"]["model"]["options"]["max_tokens"] == number + 1 and self.ground.is_ready()

        self.ground.until(followed, "the change")
        self.ground.until_quiet(1.0)

    def lease(self) -> dict[str, Any]:
        """The Lease's spec."""
        spec: dict[str, Any] = self.ground.stage.cluster.api.request("GET", LEASE)["spec"]
        return spec


def lease_updates(call: Call) -> bool:
    return call.is_lease and call.verb in {"update", "create"}


def leads(replica: Replica) -> bool:
    return "leading; reconciling begins" in replica.pod.log


@pytest.fixture
def pair(world: World) -> Iterator[Pair]:
    try:
        world.stage.cluster.api.request("DELETE", LEASE)
    except ApiError as error:
        assert error.status == 404  # noqa: PT017 - the first pair finds no Lease
    with world.ground(f"--lease-namespace={NAMESPACE}", f"--lease-duration={DURATION}", namespaced=True, tended=False) as ground:
        leader = ground.replicas[0]
        ground.until(lambda: leads(leader), "the first replica leads")
        with ground.another_replica() as rival:
            ground.until(lambda: "listing every kind once" in rival.pod.log, "the second replica waits")
            pair = Pair(ground, leader, rival)
            pair.change()
            yield pair


def writes_of(replica: Replica) -> list[str]:
    return [str(call) for call in replica.proxy.effective_writes()]


@pytest.mark.exhaustive
def test_only_the_leader_writes(pair: Pair) -> None:
    pair.change()

    assert not leads(pair.rival)
    assert writes_of(pair.rival) == []


@pytest.mark.exhaustive
def test_after_the_leaders_sudden_death_the_other_takes_over(pair: Pair) -> None:
    pair.leader.pod.kill()

    pair.change()

    assert leads(pair.rival)


@pytest.mark.exhaustive
def test_a_leader_that_is_told_to_stop_hands_over_before_its_lease_ends(pair: Pair) -> None:
    pair.leader.pod.signal(signal.SIGTERM)
    told = time.monotonic()
    pair.ground.until(lambda: leads(pair.rival), "the other leads")

    assert time.monotonic() - told < DURATION
    pair.change()


def test_a_leader_that_was_stopped_and_goes_on_later_writes_nothing(pair: Pair) -> None:
    pair.leader.pod.signal(signal.SIGSTOP)
    pair.ground.put(pair.ground.binding({"payloads": "Disabled"}))
    pair.ground.until(lambda: leads(pair.rival), "the other leads")
    before = writes_of(pair.leader)

    pair.leader.pod.signal(signal.SIGCONT)
    pair.ground.until(lambda: pair.leader.pod.pid is None, "the deposed leader's end")

    pair.change()
    assert writes_of(pair.leader) == before


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", [Hang(), Hang(effective=True), Answer(500), Answer(403)], ids=str)
def test_a_leader_that_cannot_renew_writes_nothing_once_another_may_lead(pair: Pair, fault: Hang | Answer) -> None:
    pair.leader.proxy.script.add(Rule(lease_updates, fault, times=None))
    last, first = 0.0, 0.0
    while not first:
        pair.ground.put(pair.ground.binding({"routes.0.llm.options.maxTokens": secrets.randbelow(100000) + 1}))
        time.sleep(0.1)
        last = max([0.0, *(e.at for e in tuple(pair.leader.proxy.exchanges) if e.effective)])
        first = min([e.at for e in tuple(pair.rival.proxy.exchanges) if e.effective], default=0.0)

    pair.change()

    late = [str(e.call) for e in pair.leader.proxy.exchanges if e.effective and e.at > first]
    assert late == []
    assert last < first


@pytest.mark.exhaustive
def test_a_lease_that_looks_long_expired_by_its_times_is_not_taken(pair: Pair) -> None:
    """The clocks of two machines may differ by any amount."""
    holder = pair.lease()["holderIdentity"]
    end = time.monotonic() + 2 * DURATION
    while time.monotonic() < end:
        body = {"spec": {"renewTime": "2001-01-01T00:00:00.000000Z", "acquireTime": "2001-01-01T00:00:00.000000Z"}}
        pair.ground.stage.cluster.api.request("PATCH", LEASE, body, "application/merge-patch+json")
        time.sleep(DURATION / 2)  # a renewal that meets such a write is repeated; more of them would starve it

    assert pair.lease()["holderIdentity"] == holder
    assert not leads(pair.rival)


@pytest.mark.exhaustive
def test_a_lease_deleted_under_its_holders_hands_leads_to_one_leader(pair: Pair) -> None:
    pair.ground.stage.cluster.api.request("DELETE", LEASE)

    pair.change()

    leading = [replica for replica in (pair.leader, pair.rival) if replica.pod.pid is not None and leads(replica)]
    assert len(leading) == 1
    pair.change()


@pytest.mark.exhaustive
def test_a_lease_taken_by_force_ends_the_leader_without_another_write(pair: Pair) -> None:
    """As when somebody edits the Lease, or a replica of another cluster uses it."""
    body = {"spec": {"holderIdentity": "somebody else"}}
    pair.ground.stage.cluster.api.request("PATCH", LEASE, body, "application/merge-patch+json")
    pair.ground.until(lambda: pair.leader.pod.pid is None, "the deposed leader's end")
    before = writes_of(pair.leader)

    pair.change()

    assert leads(pair.rival)
    assert writes_of(pair.leader) == before
