"""Two replicas and one Lease: whatever happens to the leader, the other takes over, and a deposed leader writes nothing."""

from __future__ import annotations

import secrets
import signal
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

STEADY = 12
"""A Lease that a leader on a busy machine does not lose."""

LONG = 60
"""A Lease longer than a test waits for the next leader: one that leads in time did not wait for its end."""

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/fiddler-kong-operator"


@dataclass
class Pair:
    """A ground with a leader and a waiting replica."""

    ground: Ground
    leader: Replica
    rival: Replica

    def change(self) -> None:
        """Change the binding, and wait until the leader has applied the change."""
        number = secrets.randbelow(100000)
        self.ground.put(self.ground.binding({"routes.0.llm.options.maxTokens": number + 1}))

        def followed() -> bool:
            plugin = self.ground.get("KongPlugin", "assistant-openai-ai-proxy") or {}
            return bool(plugin) and plugin["config"]["model"]["options"]["max_tokens"] == number + 1 and self.ground.is_ready()

        self.ground.until(followed, "the change")
        self.ground.until_quiet(1.0)

    def until_both_have_seen_the_lease(self) -> None:
        """Wait until the rival has read the Lease twice and the leader has renewed it: a renewal that meets another's write is refused,
        and repeated after a read."""
        read, renewed = lease_requests(self.rival), lease_requests(self.leader)
        self.ground.until(
            lambda: lease_requests(self.rival) >= read + 2 and lease_requests(self.leader) >= renewed + 3, "both have seen the Lease"
        )

    def lease(self) -> dict[str, Any]:
        """The Lease's spec."""
        spec: dict[str, Any] = self.ground.stage.cluster.api.request("GET", LEASE)["spec"]
        return spec


def lease_updates(call: Call) -> bool:
    return call.is_lease and call.verb in {"update", "create"}


def leads(replica: Replica) -> bool:
    return replica.pod.leads


def lease_requests(replica: Replica) -> int:
    """Number of answered requests about the Lease so far."""
    return sum(exchange.call.is_lease for exchange in tuple(replica.proxy.exchanges))


@pytest.fixture
def duration() -> int:
    return DURATION


@pytest.fixture
def pair(world: World, duration: int) -> Iterator[Pair]:
    try:
        world.stage.cluster.api.request("DELETE", LEASE)
    except ApiError as error:
        assert error.status == 404  # noqa: PT017 - the first pair finds no Lease
    with world.ground(f"--lease-namespace={NAMESPACE}", f"--lease-duration={duration}", namespaced=True, tended=False) as ground:
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
@pytest.mark.parametrize("duration", [STEADY])
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
@pytest.mark.parametrize("duration", [LONG])
def test_a_leader_ended_by_sigterm_hands_over_before_its_lease_ends(pair: Pair) -> None:
    pair.leader.pod.signal(signal.SIGTERM)

    pair.ground.until(lambda: leads(pair.rival), "the other leads", seconds=LONG / 2)

    pair.change()


def test_a_leader_that_was_frozen_writes_nothing_when_it_continues(pair: Pair) -> None:
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

    def another_wrote() -> bool:
        pair.ground.put(pair.ground.binding({"routes.0.llm.options.maxTokens": secrets.randbelow(100000) + 1}))
        return bool(pair.rival.proxy.effective_writes())

    pair.ground.until(another_wrote, "a write of the other replica")

    pair.change()

    first = min(exchange.at for exchange in pair.rival.proxy.exchanges if exchange.effective)
    late = [str(exchange.call) for exchange in pair.leader.proxy.exchanges if exchange.effective and exchange.at >= first]
    assert late == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("duration", [STEADY])
def test_a_lease_that_looks_long_expired_by_its_times_is_not_taken(pair: Pair) -> None:
    """The clocks of two machines may differ by any amount. A Lease that a rival sees unchanged for its whole duration is over, though."""
    holder = pair.lease()["holderIdentity"]
    for second in range(4):
        body = {"spec": {"renewTime": f"2001-01-01T00:00:0{second}.000000Z", "acquireTime": "2001-01-01T00:00:00.000000Z"}}
        pair.ground.stage.cluster.api.request("PATCH", LEASE, body, "application/merge-patch+json")
        pair.until_both_have_seen_the_lease()

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
    """Happens when a user edits the Lease, or a replica of another cluster uses it."""
    body = {"spec": {"holderIdentity": "another"}}
    pair.ground.stage.cluster.api.request("PATCH", LEASE, body, "application/merge-patch+json")
    pair.ground.until(lambda: pair.leader.pod.pid is None, "the deposed leader's end")
    before = writes_of(pair.leader)

    pair.change()

    assert leads(pair.rival)
    assert writes_of(pair.leader) == before
