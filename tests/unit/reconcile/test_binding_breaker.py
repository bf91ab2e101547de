"""The operator reverts at once the changes that Kong refuses, and makes them again only when the spec or a key changes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from fiddler_kong_operator.errors import Refused, Transient
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.status.confirmation import RECHECK
from tests.unit.observe.objects import ASSISTANT, CHAT, EXPOSED, FIDDLER, WRITTEN, binding, ingress, service, spec, warning
from tests.unit.reconcile.stages import ATTACHED, Stage, attaching, elapse, exposing, surroundings, wall

OPENTELEMETRY = "assistant-opentelemetry"
INGRESS = ObjectKey("Ingress", "ai", "assistant-openai")
PRE_FUNCTION = ObjectKey("KongPlugin", "ai", "assistant-pre-function")
SERVICE = ObjectKey("Service", "ai", "assistant-openai")
RETREATED = f"list {CHAT} assistant-chat-ai-proxy,assistant-pre-function"
WHOLE = f"list {CHAT} assistant-chat-ai-proxy,assistant-pre-function,{OPENTELEMETRY}"


def stamp() -> str:
    return datetime.fromtimestamp(wall(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def refuse(stage: Stage, plugin: str) -> None:
    """Kong's controller pushes the plugin, and Kong refuses the configuration because of it."""
    event = warning(plugin, message="no such field", name=f"{plugin}.1")
    event["metadata"]["managedFields"][0]["time"] = stamp()
    stage.put({**event, "reason": "KongConfigurationApplyFailed"})


async def refused(stage: Stage, plugin: str = OPENTELEMETRY) -> list[str]:
    """The writes after a refusal of a plugin that was attached a minute ago."""
    await stage.converge()
    await elapse(60)
    refuse(stage, plugin)
    assert stage.woken[-1] == ASSISTANT
    return await stage.converge()


async def test_a_refused_plugin_leaves_the_list_and_the_binding_stalls_with_kongs_words() -> None:
    stage = attaching()

    assert (await refused(stage))[:2] == [RETREATED, "status"]

    assert stage.condition("PluginsProgrammed") == ("False", "KongRefused")
    assert stage.condition("Stalled") == ("True", "KongRefused")
    assert "no such field" in stage.message("Ready")


async def test_a_route_whose_ai_proxy_is_refused_is_not_exposed_any_more() -> None:
    stage = exposing()

    assert await refused(stage, "assistant-openai-ai-proxy") == [f"delete {INGRESS}", f"delete {SERVICE}", "status"]


DENIED = Refused('patch KongPlugin ai/assistant-pre-function: admission webhook "policy.example.com" denied the request', 403)


async def test_a_write_that_is_refused_does_not_keep_a_refused_plugin_on_a_list() -> None:
    stage = attaching()
    await stage.converge()
    stage.drift(PRE_FUNCTION)
    stage.errors[PRE_FUNCTION.name] = DENIED

    assert (await refused(stage))[-2:] == [RETREATED, "status"]

    assert stage.condition("Ready") == ("False", "PluginsWriteRefused")
    assert stage.status["refusal"]["objects"] == [f"KongPlugin/{OPENTELEMETRY}"]


@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        (OPENTELEMETRY, [f"list {SERVICE} assistant-openai-ai-proxy,assistant-pre-function"]),
        ("assistant-openai-ai-proxy", [f"delete {INGRESS}", f"delete {SERVICE}"]),
    ],
)
async def test_nor_does_it_keep_a_route_of_the_binding_as_it_is(plugin: str, expected: list[str]) -> None:
    stage = exposing()
    await stage.converge()
    stage.drift(PRE_FUNCTION)
    stage.errors[PRE_FUNCTION.name] = DENIED

    written = await refused(stage, plugin)

    assert [line for line in written if line != "status"] == expected


async def test_a_list_that_must_not_be_changed_does_not_keep_another_route_exposed() -> None:
    stage = Stage(binding(spec_=spec(EXPOSED, ATTACHED)), *surroundings(), service("chat"))
    await stage.converge()
    await elapse(60)
    stage.errors[CHAT.name] = DENIED
    refuse(stage, "assistant-chat-ai-proxy")
    refuse(stage, "assistant-openai-ai-proxy")

    assert [line for line in await stage.converge() if line != "status"] == [f"delete {INGRESS}", f"delete {SERVICE}"]


