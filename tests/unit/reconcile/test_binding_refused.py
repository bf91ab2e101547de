"""Writes that fail: objects that are refused, and names that are taken."""

from __future__ import annotations

import asyncio

import pytest

from fiddler_kong_operator.errors import Denial, Gone, NotLeader, Refused, Stale, Transient
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.reconcile.binding import SOON
from fiddler_kong_operator.reconcile.gateway import REFUSED_RETRY
from tests.unit.observe.objects import ASSISTANT, EXPOSED, binding, plugin, secret, spec
from tests.unit.reconcile.stages import Stage, elapse, exposing, surroundings
from tests.unit.write.fake_cluster import FakeCluster

PLUGIN = ObjectKey("KongPlugin", "ai", "assistant-pre-function")
OTHER = ObjectKey("KongPlugin", "ai", "assistant-opentelemetry")


async def test_a_refused_object_is_reported_and_retried_in_a_minute() -> None:
    stage = exposing()
    stage.errors["KongPlugin"] = Refused("create KongPlugin ai/assistant-pre-function: admission webhook: schema violation", 400)

    await stage.converge()
    wake = await stage.reconcile()

    assert wake
    assert 0 < wake <= REFUSED_RETRY

    assert stage.condition("PluginsProgrammed") == ("False", "PluginsWriteRefused")
    assert stage.message("PluginsProgrammed").startswith(f"{stage.errors['KongPlugin']}. Change what refuses it")
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
    await elapse(REFUSED_RETRY)

    await stage.reconcile()

    assert stage.condition("Ready") == ("True", "Ready")


async def test_woken_every_second_the_same_write_is_not_tried_again_before_its_pause_is_over() -> None:
    stage = exposing()
    stage.errors["Ingress"] = Refused("create Ingress ai/assistant-openai: admission webhook: no", 403)
    await stage.converge()
    stage.attempts.clear()
    first = await stage.reconcile()
    assert first

    for _ in range(int(first) - 1):
        await elapse(1)
        assert (await stage.reconcile() or 0) <= first
    assert stage.attempts == []
    assert stage.condition("PluginsProgrammed") == ("False", "PluginsWriteRefused")

    await elapse(2)
    await stage.reconcile()
    assert stage.attempts == ["create Ingress ai/assistant-openai"]


@pytest.mark.parametrize("change", ["the spec", "a key", "the object"])
async def test_a_refused_write_is_tried_again_at_once_where_something_changed(change: str) -> None:
    stage = exposing()
    await stage.converge()
    stage.drift(PLUGIN)
    stage.errors[PLUGIN.name] = Refused(f"patch {PLUGIN}: admission webhook: no", 403)
    await stage.converge()
    stage.attempts.clear()
    if change == "the spec":
        stage.edit(sessions={"headers": ["X-Other"]})
    elif change == "a key":
        stage.put(secret("openai", value=b"sk-rotated"))
    else:
        stage.drift(PLUGIN)

    await stage.reconcile()

    assert f"merge_patch {PLUGIN}" in stage.attempts


@pytest.mark.parametrize(
    ("denial", "reason"),
    [(Denial.OTHER, "PluginsWriteRefused"), (Denial.QUOTA, "QuotaExceeded"), (Denial.PERMISSION, "PermissionMissing")],
)
async def test_a_policy_a_quota_and_a_missing_permission_are_told_apart(denial: Denial, reason: str) -> None:
    stage = exposing()
    stage.errors["Secret"] = Refused("create Secret ai/assistant-kong-keys: because", 403, denial)

    await stage.converge()

    assert (stage.condition("PluginsProgrammed"), stage.condition("Stalled")) == (("False", reason), ("True", reason))
    assert stage.message("PluginsProgrammed").startswith("create Secret ai/assistant-kong-keys: because")


async def test_where_external_names_are_not_allowed_attach_to_is_the_way_out() -> None:
    stage = exposing()
    stage.errors["Service"] = Refused("create Service ai/assistant-openai: ExternalName is not allowed here (SEC-114)", 403)

    await stage.converge()

    assert "attachTo" in stage.message("PluginsProgrammed")


async def test_a_definition_that_would_drop_the_keys_is_named_with_the_version_that_keeps_them() -> None:
    stage = exposing()
    text = 'create KongPlugin ai/assistant-opentelemetry: strict decoding error: unknown field "configPatches"'
    stage.errors[OTHER.name] = Refused(text, 400, Denial.SCHEMA, frozenset({"configPatches"}))
    await stage.converge()

    assert stage.condition("Ready") == ("False", "KongDefinitionOutdated")
    assert "Kong Ingress Controller 3.1" in stage.message("PluginsProgrammed")

    stage.errors.clear()
    await elapse(REFUSED_RETRY)
    await stage.converge()
    assert stage.condition("Ready") == ("True", "Ready")


@pytest.mark.parametrize("error", [Stale("old"), Transient("503"), Gone("404"), NotLeader("lost"), ZeroDivisionError()], ids=repr)
async def test_any_other_failure_is_the_workers_to_retry_and_shows_in_no_status_at_first(error: Exception) -> None:
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
    stage.edit(sessions={"headers": ["X-Other"]})

    assert await stage.reconcile() == SOON

    assert stage.condition("Accepted") == ("False", "NameTaken")
    assert str(PLUGIN) in stage.message("Accepted")
    await stage.reconcile()
    assert f"KongPlugin {PLUGIN.name}. Rename the binding" in stage.message("Accepted")
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
