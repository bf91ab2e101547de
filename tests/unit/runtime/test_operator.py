"""The operator put together, over an API server that holds a few objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import kopf
import pytest

from fiddler_kong_operator.errors import Refused
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.metrics import Metrics
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.runtime.operator import Operator
from fiddler_kong_operator.settings import Settings
from tests.unit.runtime.apis import Api, binding

KINDS = ["FiddlerKongBinding", "Secret", "KongPlugin", "KongClusterPlugin", "Service", "Ingress", "Deployment", "Event"]


@asynccontextmanager
async def operating(api: Api, *namespaces: str) -> AsyncIterator[Operator]:
    operator = Operator(Settings(namespaces=namespaces), cast("Client", api), Metrics())
    yield operator
    await operator.stop()


async def test_every_kind_is_listed_once_before_anything_else() -> None:
    api = Api(binding())
    async with operating(api) as operator:
        await operator.list_everything()

        assert sorted(KINDS) == sorted(api.names("list"))


async def test_the_bindings_are_listed_first_so_that_what_they_refer_to_is_kept() -> None:
    api = Api(binding())
    async with operating(api) as operator:
        await operator.list_everything()

        assert api.requests[0] == "list FiddlerKongBinding"


async def test_the_barrier_holds_until_the_last_kind_was_listed() -> None:
    api = Api(binding())
    api.held["Ingress"] = asyncio.Event()
    async with operating(api) as operator:
        listing = asyncio.create_task(operator.list_everything())
        await api.until(lambda: len(api.names("watch")) == len(KINDS) - 2)

        assert not listing.done()
        api.held["Ingress"].set()
        await asyncio.wait_for(listing, 10)


async def test_namespaced_kinds_are_listed_in_each_namespace_that_is_watched() -> None:
    api = Api(binding(), binding("unseen", "secret"))
    async with operating(api, "ai", "kong") as operator:
        await operator.list_everything()

        assert {"Secret in ai", "Secret in kong", "FiddlerKongBinding in ai", "FiddlerKongBinding in kong"} <= set(api.names("list"))
        assert "Secret" not in api.names("list")


async def test_without_rights_in_the_whole_cluster_the_start_does_not_wait_for_what_only_they_would_show() -> None:
    api = Api(binding())
    api.errors["KongClusterPlugin"] = [Refused("list KongClusterPlugin: kongclusterplugins is forbidden", 403)]
    async with operating(api, "ai") as operator:
        await asyncio.wait_for(operator.list_everything(), 5)


async def test_nothing_is_written_before_the_start_and_every_binding_is_looked_at_then() -> None:
    api = Api(binding(), binding("other"))
    async with operating(api) as operator:
        await operator.list_everything()
        assert [api.names(verb) for verb in ("status", "apply", "create")] == [[], [], []]

        operator.start()

        await api.until(lambda: len(api.names("status")) == 2)
        assert sorted(api.names("status")) == ["FiddlerKongBinding ai/assistant", "FiddlerKongBinding ai/other"]


async def test_the_first_look_is_over_when_every_binding_has_a_status() -> None:
    api = Api(binding(), binding("other"))
    async with operating(api) as operator:
        await operator.list_everything()
        operator.start()

        assert (await operator.first_look(), len(api.names("status"))) == (2, 2)


async def test_a_definite_finding_is_told_in_an_event() -> None:
    api = Api(binding())
    async with operating(api) as operator:
        await operator.list_everything()
        operator.start()

        await api.until(lambda: bool(api.names("create")))
        assert api.names("create")[0].startswith("Event ai/assistant.")


async def test_a_binding_observed_by_kopf_is_reconciled() -> None:
    api = Api()
    async with operating(api) as operator:
        await operator.list_everything()
        operator.start()

        operator.observe("ADDED", binding("late"))

        await api.until(lambda: "FiddlerKongBinding ai/late" in api.names("status"))


async def test_the_same_object_observed_twice_is_no_work() -> None:
    api = Api(binding())
    async with operating(api) as operator:
        await operator.list_everything()
        before = operator.report()["waiting_urgent"]

        operator.observe("MODIFIED", binding())

        assert operator.report()["waiting_urgent"] == before


async def test_the_report_counts_what_waits() -> None:
    async with operating(Api()) as operator:
        await operator.list_everything()
        operator.observe("ADDED", binding())

        report = operator.report()

    assert (report["waiting_urgent"], report["waiting_background"], report["probes"]) == (2, 0, 0)
    assert report["oldest_waiting_seconds"] >= 0


async def test_the_report_counts_what_is_held() -> None:
    before = len(asyncio.all_tasks())
    async with operating(Api(binding(), binding("other"))) as operator:
        await operator.list_everything()
        report = operator.report()

    assert (report["objects"], report["tasks"] - before, report["delayed"]) == (2, len(KINDS), 0)


async def test_a_fresh_operator_has_no_problems() -> None:
    async with operating(Api()) as operator:
        assert operator.problems() == []


async def test_kopf_gets_the_client_s_own_address_and_credentials() -> None:
    async with operating(Api()) as operator:
        connection = await operator.connection()

    assert connection == kopf.ConnectionInfo(server="https://10.0.0.1", ca_path="/ca.pem", insecure=False, token="t0ken")


class SlowToCreate(Api):
    """Takes its time for Events, as an API server may."""

    async def create(self, manifest: Manifest, /) -> Manifest:
        await asyncio.sleep(0.05)
        return await super().create(manifest)


async def test_events_that_wait_when_it_is_stopped_are_posted() -> None:
    api = SlowToCreate(binding(), binding("other"))
    async with operating(api) as operator:
        await operator.list_everything()
        operator.start()
        await api.until(lambda: len(api.names("status")) == 2)

    assert sorted(name.partition(".")[0] for name in api.names("create")) == ["Event ai/assistant", "Event ai/other"]


@pytest.mark.parametrize("started", [True, False])
async def test_stopping_leaves_no_task_behind(*, started: bool) -> None:
    before = asyncio.all_tasks()
    async with operating(Api(binding())) as operator:
        await operator.list_everything()
        if started:
            operator.start()

    assert asyncio.all_tasks() == before
