from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from fiddler_kong_operator.errors import Conflict, FiddlerKongError, Gone, NotLeader, Refused, Stale, Stalled, Transient
from fiddler_kong_operator.kube.backoff import Doubling
from fiddler_kong_operator.kube.metrics import Metrics
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.kube.queue import Lane, WorkQueue
from fiddler_kong_operator.runtime.workers import UNFINISHED, Workers
from tests.unit.virtual_time import now, run

ASSISTANT = ObjectKey("FiddlerKongBinding", "ai", "assistant")
OTHER = ObjectKey("FiddlerKongBinding", "ai", "other")
GATEWAY = ObjectKey("Deployment", "kong", "kong-gateway")
REGULAR = Doubling()

Work = Callable[[ObjectKey], Awaitable[float | None]]


def results(metrics: Metrics, kind: str) -> dict[str, float]:
    samples = (sample for family in metrics.registry.collect() for sample in family.samples)
    return {s.labels["result"]: s.value for s in samples if s.name.endswith("_reconcile_total") and s.labels["kind"] == kind}


class Shop:
    """A queue, its workers, and when which key was served."""

    def __init__(self, work: Work, number: int = 2) -> None:
        self.queue: WorkQueue[ObjectKey] = WorkQueue(backoff=REGULAR, clock=now, uniform=lambda: 0.0)
        self.metrics = Metrics()
        self.served: list[tuple[str, ObjectKey, float]] = []
        self.start_time = now()
        self.work = work
        self.workers = Workers(self.queue, self._bindings, self._workloads, number, self.metrics)
        self.workers.start()

    async def _bindings(self, key: ObjectKey) -> float | None:
        return await self._serve("binding", key)

    async def _workloads(self, key: ObjectKey) -> float | None:
        return await self._serve("workload", key)

    async def _serve(self, by: str, key: ObjectKey) -> float | None:
        self.served.append((by, key, now() - self.start_time))
        return await self.work(key)

    def results(self, kind: str = "FiddlerKongBinding") -> dict[str, float]:
        """Reconciliations of that kind by result."""
        return results(self.metrics, kind)

    def times(self, key: ObjectKey = ASSISTANT) -> list[float]:
        """Seconds after the start at which the key was served."""
        return [time for _, served, time in self.served if served == key]


def raising(*errors: Exception) -> Work:
    """Raises each error in turn, then succeeds."""
    left = list(errors)

    async def work(_key: ObjectKey) -> float | None:
        if left:
            raise left.pop(0)
        return None

    return work


async def content(_key: ObjectKey) -> float | None:
    return None


def served(work: Work, seconds: float, *keys: ObjectKey) -> Shop:
    """The shop after that time, with these keys added at its start."""

    async def scenario() -> Shop:
        shop = Shop(work)
        for key in keys or (ASSISTANT,):
            shop.queue.add(key)
        await asyncio.sleep(seconds)
        await shop.workers.stop(0)
        return shop

    return run(scenario())


def test_bindings_and_workloads_go_to_their_reconcilers() -> None:
    shop = served(content, 1, ASSISTANT, GATEWAY)

    assert shop.served == [("binding", ASSISTANT, 0.0), ("workload", GATEWAY, 0.0)]
    assert (shop.results("FiddlerKongBinding"), shop.results("Deployment")) == ({"success": 1}, {"success": 1})


def test_a_key_is_reconciled_again_when_it_is_due() -> None:
    async def thrice(_key: ObjectKey) -> float | None:
        return 30.0

    assert served(thrice, 65).times() == [0.0, 30.0, 60.0]


@pytest.mark.parametrize(("due_in", "lane"), [(UNFINISHED, Lane.URGENT), (UNFINISHED + 1, Lane.BACKGROUND)])
def test_a_key_that_waits_for_a_first_answer_keeps_its_lane(due_in: float, lane: Lane) -> None:
    async def work(key: ObjectKey) -> float | None:
        await asyncio.sleep(1000 if key == OTHER else 0)
        return due_in

    async def scenario() -> dict[Lane, int]:
        shop = Shop(work, number=1)
        for key in (ASSISTANT, OTHER):
            shop.queue.add(key)
        await asyncio.sleep(due_in + 1)
        depth = dict(shop.queue.depth)
        await shop.workers.stop(0)
        return depth

    assert run(scenario()) == {other: int(other is lane) for other in Lane}


