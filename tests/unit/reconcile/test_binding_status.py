from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fiddler_kong_operator.api.conditions import REASONS, Finding
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import KongWarning, ProbeResult, Snapshot
from fiddler_kong_operator.plan.status.programming import WARNING_LIFETIME
from fiddler_kong_operator.probe.target import ProbeTarget
from fiddler_kong_operator.reconcile.binding import SETTLE
from tests.unit.plan.plans import SECRETS, spec_of
from tests.unit.plan.situations import GATEWAY, make_container, make_workload
from tests.unit.reconcile.stages import KEY, Stage, attached, exposed

UNAUTHORIZED = ProbeResult("Unauthorized", "https://acme.fiddler.ai does not accept the API key (401).")
OBJECTS = [
    "write Secret ai/assistant-kong-keys",
    "write KongPlugin ai/assistant-openai-ai-proxy",
    "write KongPlugin ai/assistant-pre-function",
    "write KongPlugin ai/assistant-opentelemetry",
    "write Service ai/assistant-openai",
    "write Ingress ai/assistant-openai",
]


async def test_a_new_binding_costs_its_objects_and_one_status() -> None:
    stage = Stage(exposed())

    wake = await stage.reconcile()

    assert [*OBJECTS, "status"] == stage.world.log
    assert stage.world.condition("Ready") == ("True", "Ready")
    assert wake is None


async def test_a_second_pass_writes_nothing_and_says_nothing() -> None:
    stage = Stage(exposed())
    await stage.reconcile()
    stage.world.drain()
    stage.events.clear()
    stage.world.snapshot = replace(stage.world.current, now=stage.world.current.now + 3600)

    await stage.reconcile()

    assert (stage.world.log, stage.events) == ([], [])


async def test_another_probe_result_costs_one_status_and_nothing_else() -> None:
    stage = Stage(exposed())
    await stage.converge()
    stage.probes.result = UNAUTHORIZED

    await stage.reconcile()

    assert stage.world.log == ["status"]
    assert stage.world.condition("Ready") == ("False", "Unauthorized")


async def test_a_new_generation_is_acknowledged_even_where_nothing_else_changes() -> None:
    stage = Stage(exposed())
    await stage.converge()
    stage.world.change(generation=2)

    await stage.reconcile()

    assert (stage.world.log, stage.world.status["observedGeneration"]) == (["status"], 2)


async def test_a_first_status_waits_for_the_first_probe_while_the_objects_do_not() -> None:
    stage = Stage(exposed(), probe=None)

    assert await stage.reconcile() == SETTLE
    assert stage.world.drain() == OBJECTS

    stage.clock.now += 0.5
    assert await stage.reconcile() == pytest.approx(SETTLE - 0.5)
    assert stage.world.log == []


async def test_the_wait_for_the_first_probe_ends() -> None:
    stage = Stage(exposed(), probe=None)
    await stage.reconcile()
    stage.world.drain()
    stage.clock.now += SETTLE

    assert await stage.reconcile() is None

    assert stage.world.log == ["status"]
    assert stage.world.condition("TraceEndpointReachable") == ("Unknown", "ProbePending")


async def test_a_probe_answered_meanwhile_makes_one_status_at_once() -> None:
    stage = Stage(exposed(), probe=None)
    await stage.reconcile()
    stage.world.drain()
    stage.probes.result = UNAUTHORIZED

    await stage.reconcile()

    assert stage.world.log == ["status"]
    assert stage.world.condition("TraceEndpointReachable") == ("False", "Unauthorized")


async def test_a_binding_made_anew_waits_again() -> None:
    stage = Stage(exposed(), probe=None)
    await stage.reconcile()
    stage.world.snapshot = None
    await stage.reconcile()
    stage.clock.now += SETTLE
    stage.world.snapshot = exposed()

    assert await stage.reconcile() == SETTLE


async def test_a_binding_with_a_status_does_not_wait_for_a_new_target() -> None:
    stage = Stage(exposed())
    await stage.converge()
    stage.probes.result = None

    assert await stage.reconcile() is None

    assert stage.world.log == ["status"]
    assert stage.world.condition("TraceEndpointReachable") == ("Unknown", "ProbePending")


async def test_a_restart_writes_nothing_before_the_endpoint_was_asked_again() -> None:
    former = Stage(exposed())
    await former.converge()
    stage = Stage(former.world.current, probe=None)

    assert await stage.reconcile() is None

    assert stage.world.log == []


async def test_after_a_restart_the_first_answer_counts() -> None:
    former = Stage(exposed())
    await former.converge()
    stage = Stage(former.world.current, probe=None)
    await stage.reconcile()
    stage.probes.result = UNAUTHORIZED

    await stage.reconcile()

    assert stage.world.condition("TraceEndpointReachable") == ("False", "Unauthorized")


