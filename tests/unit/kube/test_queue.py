from __future__ import annotations

import asyncio

import pytest
import uvloop

from fiddler_kong_operator.kube.backoff import Doubling
from fiddler_kong_operator.kube.queue import BACKGROUND_LIMIT, BACKGROUND_SHARE, YIELDING, Lane, QueueClosed, WorkQueue
from tests.unit.virtual_time import now, run

REGULAR = Doubling()


def new_queue(backoff: Doubling = REGULAR) -> WorkQueue[str]:
    return WorkQueue(backoff=backoff, clock=now, uniform=lambda: 0.0)


async def take(queue: WorkQueue[str], count: int) -> list[str]:
    """Take and finish that many keys, one after the other."""
    taken = []
    for _ in range(count):
        key = await queue.get()
        taken.append(key)
        queue.done(key)
    return taken


def test_a_key_added_twice_is_handed_out_once_in_its_first_place() -> None:
    async def scenario() -> None:
        queue = new_queue()
        for key in ("a", "b", "a"):
            queue.add(key)
        assert await take(queue, 2) == ["a", "b"]
        assert queue.depth == {Lane.URGENT: 0, Lane.BACKGROUND: 0}

    run(scenario())


def test_a_key_in_work_is_not_handed_out_again_before_done() -> None:
    async def scenario() -> None:
        queue = new_queue()
        queue.add("a")
        assert await queue.get() == "a"
        queue.add("a")
        queue.add("a", Lane.BACKGROUND)
        assert queue.depth[Lane.URGENT] == 0
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 5)
        queue.done("a")
        assert queue.depth == {Lane.URGENT: 1, Lane.BACKGROUND: 0}
        assert await queue.get() == "a"

    run(scenario())


def test_a_key_that_is_always_added_again_does_not_starve_others() -> None:
    async def scenario() -> list[str]:
        queue = new_queue()
        for key in ("busy", "b", "c"):
            queue.add(key)
        order = []
        for _ in range(5):
            key = await queue.get()
            order.append(key)
            queue.add("busy")
            queue.done(key)
        return order

    assert run(scenario()) == ["busy", "b", "c", "busy", "busy"]


def test_urgent_goes_first_but_background_gets_its_share() -> None:
    async def scenario() -> list[str]:
        queue = new_queue()
        queue.add("background", Lane.BACKGROUND)
        for number in range(BACKGROUND_SHARE + 2):
            queue.add(f"urgent-{number}")
        return await take(queue, BACKGROUND_SHARE + 3)

    order = run(scenario())
    assert order.index("background") == BACKGROUND_SHARE - 1
    assert [key for key in order if key != "background"] == [f"urgent-{n}" for n in range(BACKGROUND_SHARE + 2)]


async def _taken(queue: WorkQueue[str], workers: int) -> list[str]:
    """The keys that so many idle workers take within half a second, and go on working on."""
    tasks = [asyncio.create_task(queue.get()) for _ in range(workers)]
    done, waiting = await asyncio.wait(tasks, timeout=0.5)
    for task in waiting:
        task.cancel()
    return [task.result() for task in done]


def test_without_changes_the_background_may_have_every_worker() -> None:
    async def scenario() -> int:
        queue = new_queue()
        for number in range(20):
            queue.add(f"background-{number}", Lane.BACKGROUND)
        return len(await _taken(queue, 16))

    assert run(scenario()) == 16


def test_while_changes_come_the_background_has_a_few_workers_and_all_of_them_a_second_later() -> None:
    async def scenario() -> None:
        queue = new_queue()
        queue.add("change")
        assert await queue.get() == "change"
        for number in range(20):
            queue.add(f"background-{number}", Lane.BACKGROUND)

        first = await _taken(queue, 15)
        assert len(first) == BACKGROUND_LIMIT

        queue.done(first[0])
        assert len(await _taken(queue, 1)) == 1
        assert await _taken(queue, 1) == []

        late = asyncio.gather(*(queue.get() for _ in range(6)))
        await asyncio.wait_for(late, YIELDING)
        queue.add("another change")
        assert await _taken(queue, 1) == ["another change"]

    run(scenario())