def test_a_key_without_a_due_time_is_not_reconciled_again() -> None:
    assert served(content, 10_000).times() == [0.0]


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (Stale("changed"), "stale"),
        (Gone("deleted"), "stale"),
        (Transient("503"), "transient"),
        (Refused("forbidden", 403), "refused"),
        (Conflict("helm"), "stale"),
        (Stalled("NameTaken", "taken"), "refused"),
    ],
    ids=repr,
)
def test_an_expected_failure_is_retried_with_growing_pauses_and_is_no_bug(
    error: FiddlerKongError, result: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        shop = served(raising(error, error, error), 60)

    assert shop.times() == [0.0, 0.5, 1.5, 3.5]
    assert (shop.results(), shop.metrics.bugs) == ({result: 3, "success": 1}, 0)
    assert [str(error) in record.getMessage() for record in caplog.records] == [True] * 3
    assert [record.exc_info for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    ("error", "level"), [(Refused("secrets is forbidden", 403), "WARNING"), (Stale("changed"), "INFO"), (Gone("deleted"), "INFO")], ids=repr
)
def test_what_a_person_must_repair_is_a_warning(error: FiddlerKongError, level: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        served(raising(error), 60)

    assert [record.levelname for record in caplog.records] == [level]


def test_retry_after_is_honoured() -> None:
    shop = served(raising(Transient("429", retry_after=20.0), Transient("429", retry_after=0.1)), 60)

    assert shop.times() == [0.0, 20.0, 21.0]


def test_success_makes_the_next_failure_start_from_the_shortest_pause() -> None:
    async def scenario() -> list[float]:
        shop = Shop(raising(Stale("1"), Stale("2")))
        shop.queue.add(ASSISTANT)
        await asyncio.sleep(10)
        shop.work = raising(Stale("3"))
        shop.queue.add(ASSISTANT)
        await asyncio.sleep(10)
        await shop.workers.stop(0)
        return shop.times()

    assert run(scenario()) == [0.0, 0.5, 1.5, 10.0, 10.5]


def test_a_bug_is_logged_with_its_traceback_counted_and_retried(caplog: pytest.LogCaptureFixture) -> None:
    shop = served(raising(ZeroDivisionError("a bug"), KeyError("another")), 60)

    assert shop.times() == [0.0, 0.5, 1.5]
    assert (shop.results(), shop.metrics.bugs) == ({"bug": 2, "success": 1}, 2)
    assert [(record.levelname, record.exc_info and record.exc_info[0]) for record in caplog.records] == [
        ("ERROR", ZeroDivisionError),
        ("ERROR", KeyError),
    ]
    assert "FiddlerKongBinding ai/assistant: a bug in the operator, please report it" in caplog.text


def test_a_bug_met_by_one_key_does_not_stop_the_others() -> None:
    async def work(key: ObjectKey) -> float | None:
        if key == ASSISTANT:
            raise ZeroDivisionError
        return 10.0

    shop = served(work, 25, ASSISTANT, OTHER, GATEWAY)

    assert (shop.times(OTHER), shop.times(GATEWAY)) == ([0.0, 10.0, 20.0], [0.0, 10.0, 20.0])


def test_a_key_that_failed_can_be_wanted_again_before_its_pause_is_over() -> None:
    async def scenario() -> list[float]:
        shop = Shop(raising(ZeroDivisionError()))
        shop.queue.add(ASSISTANT)
        await asyncio.sleep(0.1)
        shop.queue.add(ASSISTANT)
        await asyncio.sleep(60)
        await shop.workers.stop(0)
        return shop.times()

    assert run(scenario()) == pytest.approx([0.0, 0.1])


def test_without_the_lease_a_key_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    shop = served(raising(NotLeader("lost")), 10_000)

    assert (shop.times(), shop.results(), shop.metrics.bugs) == ([0.0], {"not_leader": 1}, 0)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_no_more_keys_are_in_work_at_once_than_there_are_workers() -> None:
    async def scenario() -> int:
        busy = highest = 0

        async def work(_key: ObjectKey) -> float | None:
            nonlocal busy, highest
            busy += 1
            highest = max(highest, busy)
            await asyncio.sleep(1)
            busy -= 1
            return None

        shop = Shop(work, number=3)
        for number in range(10):
            shop.queue.add(ObjectKey("FiddlerKongBinding", "ai", f"b{number}"))
        await shop.queue.join()
        await shop.workers.stop(0)
        return highest

    assert run(scenario()) == 3


class Slow:
    """Work of five seconds that tells how it ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    async def __call__(self, _key: ObjectKey) -> float | None:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        self.ended.append("finished")
        return None


@pytest.mark.parametrize(("seconds", "ending", "took"), [(20.0, "finished", 4.0), (2.0, "cancelled", 2.0)])
def test_stopping_lets_work_finish_within_a_time_and_starts_none(seconds: float, ending: str, took: float) -> None:
    async def scenario() -> tuple[list[str], int, float]:
        slow = Slow()
        shop = Shop(slow, number=1)
        shop.queue.add(ASSISTANT)
        shop.queue.add(OTHER)
        await asyncio.sleep(1)
        before = now()
        await shop.workers.stop(seconds)
        return slow.ended, len(shop.served), now() - before

    ended, begun, time = run(scenario())
    assert ([ending], 1) == (ended, begun)
    assert time == pytest.approx(took)


def test_workers_that_never_started_stop_at_once() -> None:
    async def scenario() -> float:
        queue: WorkQueue[ObjectKey] = WorkQueue(clock=now)
        before = now()
        await Workers(queue, content, content, 4, Metrics()).stop(20)
        return now() - before

    assert run(scenario()) == 0.0
