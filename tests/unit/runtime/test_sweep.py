from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from typing import cast

import pytest

from fiddler_kong_operator.errors import Expired, Gone, Refused, Transient
from fiddler_kong_operator.kube.contract import ClusterClient
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.runtime.sweep import RETRY, BindingSweep
from tests.unit.runtime.apis import Api, binding
from tests.unit.virtual_time import now, run

INTERVAL = 600.0


class Sink:
    """Notes which lists were completed when."""

    def __init__(self) -> None:
        self.start = now()
        self.lists: list[tuple[str | None, frozenset[str]]] = []
        self.times: list[float] = []
        self.bug: Exception | None = None

    def event(self, _kind: Kind, _event_type: str | None, _raw: Manifest) -> None:
        if self.bug:
            raise self.bug

    def relisted(self, kind: Kind, namespace: str | None, seen: AbstractSet[ObjectKey], _resource_version: str) -> None:
        assert kind.name == "FiddlerKongBinding"
        self.lists.append((namespace, frozenset(key.name for key in seen)))
        self.times.append(now() - self.start)

    def installed(self, _kind: Kind, *, installed: bool) -> None:
        raise AssertionError(installed)


def new_sweep(api: Api, sink: Sink, scopes: tuple[str | None, ...] = (None,), uniform: float = 0.0) -> BindingSweep:
    return BindingSweep(cast("ClusterClient", api), sink, scopes, INTERVAL, lambda: uniform)


def times(act: Callable[[BindingSweep, Api, Sink], Awaitable[None]], uniform: float = 0.0) -> list[float]:
    """Seconds after the start at which a running sweep had listed."""

    async def scenario() -> list[float]:
        api, sink = Api(binding()), Sink()
        sweep = new_sweep(api, sink, uniform=uniform)
        task = asyncio.create_task(sweep.run())
        await act(sweep, api, sink)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return sink.times

    return run(scenario())


def test_the_first_sweep_lists_every_namespace() -> None:
    async def scenario() -> list[tuple[str | None, frozenset[str]]]:
        sink = Sink()
        await new_sweep(Api(binding(), binding("other", "ml"), binding("unseen", "secret")), sink, ("ai", "ml")).first()
        return sink.lists

    assert run(scenario()) == [("ai", frozenset({"assistant"})), ("ml", frozenset({"other"}))]


@pytest.mark.parametrize(("begins", "listed"), [(0.2, 0.2), (60, 2.0)])
def test_the_first_sweep_comes_once_kopf_watches_but_does_not_wait_for_it_long(begins: float, listed: float) -> None:
    async def scenario() -> list[float]:
        sink = Sink()
        sweep = new_sweep(Api(binding()), sink)
        asyncio.get_running_loop().call_later(begins, sweep.due)
        await sweep.first(head_start=2.0)
        task = asyncio.create_task(sweep.run())
        await asyncio.sleep(50)
        task.cancel()
        return sink.times

    assert run(scenario()) == pytest.approx([listed])


def test_a_definition_that_is_installed_within_the_head_start_came_late_for_kopf() -> None:
    async def scenario(*errors: Exception) -> bool:
        api = Api(binding())
        api.errors["FiddlerKongBinding"] = list(errors)
        sweep = new_sweep(api, Sink())
        await sweep.first(head_start=2.0)
        return sweep.definition_came_late

    assert [run(scenario(*errors)) for errors in ([], [Transient("503")], [Gone("no CRD")])] == [False, False, True]


@pytest.mark.parametrize("error", [Gone("no CRD"), Refused("forbidden", 403), Transient("503"), Expired("410")], ids=repr)
def test_the_first_sweep_waits_until_the_bindings_can_be_listed(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> list[float]:
        api, sink = Api(), Sink()
        api.errors["FiddlerKongBinding"] = [error, error]
        await new_sweep(api, sink).first()
        return sink.times

    assert run(scenario()) == [2 * RETRY]
    said = [record.getMessage() for record in caplog.records]
    assert [("cannot list fiddlerkongbindings.integrations.fiddler.ai" in text, "trying again" in text) for text in said] == [
        (True, True)
    ] * 2


def test_sweeps_come_at_the_interval_stretched_by_up_to_a_tenth() -> None:
    async def wait(_sweep: BindingSweep, _api: Api, _sink: Sink) -> None:
        await asyncio.sleep(3.2 * INTERVAL)

    assert times(wait) == [INTERVAL, 2 * INTERVAL, 3 * INTERVAL]
    assert times(wait, uniform=1.0) == pytest.approx([1.1 * INTERVAL, 2.2 * INTERVAL])


def test_a_sweep_that_is_due_comes_at_once_and_one_that_fails_is_repeated_soon() -> None:
    async def watch(sweep: BindingSweep, api: Api, _sink: Sink) -> None:
        await asyncio.sleep(10)
        sweep.due()
        await asyncio.sleep(10)
        api.errors["FiddlerKongBinding"] = [Transient("503"), Refused("403", 403)]
        sweep.due()
        await asyncio.sleep(INTERVAL - 1)

    assert times(watch) == [10, 20 + 2 * RETRY]


def test_a_sweep_that_is_due_while_one_lists_is_not_left_to_that_one() -> None:
    async def watch(sweep: BindingSweep, api: Api, _sink: Sink) -> None:
        api.held["FiddlerKongBinding"] = asyncio.Event()
        sweep.due()
        await asyncio.sleep(1)
        sweep.due()
        await asyncio.sleep(6)
        api.held["FiddlerKongBinding"].set()
        await asyncio.sleep(100)

    assert times(watch) == [7, 7]


def test_a_bug_does_not_end_sweeping(caplog: pytest.LogCaptureFixture) -> None:
    async def stumble(_sweep: BindingSweep, _api: Api, sink: Sink) -> None:
        sink.bug = ZeroDivisionError("a bug")
        await asyncio.sleep(INTERVAL + 1)
        sink.bug = None
        await asyncio.sleep(INTERVAL / 2)

    assert times(stumble) == [INTERVAL + RETRY]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]


def test_a_deletion_that_no_event_told_of_is_found_and_wakes_the_binding() -> None:
    async def scenario() -> tuple[bool, set[ObjectKey]]:
        woken: set[ObjectKey] = set()
        cache = Cache()
        feed = Feed(cache, woken.update)
        api = Api(binding(), binding("other"))
        sweep = BindingSweep(cast("ClusterClient", api), feed, (None,), INTERVAL, lambda: 0.0)
        await sweep.first()
        woken.clear()
        api.objects.pop()
        await sweep.first()
        return cache.binding(ObjectKey("FiddlerKongBinding", "ai", "other")) is None, woken

    gone, woken = run(scenario())
    assert gone
    assert ObjectKey("FiddlerKongBinding", "ai", "other") in woken
    assert ObjectKey("FiddlerKongBinding", "ai", "assistant") not in woken