def test_an_urgent_add_moves_a_key_out_of_the_background() -> None:
    async def scenario() -> list[str]:
        queue = new_queue()
        for key in ("a", "b"):
            queue.add(key, Lane.BACKGROUND)
        queue.add("b")
        queue.add("b", Lane.BACKGROUND)
        assert queue.depth == {Lane.URGENT: 1, Lane.BACKGROUND: 1}
        return await take(queue, 2)

    assert run(scenario()) == ["b", "a"]


def test_delays_too_short_for_the_products_event_loop_are_delays_too() -> None:
    """uvloop calls back at once for less than half a millisecond, by a handle that does not know its time."""

    async def scenario() -> None:
        queue: WorkQueue[str] = WorkQueue()
        for seconds in (0.0001, 0.0, 0.0002):
            queue.add_after("a", seconds)
        assert (await take(queue, 1), queue.delayed) == (["a"], 0)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(scenario(), 10))


def test_of_several_delayed_adds_the_earliest_counts() -> None:
    async def scenario() -> None:
        queue = new_queue()
        start = now()
        queue.add_after("a", 50)
        queue.add_after("a", 10)
        queue.add_after("a", 30)
        queue.add_after("b", 20)
        assert queue.delayed == 2
        assert [(await take(queue, 1))[0], now() - start] == ["a", 10]
        assert [(await take(queue, 1))[0], now() - start] == ["b", 20]
        assert queue.delayed == 0

    run(scenario())


def test_handing_a_key_out_drops_its_older_delayed_add_but_keeps_one_made_during_work() -> None:
    async def scenario() -> None:
        queue = new_queue()
        queue.add_after("a", 10)
        queue.add("a")
        await queue.get()
        assert queue.delayed == 0
        queue.add_after("a", 40)
        start = now()
        queue.done("a")
        assert await take(queue, 1) == ["a"]
        assert now() - start == 40

    run(scenario())


def test_failures_pause_longer_and_longer_until_success() -> None:
    async def scenario() -> None:
        queue = new_queue(Doubling(base=1, cap=5))
        assert [queue.retry("a") for _ in range(4)] == [1, 2, 4, 5]
        assert queue.retry("b") == 1
        queue.succeeded("a")
        assert queue.retry("a") == 1
        assert queue.retry("a", after=60) == 60

    run(scenario())


def test_jitter_takes_off_up_to_half() -> None:
    backoff = Doubling(base=8, cap=1000)
    assert [backoff.pause(1, 0.0), backoff.pause(1, 1.0), backoff.pause(3, 0.5)] == [8, 4, 24]
    assert backoff.pause(10_000, 0.0) == 1000


def test_a_failed_key_comes_back_after_its_pause() -> None:
    async def scenario() -> None:
        queue = new_queue(Doubling(base=3))
        queue.add("a")
        await queue.get()
        queue.retry("a")
        queue.done("a")
        start = now()
        assert await take(queue, 1) == ["a"]
        assert now() - start == 3

    run(scenario())


@pytest.mark.parametrize("lane", list(Lane))
def test_a_retry_continues_in_the_lane_of_the_key(lane: Lane) -> None:
    async def scenario() -> dict[Lane, int]:
        queue = new_queue(Doubling(base=3))
        queue.add("a", lane)
        queue.retry(await queue.get())
        queue.done("a")
        await asyncio.sleep(4)
        return dict(queue.depth)

    assert run(scenario()) == {other: int(other is lane) for other in Lane}


def test_a_delayed_add_goes_to_the_background_unless_it_names_a_lane() -> None:
    async def scenario() -> dict[Lane, int]:
        queue = new_queue()
        queue.add("a")
        await queue.get()
        queue.add_after("a", 1)
        queue.add_after("b", 1, Lane.URGENT)
        queue.done("a")
        await asyncio.sleep(2)
        return dict(queue.depth)

    assert run(scenario()) == {Lane.URGENT: 1, Lane.BACKGROUND: 1}