@pytest.mark.parametrize("change", [{"generation": 2}, {"reason": "FromAnOlderRelease"}])
async def test_after_a_restart_a_result_that_is_not_about_this_spec_or_not_known_does_not_count(change: dict[str, Any]) -> None:
    former = Stage(exposed())
    await former.converge()
    binding = former.world.current.binding
    conditions = [{**c, "reason": change.get("reason", c["reason"])} for c in binding.status["conditions"]]
    status = {**binding.status, "conditions": conditions}
    snapshot = replace(former.world.current, binding=replace(binding, status=status, generation=change.get("generation", 1)))
    stage = Stage(snapshot, probe=None)

    assert await stage.reconcile() == SETTLE
    stage.clock.now += SETTLE
    await stage.reconcile()

    assert stage.world.drain() == ["status"]
    assert stage.world.condition("TraceEndpointReachable") == ("Unknown", "ProbePending")


async def test_what_is_probed_is_the_binding_s_endpoint_application_and_key() -> None:
    stage = Stage(exposed())

    await stage.reconcile()

    target = ProbeTarget("https://acme.fiddler.ai", "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11", "id.secret")
    assert {KEY: target} == stage.probes.wanted


@pytest.mark.parametrize(
    ("snapshot", "kind", "reason"),
    [
        (exposed(secrets={**SECRETS, "fiddler": None}), "SecretsResolved", "SecretNotFound"),
        (replace(exposed(), binding=replace(exposed().binding, spec=None, invalid="url must be ...")), "Accepted", "InvalidSpec"),
    ],
    ids=["without its Secret", "invalid"],
)
async def test_a_binding_that_cannot_be_probed_gets_its_status_at_once(snapshot: Snapshot, kind: str, reason: str) -> None:
    stage = Stage(snapshot, probe=None)

    assert await stage.reconcile() is None

    assert stage.world.log == ["status"]
    assert ("False", reason) == stage.world.condition(kind)
    assert stage.probes.forgotten == [KEY]


async def test_a_suspended_binding_changes_nothing_but_its_status() -> None:
    stage = Stage(attached())
    stage.world.change(spec=spec_of({"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}}, suspend=True))

    await stage.reconcile()

    assert stage.world.drain() == ["status"]
    assert stage.world.condition("Ready") == ("Unknown", "Suspended")
    await stage.reconcile()
    assert stage.world.log == []


async def test_suspending_leaves_what_was_applied_alone() -> None:
    stage = Stage(attached())
    await stage.converge()
    stage.world.drift(ObjectKey("KongPlugin", "ai", "assistant-pre-function"))
    stage.world.change(spec=spec_of({"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}}, suspend=True), generation=2)

    await stage.reconcile()

    assert stage.world.log == ["status"]


def refusal(said_at: float) -> KongWarning:
    """Kong's refusal of the pre-function."""
    plugin = ObjectKey("KongPlugin", "ai", "assistant-pre-function")
    return KongWarning(plugin, "KongConfigurationApplyFailed", "no such field", said_at)


async def test_a_warning_of_kong_is_shown_and_looked_at_again_when_it_is_over() -> None:
    stage = Stage(exposed())
    await stage.converge()
    stage.world.snapshot = replace(stage.world.current, warnings=(refusal(stage.world.current.now - 100),))

    assert await stage.reconcile() == WARNING_LIFETIME - 100

    assert stage.world.condition("PluginsProgrammed") == ("False", "KongRefused")
    assert "no such field" in stage.world.message("PluginsProgrammed")
    assert stage.world.status["routes"] == "0/1"


async def test_a_warning_about_a_plugin_that_was_just_written_anew_is_over() -> None:
    stage = Stage(exposed())
    await stage.converge()
    warning = refusal(stage.world.current.now - 100)
    stage.world.snapshot = replace(stage.world.current, warnings=(warning,))
    stage.world.drift(warning.plugin)

    assert await stage.reconcile() is None

    assert stage.world.condition("PluginsProgrammed") == ("True", "PluginsProgrammed")


async def test_the_status_shows_routes_gateway_and_application() -> None:
    stage = Stage(exposed())

    await stage.reconcile()

    shown = {name: stage.world.status[name] for name in ("routes", "gateway", "fiddler")}
    assert shown == {
        "routes": "1/1",
        "gateway": {"version": "3.13.0.7", "image": "kong/kong-gateway:3.13.0.7"},
        "fiddler": {"application": "Assistant", "tracesEndpoint": "https://acme.fiddler.ai/v1/traces"},
    }


REFUSED = Finding(REASONS["GatewayWriteRefused"], "deployments.apps is forbidden")
UNSET = make_workload(make_container({}), grant="ai")
VERIFY = spec_of(gateway={"targetRef": {"name": "kong-gateway", "namespace": "kong"}, "management": "Verify"})


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        ({"workload": UNSET}, "GatewayWriteRefused"),
        ({"workload": make_workload(grant="ai")}, "GatewayConfigured"),
        ({"workload": make_workload(make_container({}), grant=None)}, "GatewayNotEvaluated"),
        ({"workload": UNSET, "spec": VERIFY}, "GatewaySettingsMissing"),
    ],
    ids=["waits for the settings", "has all it needs", "may not know", "verifies only"],
)
async def test_a_failed_write_to_the_gateway_is_shown_to_a_binding_that(situation: dict[str, Any], expected: str) -> None:
    stage = Stage(exposed(**situation))
    stage.outcomes.note(GATEWAY, REFUSED)

    await stage.reconcile()

    assert expected == stage.world.condition("GatewayConfigured")[1]
