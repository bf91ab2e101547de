from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet

import pytest

from fiddler_kong_operator.errors import Expired, Gone, Refused, Transient
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.kube.resync import QUIET, RETRY, Resync
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.plan.kinds import BINDING
from tests.unit.observe.objects import binding
from tests.unit.runtime.apis import WatchableCluster
from tests.unit.virtual_time import now, run

INTERVAL = 600.0
OTHER = ObjectKey("FiddlerKongBinding", "ai", "other")


class Sink:
    """Notes which lists were completed when."""

    def __init__(self) -> None:
        self.start = now()
        self.lists: list[tuple[str | None, frozenset[str]]] = []
        self.times: list[float] = []

    def event(self, _kind: Kind, _event_type: str | None, _raw: Manifest) -> None:
        pass

    def relisted(self, _kind: Kind, namespace: str | None, seen: AbstractSet[ObjectKey], _resource_version: str) -> None:
        self.lists.append((namespace, frozenset(key.name for key in seen)))
        self.times.append(now() - self.start)

    def installed(self, _kind: Kind, *, installed: bool) -> None:
        raise AssertionError(installed)

    def forbidden(self, _kind: Kind, _namespace: str | None, problem: str | None) -> None:
        raise AssertionError(problem)


def new_resync(api: WatchableCluster, sink: Sink, scopes: tuple[str | None, ...] = (None,), uniform: float = 0.0) -> Resync:
    return Resync(api, BINDING, scopes, sink, INTERVAL, lambda: uniform)


def times(act: Callable[[Resync, WatchableCluster], Awaitable[None]], uniform: float = 0.0) -> list[float]:
    """Seconds after the start at which a running resync had listed."""

    async def scenario() -> list[float]:
        api, sink = WatchableCluster(binding()), Sink()
        resync = new_resync(api, sink, uniform=uniform)
        task = asyncio.create_task(resync.run())
        await act(resync, api)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return sink.times

    return run(scenario())


def test_every_namespace_is_listed() -> None:
    async def scenario() -> list[tuple[str | None, frozenset[str]]]:
        sink = Sink()
        await new_resync(
            WatchableCluster(binding(), binding("other", namespace="ml"), binding("unseen", namespace="secret")), sink, ("ai", "ml")
        ).once()
        return sink.lists

    assert run(scenario()) == [("ai", frozenset({"assistant"})), ("ml", frozenset({"other"}))]


def test_a_namespace_that_must_not_be_listed_holds_back_no_other() -> None:
    async def scenario() -> tuple[list[tuple[str | None, frozenset[str]]], frozenset[str | None]]:
        api, sink = WatchableCluster(binding(), binding("other", namespace="ml")), Sink()
        api.errors["FiddlerKongBinding"] = [Refused("forbidden", 403)]
        resync = new_resync(api, sink, ("ai", "ml"))
        await resync.once()
        return sink.lists, resync.refused

    assert run(scenario()) == ([("ml", frozenset({"other"}))], frozenset({"ai"}))


@pytest.mark.parametrize("error", [Gone("no CRD"), Refused("forbidden", 403), Transient("503"), Expired("410")], ids=repr)
def test_it_waits_until_the_kind_can_be_listed(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> list[float]:
        api, sink = WatchableCluster(), Sink()
        api.errors["FiddlerKongBinding"] = [error, error]
        await new_resync(api, sink).once()
        return sink.times

    assert run(scenario()) == [2 * RETRY]
    reason = "it is not installed; apply its CustomResourceDefinition" if isinstance(error, Gone) else error
    said = f"cannot list fiddlerkongbindings.integrations.fiddler.ai: {reason}; trying again in 5 s"
    assert [record.getMessage() for record in caplog.records] == [said] * 2


def test_it_comes_at_the_interval_stretched_by_up_to_a_tenth() -> None:
    async def wait(_resync: Resync, _api: WatchableCluster) -> None:
        await asyncio.sleep(3.2 * INTERVAL)

    assert times(wait) == [INTERVAL, 2 * INTERVAL, 3 * INTERVAL]
    assert times(wait, uniform=1.0) == pytest.approx([1.1 * INTERVAL, 2.2 * INTERVAL])


def test_it_comes_once_soon_after_the_last_of_several_calls() -> None:
    async def listing(resync: Resync, _api: WatchableCluster) -> None:
        for _ in range(10):
            await asyncio.sleep(1)
            resync.due()
        await asyncio.sleep(INTERVAL - 1)

    assert times(listing) == [10 + QUIET]


def test_one_that_fails_is_repeated_soon() -> None:
    async def failing(resync: Resync, api: WatchableCluster) -> None:
        api.errors["FiddlerKongBinding"] = [Transient("503"), Refused("403", 403)]
        resync.due()
        await asyncio.sleep(INTERVAL - 1)

    assert times(failing) == [QUIET + 2 * RETRY]


def test_one_that_becomes_due_while_another_lists_is_not_left_to_that_one() -> None:
    async def listing(resync: Resync, api: WatchableCluster) -> None:
        api.held["FiddlerKongBinding"] = asyncio.Event()
        resync.due()
        await asyncio.sleep(QUIET + 1)
        resync.due()
        await asyncio.sleep(QUIET + 1)
        api.held["FiddlerKongBinding"].set()
        await asyncio.sleep(100)

    assert times(listing) == [2 * QUIET + 2] * 2


def test_a_deletion_that_no_event_told_of_is_found_and_requeues_the_binding() -> None:
    async def scenario() -> tuple[bool, set[tuple[Lane, str]]]:
        requeued: set[tuple[Lane, str]] = set()
        cache = Cache()
        feed = Feed(cache, lambda keys, lane, _delay: requeued.update((lane, key.name) for key in keys), lambda _: None)
        api = WatchableCluster(binding(), binding("other"))
        resync = Resync(api, BINDING, (None,), feed, INTERVAL)
        await resync.once()
        requeued.clear()
        del api.objects[OTHER]
        await resync.once()
        return cache.binding(OTHER) is None, requeued

    gone, requeued = run(scenario())
    assert gone
    assert (Lane.BACKGROUND, "other") in requeued
    assert (Lane.BACKGROUND, "assistant") not in requeued
