from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from fiddler_kong_operator.errors import Gone, NotLeader, Refused, Stale, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.election import LeaseElector, NoElection, suspend_aware_clock
from fiddler_kong_operator.kube.objects import LEASE, Kind
from tests.unit.virtual_time import loop, now, run

DURATION = 15.0
FENCE = 12.0


class Leases:
    """One Lease with optimistic locking; each request can be made to fail, hang, or lose its answer."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.before: Callable[[str], None] | None = None
        self.hang = False
        self.lose_answers = False
        self.writes = 0

    async def get(self, kind: Kind, namespace: str, name: str, /) -> dict[str, Any]:
        assert (kind, namespace, name) == (LEASE, "ops", "operator")
        await self._arrive("get")
        if self.lease is None:
            raise Gone("no lease")
        return copy.deepcopy(self.lease)

    async def create(self, kind: Kind, manifest: dict[str, Any], /) -> dict[str, Any]:
        assert kind is LEASE
        await self._arrive("create")
        if self.lease is not None:
            raise Stale("already exists")
        return await self._store(manifest)

    async def replace(self, kind: Kind, manifest: dict[str, Any], /) -> dict[str, Any]:
        assert kind is LEASE
        await self._arrive("replace")
        if self.lease is None:
            raise Gone("no lease")
        if manifest["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise Stale("changed")
        return await self._store(manifest)

    async def _arrive(self, verb: str) -> None:
        await asyncio.sleep(0.01)
        if self.before:
            self.before(verb)
        if self.hang:
            await asyncio.sleep(3600)

    async def _store(self, manifest: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.writes += 1
        self.lease = copy.deepcopy(manifest)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        if self.lose_answers:
            await asyncio.sleep(3600)
        return copy.deepcopy(self.lease)

    @property
    def spec(self) -> dict[str, Any]:
        assert self.lease is not None
        spec: dict[str, Any] = self.lease["spec"]
        return spec


class Unreachable(Leases):
    """The same lease as seen through a network that can be cut."""

    def __init__(self, leases: Leases) -> None:
        super().__init__()
        self.leases = leases
        self.cut = False

    async def get(self, kind: Kind, namespace: str, name: str, /) -> dict[str, Any]:
        return await self.leases.get(*self._pass(kind, namespace, name))

    async def create(self, kind: Kind, manifest: dict[str, Any], /) -> dict[str, Any]:
        return await self.leases.create(*self._pass(kind, manifest))

    async def replace(self, kind: Kind, manifest: dict[str, Any], /) -> dict[str, Any]:
        return await self.leases.replace(*self._pass(kind, manifest))

    def _pass(self, *args: Any) -> tuple[Any, ...]:
        if self.cut:
            raise Transient("no route")
        return args


def elector(leases: Leases, identity: str, *, wall: datetime | None = None) -> LeaseElector:
    return LeaseElector(
        cast("Client", leases),
        namespace="ops",
        name="operator",
        identity=identity,
        duration=DURATION,
        clock=now,
        uniform=lambda: 0.5,
        wall_clock=lambda: wall or datetime(2026, 1, 1, tzinfo=UTC).fromtimestamp(now(), UTC),
    )


def test_the_first_candidate_creates_the_lease() -> None:
    async def scenario() -> None:
        leases = Leases()
        one = elector(leases, "one")
        with pytest.raises(NotLeader):
            one.check()
        await one.acquire()
        one.check()
        assert leases.lease is not None
        assert leases.lease["apiVersion"] == "coordination.k8s.io/v1"
        assert leases.lease["metadata"] == {"name": "operator", "namespace": "ops", "resourceVersion": "1"}
        assert {k: leases.spec[k] for k in ("holderIdentity", "leaseDurationSeconds", "leaseTransitions")} == {
            "holderIdentity": "one",
            "leaseDurationSeconds": 15,
            "leaseTransitions": 0,
        }
        assert datetime.fromisoformat(leases.spec["renewTime"]).tzinfo is not None

    run(scenario())


def test_renewals_keep_the_fence_open_for_hours() -> None:
    async def scenario() -> None:
        leases = Leases()
        one = elector(leases, "one")
        await one.acquire()
        keeping = asyncio.ensure_future(one.keep())
        for _ in range(2000):
            await asyncio.sleep(3)
            one.check()
        assert leases.spec["holderIdentity"] == "one"
        keeping.cancel()

    run(scenario())


def test_a_rival_takes_over_only_after_a_whole_duration_without_renewal() -> None:
    async def scenario() -> None:
        leases = Leases()
        one, two = elector(leases, "one"), elector(leases, "two")
        await one.acquire()
        acquired_at = now()
        await two.acquire()
        assert now() - acquired_at > DURATION
        assert (leases.spec["holderIdentity"], leases.spec["leaseTransitions"]) == ("two", 1)
        with pytest.raises(NotLeader):
            one.check()

    run(scenario())


def test_the_other_ones_clock_does_not_matter() -> None:
    async def scenario() -> None:
        leases = Leases()
        long_ago = elector(leases, "one", wall=datetime(1999, 1, 1, tzinfo=UTC))
        await long_ago.acquire()
        start = now()
        two = elector(leases, "two")
        await two.acquire()
        assert now() - start > DURATION

    run(scenario())


def test_the_fence_closes_before_a_rival_may_take_over_when_renewals_hang() -> None:
    async def scenario() -> None:
        leases = Leases()
        cable = Unreachable(leases)
        one, two = elector(cable, "one"), elector(leases, "two")
        await one.acquire()
        keeping = asyncio.ensure_future(one.keep())
        await asyncio.sleep(30)
        leases_hang = asyncio.ensure_future(two.acquire())
        await asyncio.sleep(5)
        cable.cut = True
        while not leases_hang.done():
            assert not (one.leading and two.leading)
            await asyncio.sleep(0.05)
        assert not one.leading
        with pytest.raises(NotLeader):
            await keeping
        two.check()

    run(scenario())


def test_a_renewal_without_an_answer_ends_the_term_in_time() -> None:
    async def scenario() -> None:
        leases = Leases()
        one = elector(leases, "one")
        await one.acquire()
        start = now()
        leases.hang = True
        with pytest.raises(NotLeader):
            await one.keep()
        assert FENCE - 0.1 <= now() - start <= FENCE + 0.1

    run(scenario())


def test_a_renewal_whose_answer_was_lost_is_recognised_as_our_own() -> None:
    async def scenario() -> None:
        leases = Leases()
        one = elector(leases, "one")
        await one.acquire()
        keeping = asyncio.ensure_future(one.keep())
        leases.lose_answers = True
        await asyncio.sleep(DURATION / 3)
        assert leases.writes == 2
        leases.lose_answers = False
        for _ in range(100):
            await asyncio.sleep(1)
            one.check()
        keeping.cancel()

    run(scenario())


def test_an_annotation_set_by_a_person_does_not_end_the_term() -> None:
    async def scenario() -> None:
        leases = Leases()
        one = elector(leases, "one")
        await one.acquire()
        keeping = asyncio.ensure_future(one.keep())
        assert leases.lease is not None
        leases.lease["metadata"] |= {"resourceVersion": "by-hand", "annotations": {"note": "hello"}}
        await asyncio.sleep(60)
        one.check()
        assert leases.lease["metadata"]["annotations"] == {"note": "hello"}
        keeping.cancel()

    run(scenario())


def test_another_holder_in_the_record_closes_the_fence_at_once() -> None:
    async def scenario() -> None:
        leases = Leases()
        one = elector(leases, "one")
        await one.acquire()
        assert leases.lease is not None
        leases.lease["metadata"]["resourceVersion"] = "other"
        leases.lease["spec"]["holderIdentity"] = "two"
        start = now()
        with pytest.raises(NotLeader):
            await one.keep()
        assert now() - start < FENCE / 2
        await one.release()
        assert leases.spec["holderIdentity"] == "two"

    run(scenario())


def test_a_stopped_process_finds_the_fence_closed_when_it_goes_on() -> None:
    async def scenario() -> None:
        leases = Leases()
        one = elector(leases, "one")
        await one.acquire()
        keeping = asyncio.ensure_future(one.keep())
        await asyncio.sleep(7)
        one.check()
        loop().jump(FENCE)
        with pytest.raises(NotLeader):
            one.check()
        with pytest.raises(NotLeader):
            await keeping

    run(scenario())


def test_a_deleted_lease_is_made_again_by_its_holder_and_not_grabbed_by_a_rival() -> None:
    async def scenario() -> None:
        leases = Leases()
        one, two = elector(leases, "one"), elector(leases, "two")
        await one.acquire()
        keeping = asyncio.ensure_future(one.keep())
        rival = asyncio.ensure_future(two.acquire())
        await asyncio.sleep(20)
        leases.lease = None
        for _ in range(600):
            await asyncio.sleep(0.1)
            one.check()
            assert not two.leading
        assert leases.spec["holderIdentity"] == "one"
        rival.cancel()
        keeping.cancel()

    run(scenario())


def test_a_released_lease_is_taken_at_once() -> None:
    async def scenario() -> None:
        leases = Leases()
        one, two = elector(leases, "one"), elector(leases, "two")
        await one.acquire()
        rival = asyncio.ensure_future(two.acquire())
        await asyncio.sleep(5)
        await one.release()
        with pytest.raises(NotLeader):
            one.check()
        assert leases.spec["holderIdentity"] == ""
        start = now()
        await rival
        assert now() - start < 3
        two.check()

    run(scenario())


def test_a_renewal_cut_off_by_the_end_does_not_keep_the_lease() -> None:
    leases = Leases()

    async def scenario() -> None:
        one = elector(leases, "one")
        await one.acquire()
        leases.lose_answers = True
        keeping = asyncio.create_task(one.keep())
        await asyncio.sleep(0.05)  # the renewal has arrived, its answer has not
        keeping.cancel()
        leases.lose_answers = False
        await one.release()

    run(scenario())
    assert leases.spec["holderIdentity"] == ""


def test_a_lease_that_another_holds_by_now_is_not_released() -> None:
    leases = Leases()

    async def scenario() -> None:
        one = elector(leases, "one")
        await one.acquire()
        await leases.replace(LEASE, {**copy.deepcopy(leases.lease or {}), "spec": {**leases.spec, "holderIdentity": "two"}})
        await one.release()

    run(scenario())
    assert leases.spec["holderIdentity"] == "two"


def test_release_never_fails() -> None:
    async def scenario() -> None:
        leases = Leases()
        await elector(leases, "never").release()
        assert leases.lease is None
        one = elector(leases, "one")
        await one.acquire()
        leases.hang = True
        await one.release()
        assert not one.leading

    run(scenario())


def test_of_two_that_start_together_one_leads() -> None:
    async def scenario() -> None:
        leases = Leases()
        candidates = [elector(leases, name) for name in ("one", "two", "three")]
        tasks = [asyncio.ensure_future(candidate.acquire()) for candidate in candidates]
        await asyncio.sleep(2)
        assert sum(candidate.leading for candidate in candidates) == 1
        assert sum(task.done() for task in tasks) == 1
        for task in tasks:
            task.cancel()

    run(scenario())


def test_server_errors_while_acquiring_are_waited_out() -> None:
    async def scenario() -> None:
        leases = Leases()
        failures = iter([Transient("503"), Stale("409"), Gone("404")])

        def fail(_: str) -> None:
            if error := next(failures, None):
                raise error

        leases.before = fail
        one = elector(leases, "one")
        await asyncio.wait_for(one.acquire(), 30)
        one.check()

    run(scenario())


def test_a_missing_permission_is_not_waited_out() -> None:
    async def scenario() -> None:
        leases = Leases()

        def refuse(_: str) -> None:
            raise Refused("leases is forbidden", 403)

        leases.before = refuse
        with pytest.raises(Refused):
            await elector(leases, "one").acquire()

    run(scenario())


def test_never_two_leaders_whatever_the_network_does() -> None:
    async def scenario() -> None:
        leases = Leases()
        cables = [Unreachable(leases) for _ in range(3)]
        candidates: list[LeaseElector] = []

        async def stand(number: int) -> None:
            while True:
                candidate = elector(cables[number], f"{number}-{len(candidates)}")
                candidates.append(candidate)
                await candidate.acquire()
                with pytest.raises(NotLeader):
                    await candidate.keep()

        tasks = [asyncio.ensure_future(stand(number)) for number in range(3)]
        led: set[int] = set()
        for step in range(4000):
            cables[step // 170 % 3].cut = step % 170 < 130
            await asyncio.sleep(0.25)
            leading = [number for number, candidate in enumerate(candidates) if candidate.leading]
            assert len(leading) <= 1
            led.update(leading)
        assert len(led) > 3
        for task in tasks:
            task.cancel()

    run(scenario())


async def test_without_election_everything_is_allowed() -> None:
    election = NoElection()
    await election.acquire()
    election.check()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(election.keep(), 0.01)
    await election.release()


def test_the_clock_goes_forward() -> None:
    first = suspend_aware_clock()
    assert suspend_aware_clock() >= first > 0