async def test_the_rest_of_a_list_is_written_in_the_same_pass() -> None:
    """The spec wants ai-proxy in addition, while Kong refuses opentelemetry."""
    stage = attaching()
    stage.edit({name: part for name, part in ATTACHED.items() if name != "llm"})
    await stage.converge()
    await elapse(60)
    stage.edit(ATTACHED)
    stage.errors["assistant-chat-ai-proxy"] = DENIED
    await stage.converge()
    refuse(stage, OPENTELEMETRY)
    del stage.errors["assistant-chat-ai-proxy"]

    written = await stage.converge()

    made = f"create {ObjectKey('KongPlugin', 'ai', 'assistant-chat-ai-proxy')}"
    lists = [f"list {CHAT} assistant-pre-function", f"list {CHAT} assistant-pre-function,assistant-chat-ai-proxy"]
    assert [line for line in written if line != "status"] == [lists[0], made, lists[1]]


async def test_it_stays_so_for_hours_and_after_a_restart_without_a_write() -> None:
    stage = attaching()
    await refused(stage)
    shown = stage.message("PluginsProgrammed")

    await elapse(7200)
    assert await stage.converge() == []
    restarted = stage.restarted()
    assert await restarted.converge() == []

    assert (restarted.condition("Ready"), restarted.message("PluginsProgrammed")) == (("False", "KongRefused"), shown)


async def test_it_stays_so_while_the_status_cannot_be_written() -> None:
    stage = attaching()
    await stage.converge()
    await elapse(60)
    refuse(stage, OPENTELEMETRY)
    stage.errors[ASSISTANT.name] = Transient("apply status: the API server is overloaded")
    for _ in range(3):
        with pytest.raises(Transient):
            await stage.reconcile()
        stage.change(CHAT, managedFields=[{**WRITTEN[0], "time": stamp()}])
    stage.errors.clear()

    assert [line for line in (stage.drain() + await stage.converge()) if line.startswith("list")] == [RETREATED]

    assert stage.condition("PluginsProgrammed") == ("False", "KongRefused")


async def test_a_changed_spec_is_attached_again_and_nothing_of_the_refusal_is_left() -> None:
    stage = attaching()
    await refused(stage)
    stage.edit(ATTACHED, overrides=[{"plugin": "opentelemetry", "patch": [{"op": "add", "path": "/sampling_rate", "value": 1}]}])

    assert WHOLE in await stage.converge()

    assert (stage.condition("Ready")[0], "refusal" in stage.status) == ("True", False)


async def test_a_changed_key_is_attached_again() -> None:
    stage = attaching()
    await refused(stage)
    stage.change(FIDDLER, {"data": {"api-key": base64.b64encode(b"id.other").decode()}})

    assert WHOLE in await stage.converge()


async def test_suspending_and_resuming_tries_the_same_again() -> None:
    stage = attaching()
    await refused(stage)
    stage.edit(ATTACHED, suspend=True)
    assert RETREATED not in await stage.converge()
    stage.edit(ATTACHED)

    assert WHOLE in await stage.converge()


# Confirmation


def publish(stage: Stage, which: ObjectKey) -> None:
    """Kong has taken a configuration with this Ingress, and Kong's controller says so."""
    stage.change(which, {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})


OTHERS: Manifest = ingress("shop", 1, ("", "/shop"), address="192.0.2.1", namespace="shop")


async def test_a_new_route_is_ready_when_kongs_controller_has_confirmed_it() -> None:
    stage = exposing()
    stage.put(OTHERS)
    await stage.converge()
    assert stage.condition("Ready") == ("Unknown", "KongNotConfirmed")
    assert stage.condition("Reconciling") == ("True", "KongNotConfirmed")
    assert await stage.reconcile() == RECHECK

    publish(stage, INGRESS)

    assert await stage.converge() == ["status"]
    assert stage.condition("Ready") == ("True", "Ready")


@pytest.mark.parametrize("address", [None, "192.0.2.1"], ids=["without an address", "with an address"])
async def test_a_route_that_is_ready_stays_so_without_a_write_whatever_others_of_its_class_do(address: str | None) -> None:
    stage = exposing()
    await stage.converge()
    publish(stage, INGRESS)
    await stage.converge()

    stage.put(ingress("shop", 1, ("", "/shop"), address=address, namespace="shop"))

    assert await stage.converge() == []


async def test_a_refusal_that_another_client_writes_into_the_status_does_not_count() -> None:
    stage = attaching()
    await stage.converge()
    generation = stage.cluster.objects[ASSISTANT]["metadata"]["generation"]
    forged = {"objects": [f"KongPlugin/{OPENTELEMETRY}"], "generation": generation, "message": "no", "since": stamp()}
    stage.change(ASSISTANT, {"status": {**stage.status, "refusal": forged}})

    assert await stage.converge() == ["status"]

    assert (stage.condition("Ready")[0], "refusal" in stage.status) == ("True", False)
