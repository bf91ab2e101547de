from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from fiddler_kong_operator.api.conditions import REASONS, Finding
from fiddler_kong_operator.errors import Refused
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.status.warnings import WARNING_LIFETIME
from tests.unit.observe.objects import ASSISTANT, GATEWAY, binding, spec, warning
from tests.unit.reconcile.stages import ATTACHED, UNAUTHORIZED, WANTED, Stage, attaching, elapse, exposing, surroundings, wall

PLUGIN = ObjectKey("KongPlugin", "ai", "assistant-pre-function")
OBJECTS = [
    "create Secret ai/assistant-kong-keys",
    "create KongPlugin ai/assistant-openai-ai-proxy",
    "create KongPlugin ai/assistant-pre-function",
    "create KongPlugin ai/assistant-opentelemetry",
    "create Service ai/assistant-openai",
    "create Ingress ai/assistant-openai",
]


async def test_a_new_binding_costs_its_objects_and_one_status() -> None:
    stage = exposing()

    assert await stage.converge() == [*OBJECTS, "status"]

    assert stage.condition("Ready") == ("True", "Ready")


async def test_a_pass_over_a_ready_binding_writes_nothing_and_announces_nothing() -> None:
    stage = exposing()
    await stage.converge()
    await elapse(3600)

    assert await stage.reconcile() is None

    assert (stage.log, stage.events) == ([], [])


async def test_another_probe_result_costs_one_status_and_nothing_else() -> None:
    stage = exposing()
    await stage.converge()
    stage.woken.clear()

    await stage.reply(UNAUTHORIZED)

    assert stage.woken == [ASSISTANT]
    assert await stage.converge() == ["status"]
    assert stage.condition("Ready") == ("False", "Unauthorized")


async def test_a_new_generation_is_acknowledged_even_where_nothing_else_changes() -> None:
    stage = exposing()
    await stage.converge()
    stage.edit()

    await stage.reconcile()

    assert (stage.log, stage.status["observedGeneration"]) == (["status"], 2)


def with_another_reason(status: Manifest) -> None:
    """Ready is False."""
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    ready.update(status="False", reason="Unauthorized")


@pytest.mark.parametrize("change", [with_another_reason, lambda status: status.pop("routes"), dict.clear], ids=["other", "part", "all"])
async def test_a_status_that_another_writer_changes_is_repaired_although_the_spec_is_the_same(change: Any) -> None:
    stage = exposing()
    await stage.converge()
    right = stage.status
    wrong = copy.deepcopy(right)
    change(wrong)
    stage.woken.clear()

    stage.change(ASSISTANT, {"status": wrong})

    assert stage.woken == [ASSISTANT]
    assert await stage.converge() == ["status"]
    assert {**stage.status, "conditions": None} == {**right, "conditions": None}
    assert stage.condition("Ready") == ("True", "Ready")


async def test_a_suspended_binding_changes_nothing_but_its_status() -> None:
    stage = attaching(suspend=True)

    assert await stage.converge() == ["status"]

    assert stage.condition("Ready") == ("Unknown", "Suspended")


async def test_suspending_leaves_applied_objects_alone() -> None:
    stage = attaching()
    await stage.converge()
    stage.drift(PLUGIN)
    stage.edit(ATTACHED, suspend=True)

    await stage.reconcile()

    assert stage.log == ["status"]
    assert (stage.condition("Ready"), stage.status["routes"]) == (("Unknown", "Suspended"), "1/1")


async def test_routes_stay_served_while_a_later_pass_cannot_go_on() -> None:
    stage = attaching()
    await stage.converge()
    stage.delete(ObjectKey("Secret", "ai", "openai"))

    await stage.converge()

    assert (stage.condition("Ready"), stage.status["routes"]) == (("False", "SecretNotFound"), "1/1")


def leave_plugin_out(stage: Stage, seconds: float = 0.0) -> None:
    """Kong's controller could not translate the pre-function that many seconds ago."""
    event = warning(PLUGIN.name, message="no such field")
    event["metadata"]["managedFields"][0]["time"] = datetime.fromtimestamp(wall() - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    stage.put(event)


async def test_a_warning_of_kong_is_shown_and_looked_at_again_when_it_is_over() -> None:
    stage = exposing()
    await stage.converge()
    leave_plugin_out(stage, 100)

    assert await stage.reconcile() == WARNING_LIFETIME - 100

    assert stage.condition("PluginsProgrammed") == ("False", "KongTranslationFailed")
    assert "no such field" in stage.message("PluginsProgrammed")
    assert stage.status["routes"] == "0/1"


async def test_a_warning_about_a_plugin_that_this_pass_writes_is_over() -> None:
    stage = exposing()
    await stage.converge()
    stage.drift(PLUGIN)
    await elapse(10)
    leave_plugin_out(stage)

    await stage.reconcile()

    assert stage.condition("PluginsProgrammed") == ("True", "PluginsProgrammed")


async def test_the_status_shows_routes_gateway_and_application() -> None:
    stage = exposing()

    await stage.converge()

    shown = {name: stage.status[name] for name in ("routes", "gateway", "fiddler")}
    assert shown == {
        "routes": "1/1",
        "gateway": {"version": "3.13", "image": "kong/kong-gateway:3.13"},
        "fiddler": {"application": "Assistant", "tracesEndpoint": "https://acme.fiddler.ai/v1/traces"},
    }


async def test_a_refused_write_to_the_gateway_is_shown_to_the_binding_that_waits_for_it() -> None:
    stage = Stage(binding(), *surroundings(env={}))
    stage.errors["Deployment"] = Refused("apply Deployment kong/gateway: deployments.apps is forbidden", 403)

    await stage.reconcile(GATEWAY)
    await stage.converge()

    assert stage.told == [GATEWAY]
    assert stage.condition("GatewayConfigured") == ("False", "GatewayWriteRefused")
    assert stage.condition("Stalled") == ("True", "GatewayWriteRefused")
    assert stage.failures == [("GatewayConfigured", "GatewayWriteRefused")]
    assert "deployments.apps is forbidden" in stage.message("GatewayConfigured")


VERIFY = {"targetRef": {"name": GATEWAY.name, "namespace": GATEWAY.namespace}, "management": "Verify"}


@pytest.mark.parametrize(
    ("env", "grant", "fields", "expected"),
    [
        (WANTED, "ai", {}, "GatewayConfigured"),
        ({}, None, {}, "GatewayNotEvaluated"),
        ({}, "ai", {"gateway": VERIFY}, "GatewaySettingsMissing"),
    ],
    ids=["has all it needs", "may not know", "verifies only"],
)
async def test_a_failed_write_to_the_gateway_is_not_shown_to_a_binding_that(
    env: dict[str, str], grant: str | None, fields: dict[str, Any], expected: str
) -> None:
    stage = Stage(binding(spec_=spec(**fields)), *surroundings(env, grant))
    stage.outcomes.note(GATEWAY, Finding(REASONS["GatewayWriteRefused"], "deployments.apps is forbidden"))

    await stage.converge()

    assert stage.condition("GatewayConfigured")[1] == expected