def test_a_change_does_not_wait_for_the_back_off() -> None:
    async def scenario() -> None:
        queue = new_queue()
        queue.retry("a", after=100)
        queue.add("a")
        start = now()
        assert await take(queue, 1) == ["a"]
        assert now() == start

    run(scenario())


def test_join_waits_for_waiting_and_working_keys_but_not_for_delayed_ones() -> None:
    async def scenario() -> None:
        queue = new_queue()
        await asyncio.wait_for(queue.join(), 1)
        queue.add("a")
        queue.add_after("later", 3600)
        joined = asyncio.ensure_future(queue.join())
        key = await queue.get()
        await asyncio.sleep(10)
        assert not joined.done()
        queue.add(key)
        queue.done(key)
        await asyncio.sleep(10)
        assert not joined.done()
        await take(queue, 1)
        await asyncio.wait_for(joined, 1)

    run(scenario())


def test_close_ends_idle_workers_drops_what_waits_and_leaves_work_under_way_to_its_end() -> None:
    async def scenario() -> None:
        queue = new_queue()
        for key in ("busy", "waiting"):
            queue.add(key)
        queue.add_after("later", 5)
        assert await queue.get() == "busy"
        assert await queue.get() == "waiting"
        idle = [asyncio.ensure_future(queue.get()) for _ in range(3)]
        await asyncio.sleep(0)
        queue.add("busy")
        queue.close()
        ended = await asyncio.gather(*idle, return_exceptions=True)
        assert [type(end) for end in ended] == [QueueClosed] * 3
        for key in ("late", "busy"):
            queue.add(key)
            queue.add_after(key, 1)
        assert queue.delayed == 0
        joined = asyncio.ensure_future(queue.join())
        queue.done("waiting")
        await asyncio.sleep(60)
        assert not joined.done()
        queue.done("busy")
        await asyncio.wait_for(joined, 1)
        with pytest.raises(QueueClosed):
            await queue.get()
        assert queue.depth == {Lane.URGENT: 0, Lane.BACKGROUND: 0}

    run(scenario())


def test_a_cancelled_worker_does_not_lose_the_key_it_was_woken_for() -> None:
    async def scenario() -> None:
        queue = new_queue()
        first, second = (asyncio.ensure_future(queue.get()) for _ in range(2))
        await asyncio.sleep(0)
        queue.add("a")
        first.cancel()
        assert await asyncio.wait_for(second, 1) == "a"

    run(scenario())


def test_workers_share_the_keys_and_never_work_on_one_together() -> None:
    async def scenario() -> None:
        queue = new_queue()
        in_work: set[str] = set()
        handled: list[str] = []

        async def work() -> None:
            while True:
                key = await queue.get()
                assert key not in in_work
                in_work.add(key)
                await asyncio.sleep(1)
                in_work.remove(key)
                handled.append(key)
                queue.done(key)

        workers = [asyncio.ensure_future(work()) for _ in range(4)]
        for turn in range(3):
            for number in range(10):
                queue.add(f"key-{number}")
            await asyncio.sleep(turn / 2)
        await queue.join()
        assert set(handled) == {f"key-{number}" for number in range(10)}
        assert 10 < len(handled) <= 30
        queue.close()
        await asyncio.gather(*workers, return_exceptions=True)

    run(scenario())


def test_age_and_work_are_measured() -> None:
    async def scenario() -> None:
        queue = new_queue()
        assert queue.oldest_age == 0
        queue.add("a", Lane.BACKGROUND)
        await asyncio.sleep(7)
        queue.add("b")
        assert queue.oldest_age == 7
        assert await queue.get() == "b"
        assert queue.working_since() == {"b": now()}
        assert queue.oldest_age == 7

    run(scenario())


def test_one_group_with_many_keys_does_not_make_another_wait() -> None:
    async def scenario() -> list[str]:
        queue: WorkQueue[str] = WorkQueue(group=lambda key: key[0], clock=now)
        for number in range(5000):
            queue.add(f"a{number}")
        queue.add("b")
        return await take(queue, 3)

    assert "b" in run(scenario())
