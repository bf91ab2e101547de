"""The operator put together, over an API server that holds a few objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Refused
from fiddler_kong_operator.kube.clock import ServerClock
from fiddler_kong_operator.kube.informer import PAUSES
from fiddler_kong_operator.kube.metrics import Metrics
from fiddler_kong_operator.kube.objects import Kind, Manifest
from fiddler_kong_operator.runtime.operator import Operator
from fiddler_kong_operator.settings import Settings
from tests.unit.observe.objects import ASSISTANT, ATTACHED, binding, spec
from tests.unit.runtime.apis import WatchableCluster
from tests.unit.runtime.pages import read
from tests.unit.virtual_time import run

KINDS = [
    "FiddlerKongBinding",
    "Secret",
    "KongPlugin",
    "KongClusterPlugin",
    "Service",
    "Ingress",
    "HTTPRoute",
    "ReferenceGrant",
    "IngressClass",
    "KongConsumer",
    "KongConsumerGroup",
    "Deployment",
    "DaemonSet",
    "StatefulSet",
    "DataPlane",
    "GatewayConfiguration",
    "Gateway",
    "GatewayClass",
    "Event",
]


@asynccontextmanager
async def operating(cluster: WatchableCluster, *namespaces: str, **settings: Any) -> AsyncIterator[Operator]:
    operator = Operator(Settings(namespaces=namespaces, **settings), cluster, Metrics())
    yield operator
    await operator.stop()


async def list_everything(operator: Operator) -> None:
    await operator.list_bindings()
    await operator.list_others()


async def test_every_kind_is_listed_once_before_anything_else() -> None:
    cluster = WatchableCluster(binding())
    async with operating(cluster) as operator:
        await list_everything(operator)

        assert sorted(KINDS) == sorted(cluster.lists)


async def test_the_bindings_are_listed_first_so_that_what_they_refer_to_is_kept() -> None:
    cluster = WatchableCluster(binding())
    async with operating(cluster) as operator:
        await list_everything(operator)

        assert cluster.lists[0] == "FiddlerKongBinding"


async def test_the_barrier_holds_until_the_last_kind_was_listed() -> None:
    cluster = WatchableCluster(binding())
    cluster.held["Ingress"] = asyncio.Event()
    async with operating(cluster) as operator:
        listing = asyncio.create_task(list_everything(operator))
        await cluster.until(lambda: len(cluster.watches) == len(KINDS) - 2)

        assert not listing.done()
        cluster.held["Ingress"].set()
        await asyncio.wait_for(listing, 10)


async def test_secrets_that_must_not_be_listed_are_read_by_name_before_anything_else() -> None:
    cluster = WatchableCluster(binding())
    async with operating(cluster, secrets={"access": "get"}) as operator:
        await list_everything(operator)

        assert sorted(cluster.lists) == sorted(set(KINDS) - {"Secret"})
        assert {str(key) for verb, key in cluster.calls if verb == "get"} == {
            "Secret ai/fiddler",
            "Secret ai/openai",
            "Secret ai/assistant-kong-keys",
        }


async def test_namespaced_kinds_are_listed_in_each_namespace_that_is_watched() -> None:
    cluster = WatchableCluster(binding(), binding("unseen", namespace="secret"))
    async with operating(cluster, "ai", "kong") as operator:
        await list_everything(operator)

        assert {"Secret in ai", "Secret in kong", "FiddlerKongBinding in ai", "FiddlerKongBinding in kong"} <= set(cluster.lists)
        assert "Secret" not in cluster.lists


async def test_without_rights_in_the_whole_cluster_the_start_does_not_wait_for_what_only_they_would_show() -> None:
    cluster = WatchableCluster(binding())
    cluster.errors["KongClusterPlugin"] = [Refused("list KongClusterPlugin: kongclusterplugins is forbidden", 403)]
    async with operating(cluster, "ai") as operator:
        await asyncio.wait_for(list_everything(operator), 5)
        assert not {"KongClusterPlugin", "IngressClass"}.intersection(cluster.lists)


async def test_kinds_of_the_cluster_are_read_beside_some_namespaces_where_the_administrator_says_so() -> None:
    cluster = WatchableCluster(binding())
    async with operating(cluster, "ai", read_cluster_kinds=True) as operator:
        await list_everything(operator)

        assert {"KongClusterPlugin", "IngressClass", "HTTPRoute in ai"} <= set(cluster.lists)


def test_a_missing_permission_for_http_routes_holds_nobody_back() -> None:
    cluster = WatchableCluster(binding())
    cluster.errors["HTTPRoute"] = [Refused("list HTTPRoute: httproutes is forbidden", 403) for _ in range(100)]

    async def scenario() -> None:
        async with operating(cluster) as operator:
            await list_everything(operator)
            operator.start()
            await operator.first_look()

    run(scenario())
    (status,) = (raw["status"] for key, raw in cluster.objects.items() if key.kind == names.KIND)
    assert [c["reason"] for c in status["conditions"] if c["type"] == "Accepted"] == ["Accepted"]


def test_a_forbidden_watch_holds_back_the_bindings_of_its_namespace_only() -> None:
    cluster = WatchableCluster(binding(), binding("other", namespace="kong"))
    cluster.errors["Secret in ai"] = [Refused("list Secret ai: secrets is forbidden", 403) for _ in range(100)]

    async def scenario() -> None:
        async with operating(cluster, "ai", "kong") as operator:
            await list_everything(operator)
            operator.start()
            await operator.first_look()
            assert (operator.report()["forbidden"], operator.problems()) == (["Secret in ai"], [])

    run(scenario())
    conditions = {
        key.name: {c["type"]: c for c in raw["status"]["conditions"]} for key, raw in cluster.objects.items() if key.kind == names.KIND
    }
    assert {name: c["Accepted"]["reason"] for name, c in conditions.items()} == {"assistant": "WatchForbidden", "other": "Accepted"}
    assert "list Secret ai: secrets is forbidden" in conditions["assistant"]["Accepted"]["message"]


def test_a_forbidden_watch_is_a_metric() -> None:
    cluster, metrics = WatchableCluster(binding()), Metrics()
    cluster.errors["Secret in ai"] = [Refused("list Secret ai: secrets is forbidden", 403) for _ in range(100)]

    async def scenario() -> None:
        operator = Operator(Settings(namespaces=("ai", "kong")), cluster, metrics)
        await list_everything(operator)
        found = read(metrics, "watches_forbidden")
        assert (found["Secret",], sum(found.values())) == (1, 1)
        await operator.stop()

    run(scenario())


def test_a_namespace_whose_bindings_must_not_be_listed_holds_back_nobody_and_is_served_once_they_may() -> None:
    cluster = WatchableCluster(binding(), binding("other", namespace="kong"))
    refusal = Refused("list FiddlerKongBinding ai: fiddlerkongbindings is forbidden", 403)
    cluster.errors["FiddlerKongBinding in ai"] = [refusal for _ in range(3)]

    async def scenario() -> None:
        async with operating(cluster, "ai", "kong") as operator:
            await list_everything(operator)
            operator.start()
            await operator.first_look()
            assert operator.namespaces == ("kong",)
            assert (operator.report()["forbidden"], operator.problems()) == (["FiddlerKongBinding in ai"], [])
            assert cluster.written("apply status") == ["FiddlerKongBinding kong/other"]

            await asyncio.sleep(PAUSES.cap + 1)

            assert operator.report()["forbidden"] == []
            assert cluster.written("apply status") == ["FiddlerKongBinding kong/other", "FiddlerKongBinding ai/assistant"]

    run(scenario())


async def test_nothing_is_written_before_the_start_and_every_binding_is_looked_at_then() -> None:
    cluster = WatchableCluster(binding(), binding("other"))
    async with operating(cluster) as operator:
        await list_everything(operator)
        assert cluster.writes == []

        operator.start()

        await cluster.until(lambda: len(cluster.written("apply status")) == 2)
        assert sorted(cluster.written("apply status")) == ["FiddlerKongBinding ai/assistant", "FiddlerKongBinding ai/other"]


async def test_the_first_look_is_over_when_every_binding_has_a_status() -> None:
    cluster = WatchableCluster(binding(), binding("other"))
    async with operating(cluster) as operator:
        await list_everything(operator)
        operator.start()

        assert (await operator.first_look(), len(cluster.written("apply status"))) == (2, 2)


async def test_the_time_in_a_status_is_the_api_servers() -> None:
    cluster = WatchableCluster(binding())
    cluster.clock = ServerClock(monotonic=lambda: 0.0, wall=lambda: 1767225600.0)
    async with operating(cluster) as operator:
        await list_everything(operator)
        operator.start()

        await operator.first_look()
        times = {condition["lastTransitionTime"] for condition in cluster.objects[ASSISTANT]["status"]["conditions"]}
        assert times == {"2026-01-01T00:00:00Z"}


async def test_a_definite_finding_is_told_in_an_event() -> None:
    cluster = WatchableCluster(binding())
    async with operating(cluster) as operator:
        await list_everything(operator)
        operator.start()

        await cluster.until(lambda: bool(cluster.written("create")))
        assert cluster.written("create")[0].startswith("Event ai/assistant.")


async def test_a_binding_observed_by_kopf_is_reconciled() -> None:
    cluster = WatchableCluster()
    async with operating(cluster) as operator:
        await list_everything(operator)
        operator.start()

        operator.observe("ADDED", cluster.put(binding("late")))

        await cluster.until(lambda: "FiddlerKongBinding ai/late" in cluster.written("apply status"))


async def test_the_same_object_observed_twice_is_no_work() -> None:
    cluster = WatchableCluster(binding())
    async with operating(cluster) as operator:
        await list_everything(operator)

        operator.start()
        operator.observe("MODIFIED", binding())

        assert operator.report()["waiting_urgent"] == 0


async def test_nothing_waits_in_the_queue_of_a_replica_that_does_not_lead() -> None:
    async with operating(WatchableCluster(binding())) as operator:
        await list_everything(operator)
        operator.observe("ADDED", binding("late"))

        report = operator.report()

    assert (report["waiting_urgent"], report["waiting_background"], report["oldest_waiting_seconds"]) == (0, 0, 0)


class Paused(WatchableCluster):
    """Answers the fourth write of a status when it may."""

    def __init__(self, *objects: Manifest) -> None:
        super().__init__(*objects)
        self.may = asyncio.Event()

    async def apply(self, kind: Kind, manifest: Manifest, *, force: bool = False, status: bool = False) -> Manifest:
        answer = await super().apply(kind, manifest, force=force, status=status)
        if len(self.written("apply status")) == 4:
            await self.may.wait()
        return answer


async def test_an_edit_during_the_first_look_is_served_next() -> None:
    cluster = Paused(*(binding(f"b{n}") for n in range(100)))
    async with operating(cluster, workers=1) as operator:
        await list_everything(operator)
        operator.start()
        await cluster.until(lambda: len(cluster.written("apply status")) == 4)

        name = next(f"b{n}" for n in range(100) if f"FiddlerKongBinding ai/b{n}" not in cluster.written("apply status"))
        operator.observe("MODIFIED", cluster.put(binding(name, spec_=spec(ATTACHED), generation=2)))
        cluster.may.set()
        await operator.first_look()

        assert cluster.written("apply status").index(f"FiddlerKongBinding ai/{name}") in {4, 5}


async def test_a_list_of_kopf_calls_for_a_resync() -> None:
    cluster = WatchableCluster(binding())
    async with operating(cluster) as operator:
        await list_everything(operator)

        operator.observe(None, binding())

        await cluster.until(lambda: cluster.lists.count("FiddlerKongBinding") == 2)


async def test_an_object_whose_handling_fails_is_reported_as_a_bug() -> None:
    async with operating(WatchableCluster()) as operator:
        await list_everything(operator)

        operator.observe("ADDED", {**binding(), "metadata": {"name": "broken", "namespace": "ai", "uid": {}, "finalizers": 5}})

        assert operator.report()["bugs"] == 1


@pytest.mark.parametrize("victim", ["worker-3", "informer Secret", "resync", "probes", "arrivals", "events"])
async def test_a_task_that_ends_fails_the_operator(victim: str) -> None:
    async with operating(WatchableCluster(binding())) as operator:
        await list_everything(operator)
        operator.start()
        (task,) = (task for task in asyncio.all_tasks() if task.get_name() == victim)
        task.cancel()

        with pytest.raises(RuntimeError, match=f"the task '{victim}' has ended"):
            await asyncio.wait_for(operator.failure(), 10)


async def test_stopping_is_no_failure() -> None:
    async with operating(WatchableCluster(binding())) as operator:
        await list_everything(operator)
        operator.start()
        failure = asyncio.create_task(operator.failure())
        await operator.stop()

        assert not failure.done()
        failure.cancel()


async def test_the_report_counts_what_waits() -> None:
    async with operating(WatchableCluster()) as operator:
        await list_everything(operator)
        operator.start()
        operator.observe("ADDED", binding())

        report = operator.report()

    assert (report["waiting_urgent"], report["waiting_background"], report["probes"]) == (2, 0, 0)
    assert report["oldest_waiting_seconds"] >= 0


async def test_the_report_counts_what_is_held() -> None:
    before = len(asyncio.all_tasks())
    async with operating(WatchableCluster(binding(), binding("other"))) as operator:
        await list_everything(operator)
        report = operator.report()

    assert (report["objects"], report["tasks"] - before, report["delayed"]) == (2, len(KINDS), 0)


async def test_a_fresh_operator_has_no_problems() -> None:
    async with operating(WatchableCluster()) as operator:
        assert operator.problems() == []


class SlowToCreate(WatchableCluster):
    """Takes its time for Events, as an API server may."""

    async def create(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        await asyncio.sleep(0.05)
        return await super().create(kind, manifest)


async def test_events_that_wait_when_it_is_stopped_are_posted() -> None:
    cluster = SlowToCreate(binding(), binding("other"))
    async with operating(cluster) as operator:
        await list_everything(operator)
        operator.start()
        await cluster.until(lambda: len(cluster.written("apply status")) == 2)

    assert sorted(name.partition(".")[0] for name in cluster.written("create")) == ["Event ai/assistant", "Event ai/other"]


@pytest.mark.parametrize("started", [True, False])
async def test_stopping_leaves_no_task_behind(*, started: bool) -> None:
    before = asyncio.all_tasks()
    async with operating(WatchableCluster(binding())) as operator:
        await list_everything(operator)
        if started:
            operator.start()

    assert asyncio.all_tasks() == before
