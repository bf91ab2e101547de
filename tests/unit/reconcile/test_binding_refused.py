"""Writes that fail: objects that are refused, and names that are taken."""

from __future__ import annotations

import asyncio

import pytest

from fiddler_kong_operator.errors import Gone, NotLeader, Refused, Stale, Transient
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.reconcile.gateway import REFUSED_RETRY
from tests.unit.observe.objects import ASSISTANT, EXPOSED, binding, plugin, spec
from tests.unit.reconcile.stages import Stage, elapse, exposing, surroundings
from tests.unit.write.fake_cluster import FakeCluster

PLUGIN = ObjectKey("KongPlugin", "ai", "assistant-pre-function")
OTHER = ObjectKey("KongPlugin", "ai", "assistant-opentelemetry")


async def test_a_refused_object_is_reported_and_retried_in_a_minute() -> None:
    stage = exposing()
    stage.errors["KongPlugin"] = Refused("create KongPlugin ai/assistant-pre-function: admission webhook: schema violation", 400)
    await stage.converge()

    assert await stage.reconcile() == REFUSED_RETRY

    assert stage.condition("PluginsProgrammed") == ("False", "PluginsWriteRefused")
    assert stage.message("PluginsProgrammed") == str(stage.errors["KongPlugin"])
    assert stage.condition("Stalled") == ("True", "PluginsWriteRefused")
    assert stage.status["routes"] == "0/1"


async def test_every_refused_plugin_is_named() -> None:
    stage = exposing()
    texts = {key.name: f"create {key}: admission webhook: {key.name} is not admitted" for key in (PLUGIN, OTHER)}
    stage.errors = {name: Refused(text, 400) for name, text in texts.items()}

    await stage.converge()

    assert [text for text in texts.values() if text not in stage.message("PluginsProgrammed")] == []


async def test_a_refused_service_does_not_hide_a_refused_plugin() -> None:
    stage = exposing()
    await stage.converge()
    stage.delete(PLUGIN)
    stage.delete(ObjectKey("Service", "ai", "assistant-openai"))
    stage.errors = {kind: Refused(f"create {kind}: admission webhook: not admitted", 400) for kind in ("Service", "KongPlugin")}

    await stage.reconcile()

    assert str(stage.errors["KongPlugin"]) in stage.message("PluginsProgrammed")


async def test_an_accepted_object_ends_the_refusal() -> None:
    stage = exposing()
    stage.errors["KongPlugin"] = Refused("no", 403)
    await stage.converge()
    stage.errors.clear()

    assert await stage.reconcile() is None

    assert stage.condition("Ready") == ("True", "Ready")


@pytest.mark.parametrize("error", [Stale("old"), Transient("503"), Gone("404"), NotLeader("lost"), ZeroDivisionError()], ids=repr)
async def test_any_other_failure_is_the_workers_to_retry_and_shows_in_no_status(error: Exception) -> None:
    stage = exposing()
    stage.errors["KongPlugin"] = error

    for _ in range(2):
        with pytest.raises(type(error)):
            await stage.reconcile()
        await elapse(1)

    assert stage.status == {}


async def test_a_taken_name_that_only_the_write_finds_is_reported_as_taken() -> None:
    stage = exposing()
    await stage.converge()
    stage.cluster.put(plugin(PLUGIN.name, uid="uid-of-a-user"))  # in place of ours, and the watch is late
    stage.edit(sessions={"header": "X-Other"})

    assert await stage.reconcile() == REFUSED_RETRY

    assert stage.condition("Accepted") == ("False", "NameTaken")
    assert str(PLUGIN) in stage.message("Accepted")
    assert stage.condition("Stalled") == ("True", "NameTaken")
    assert stage.condition("PluginsProgrammed") == ("Unknown", "PluginsPending")
    assert stage.status["routes"] == "0/1"


class SlowToCreate(FakeCluster):
    """Takes its time for creations, so that several are under way at once."""

    async def create(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        await elapse(0.125)
        return await super().create(kind, manifest)


async def test_of_two_bindings_that_create_the_same_objects_at_once_one_is_ready_and_the_other_is_told() -> None:
    pair = [ASSISTANT._replace(name=name) for name in ("a", "a-b")]
    specs = [spec({**EXPOSED, "name": route, "expose": {"path": f"/{route}"}}) for route in ("b-c", "c")]
    bindings = [binding(key.name, spec_=given) for key, given in zip(pair, specs, strict=True)]
    stage = Stage(*bindings, *surroundings(), cluster=SlowToCreate())

    await asyncio.gather(*map(stage.work, pair))
    await stage.converge()

    assert [stage.condition("Ready", key) for key in pair] == [("True", "Ready"), ("False", "NameTaken")]
    assert stage.condition("Accepted", pair[1]) == ("False", "NameTaken")
    assert stage.condition("Stalled", pair[1]) == ("True", "NameTaken")
