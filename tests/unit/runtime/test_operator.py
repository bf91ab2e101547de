"""The operator put together, over an API server that holds a few objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from fiddler_kong_operator.errors import Refused
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.metrics import Metrics
from fiddler_kong_operator.kube.objects import Kind, Manifest
from fiddler_kong_operator.runtime.operator import Operator
from fiddler_kong_operator.settings import Settings
from tests.unit.runtime.apis import Api, binding

KINDS = ["FiddlerKongBinding", "Secret", "KongPlugin", "KongClusterPlugin", "Service", "Ingress", "Deployment", "Event"]


@asynccontextmanager
async def operating(api: Api, *namespaces: str, workers: int = 16) -> AsyncIterator[Operator]:
    operator = Operator(Settings(namespaces=namespaces, workers=workers), cast("Client", api), Metrics())
    yield operator
    await operator.stop()


async def list_everything(operator: Operator) -> None:
    await operator.list_bindings()
    await operator.list_others()


async def test_every_kind_is_listed_once_before_anything_else() -> None:
    api = Api(binding())
    async with operating(api) as operator:
        await list_everything(operator)

        assert sorted(KINDS) == sorted(api.names("list"))


async def test_the_bindings_are_listed_first_so_that_what_they_refer_to_is_kept() -> None:
    api = Api(binding())
    async with operating(api) as operator:
        await list_everything(operator)

        assert api.requests[0] == "list FiddlerKongBinding"


async def test_the_barrier_holds_until_the_last_kind_was_listed() -> None:
    api = Api(binding())
    api.held["Ingress"] = asyncio.Event()
    async with operating(api) as operator:
        listing = asyncio.create_task(list_everything(operator))
        await api.until(lambda: len(api.names("watch")) == len(KINDS) - 2)

        assert not listing.done()
        api.held["Ingress"].set()
        await asyncio.wait_for(listing, 10)


async def test_namespaced_kinds_are_listed_in_each_namespace_that_is_watched() -> None:
    api = Api(binding(), binding("unseen", "secret"))
    async with operating(api, "ai", "kong") as operator:
        await list_everything(operator)

        assert {"Secret in ai", "Secret in kong", "FiddlerKongBinding in ai", "FiddlerKongBinding in kong"} <= set(api.names("list"))
        assert "Secret" not in api.names("list")


async def test_without_rights_in_the_whole_cluster_the_start_does_not_wait_for_what_only_they_would_show() -> None:
    api = Api(binding())
    api.errors["KongClusterPlugin"] = [Refused("list KongClusterPlugin: kongclusterplugins is forbidden", 403)]
    async with operating(api, "ai") as operator:
        await asyncio.wait_for(list_everything(operator), 5)


async def test_nothing_is_written_before_the_start_and_every_binding_is_looked_at_then() -> None:
    api = Api(binding(), binding("other"))
    async with operating(api) as operator:
        await list_everything(operator)
        assert [api.names(verb) for verb in ("status", "apply", "create")] == [[], [], []]

        operator.start()

        await api.until(lambda: len(api.names("status")) == 2)
        assert sorted(api.names("status")) == ["FiddlerKongBinding ai/assistant", "FiddlerKongBinding ai/other"]


async def test_the_first_look_is_over_when_every_binding_has_a_status() -> None:
    api = Api(binding(), binding("other"))
    async with operating(api) as operator:
        await list_everything(operator)
        operator.start()

        assert (await operator.first_look(), len(api.names("status"))) == (2, 2)


async def test_a_definite_finding_is_told_in_an_event() -> None:
    api = Api(binding())
    async with operating(api) as operator:
        await list_everything(operator)
        operator.start()

        await api.until(lambda: bool(api.names("create")))
        assert api.names("create")[0].startswith("Event ai/assistant.")


async def test_a_binding_observed_by_kopf_is_reconciled() -> None:
    api = Api()
    async with operating(api) as operator:
        await list_everything(operator)
        operator.start()

        operator.observe("ADDED", binding("late"))

        await api.until(lambda: "FiddlerKongBinding ai/late" in api.names("status"))


async def test_the_same_object_observed_twice_is_no_work() -> None:
    api = Api(binding())
    async with operating(api) as operator:
        await list_everything(operator)

        operator.observe("MODIFIED", binding())

        assert operator.report()["waiting_urgent"] == 0


class Paused(Api):
    """Answers the fourth write of a status when it may."""

    def __init__(self, *objects: Manifest) -> None:
        super().__init__(*objects)
        self.may = asyncio.Event()

    async def apply(self, kind: Kind, manifest: Manifest, *, force: bool = False, status: bool = False) -> Manifest:
        answer = await super().apply(kind, manifest, force=force, status=status)
        if len(self.names("status")) == 4:
            await self.may.wait()
        return answer


async def test_an_edit_during_the_first_look_is_served_next() -> None:
    api = Paused(*(binding(f"b{n}") for n in range(100)))
    async with operating(api, workers=1) as operator:
        await list_everything(operator)
        operator.start()
        await api.until(lambda: len(api.names("status")) == 4)

        edited = binding("b90", status={})
        edited["metadata"].update(generation=2, resourceVersion="150")
        edited["spec"]["routes"][0]["attachTo"]["name"] = "other"
        operator.observe("MODIFIED", edited)
        api.may.set()
        await operator.first_look()

        assert api.names("status").index("FiddlerKongBinding ai/b90") in {4, 5}


async def test_a_list_of_kopf_calls_for_a_resync() -> None:
    api = Api(binding())
    async with operating(api) as operator:
        await list_everything(operator)

        operator.observe(None, binding())

        await api.until(lambda: api.names("list").count("FiddlerKongBinding") == 2)


async def test_an_object_whose_handling_fails_is_reported_as_a_bug() -> None:
    async with operating(Api()) as operator:
        await list_everything(operator)

        operator.observe("ADDED", {**binding(), "metadata": {"name": "broken", "namespace": "ai", "uid": {}, "finalizers": 5}})

        assert operator.report()["bugs"] == 1


@pytest.mark.parametrize("victim", ["worker-3", "informer Secret", "resync", "probes", "events"])
async def test_a_task_that_ends_fails_the_operator(victim: str) -> None:
    async with operating(Api(binding())) as operator:
        await list_everything(operator)
        operator.start()
        (task,) = (task for task in asyncio.all_tasks() if task.get_name() == victim)
        task.cancel()

        with pytest.raises(RuntimeError, match=f"the task '{victim}' has ended"):
            await asyncio.wait_for(operator.failure(), 10)


async def test_stopping_is_no_failure() -> None:
    async with operating(Api(binding())) as operator:
        await list_everything(operator)
        operator.start()
        failure = asyncio.create_task(operator.failure())
        await operator.stop()

        assert not failure.done()
        failure.cancel()


async def test_the_report_counts_what_waits() -> None:
    async with operating(Api()) as operator:
        await list_everything(operator)
        operator.observe("ADDED", binding())

        report = operator.report()

    assert (report["waiting_urgent"], report["waiting_background"], report["probes"]) == (2, 0, 0)
    assert report["oldest_waiting_seconds"] >= 0


async def test_the_report_counts_what_is_held() -> None:
    before = len(asyncio.all_tasks())
    async with operating(Api(binding(), binding("other"))) as operator:
        await list_everything(operator)
        report = operator.report()

    assert (report["objects"], report["tasks"] - before, report["delayed"]) == (2, len(KINDS), 0)


async def test_a_fresh_operator_has_no_problems() -> None:
    async with operating(Api()) as operator:
        assert operator.problems() == []


class SlowToCreate(Api):
    """Takes its time for Events, as an API server may."""

    async def create(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        await asyncio.sleep(0.05)
        return await super().create(kind, manifest)


async def test_events_that_wait_when_it_is_stopped_are_posted() -> None:
    api = SlowToCreate(binding(), binding("other"))
    async with operating(api) as operator:
        await list_everything(operator)
        operator.start()
        await api.until(lambda: len(api.names("status")) == 2)

    assert sorted(name.partition(".")[0] for name in api.names("create")) == ["Event ai/assistant", "Event ai/other"]


@pytest.mark.parametrize("started", [True, False])
async def test_stopping_leaves_no_task_behind(*, started: bool) -> None:
    before = asyncio.all_tasks()
    async with operating(Api(binding())) as operator:
        await list_everything(operator)
        if started:
            operator.start()

    assert asyncio.all_tasks() == before
