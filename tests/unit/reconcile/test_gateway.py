from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Refused, Stale
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.plan.gateway.env import SAMPLING_RATE
from fiddler_kong_operator.plan.kinds import BINDING
from fiddler_kong_operator.plan.workload import Workload
from fiddler_kong_operator.reconcile.gateway import REFUSED_RETRY, RELEASE_DELAY, REPEAT, REVERT_LIMIT
from tests.unit.observe.objects import ASSISTANT, GATEWAY, ROLLED_OUT
from tests.unit.reconcile.stages import WANTED, GatewayStage, elapse


async def borrowed(**gateway: Any) -> GatewayStage:
    """A gateway whose settings the operator has set for a binding that is gone now."""
    stage = GatewayStage({"KONG_DATABASE": "off"})
    stage.bind(**gateway)
    await stage.reconcile()
    stage.delete(ASSISTANT)
    stage.cluster.calls.clear()
    return stage


async def test_missing_settings_are_applied_once_without_force() -> None:
    stage = GatewayStage({"KONG_DATABASE": "off"})

    assert await stage.reconcile() is None
    assert await stage.reconcile() is None

    assert (stage.env, stage.writes) == ({"KONG_DATABASE": "off", **WANTED}, ["apply"])
    assert stage.failure == ("", "")


async def test_nothing_is_released_while_there_may_be_bindings_that_are_not_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stage = await borrowed()
    stage.cache.set_forbidden(BINDING, "beta", "no")
    for _ in range(2):
        assert await stage.reconcile() == REFUSED_RETRY
        await elapse(RELEASE_DELAY)
    assert (stage.writes, [line for line in caplog.messages if "are kept" in line]) == (
        [],
        [f"{GATEWAY}: settings that no visible binding needs are kept: others may need them"],
    )

    stage.cache.set_forbidden(BINDING, "beta", None)
    await stage.reconcile()
    await elapse(RELEASE_DELAY)
    await stage.reconcile()

    assert stage.env == {"KONG_DATABASE": "off"}


async def test_a_write_without_effect_is_repeated_and_told_in_the_end() -> None:
    """A policy takes our entries out of each write."""
    stage = GatewayStage({"KONG_DATABASE": "off"})
    stage.cluster.defaults = _without_ours

    assert [await stage.reconcile() for _ in range(REVERT_LIMIT)] == [REPEAT] * REVERT_LIMIT
    await stage.reconcile()

    assert stage.failure[0] == "GatewaySettingsReverted"


async def test_a_write_whose_values_are_there_is_not_repeated_though_another_keeps_our_note() -> None:
    stage = GatewayStage({SAMPLING_RATE: "0.5"})
    note = json.dumps({"proxy": {"KONG_DATABASE": "off"}})
    stage.change(GATEWAY, annotations={names.GRANT_ANNOTATION: "*", names.FORMER_SETTINGS_ANNOTATION: note})
    stage.bind(conflicts="Override")

    assert await stage.reconcile() is None


def _without_ours(raw: Manifest) -> None:
    if raw["kind"] == GATEWAY.kind:
        (container,) = raw["spec"]["template"]["spec"]["containers"]
        container["env"] = [entry for entry in container["env"] if entry["name"] not in WANTED]


async def test_many_bindings_cost_one_write() -> None:
    stage = GatewayStage(bindings=tuple(f"b{number}" for number in range(20)))

    await stage.reconcile()

    assert (stage.env, stage.writes) == (WANTED, ["apply"])


async def test_a_write_wakes_the_bindings_of_the_gateway_in_the_background() -> None:
    stage = GatewayStage()
    stage.lanes.clear()

    await stage.reconcile()

    assert stage.lanes == {Lane.BACKGROUND}


async def test_the_answer_to_a_write_is_seen_at_once() -> None:
    stage = GatewayStage()

    await stage.reconcile()

    seen = stage.cache.value(GATEWAY, Workload)
    assert seen
    assert seen.resource_version == stage.cluster.objects[GATEWAY]["metadata"]["resourceVersion"]


async def test_each_write_that_replaces_pods_is_told_with_its_cause() -> None:
    stage = await borrowed()
    assert stage.rollouts == [("Deployment", "apply")]
    await stage.reconcile()
    await elapse(RELEASE_DELAY)
    await stage.reconcile()
    await stage.reconcile()

    assert stage.rollouts == [("Deployment", "apply"), ("Deployment", "release")]


async def test_settings_that_are_right_already_are_left_to_their_owner() -> None:
    stage = GatewayStage(WANTED)

    assert await stage.reconcile() is None

    assert (stage.writes, stage.managers, stage.told) == ([], {"helm"}, [])


async def test_a_workload_that_does_not_exist_is_not_created() -> None:
    stage = GatewayStage()
    stage.delete(GATEWAY)

    assert await stage.reconcile() is None

    assert (stage.writes, stage.told, GATEWAY in stage.cluster.objects) == ([], [], False)


async def test_settings_are_released_only_after_the_grace() -> None:
    stage = await borrowed()

    assert await stage.reconcile() == RELEASE_DELAY
    await elapse(2)
    assert await stage.reconcile() == RELEASE_DELAY - 2
    assert stage.writes == []

    await elapse(RELEASE_DELAY - 2)
    assert await stage.reconcile() is None
    assert (stage.env, stage.managers, stage.writes) == ({"KONG_DATABASE": "off"}, {"helm"}, ["apply"])


async def test_a_binding_that_comes_back_within_the_grace_costs_no_rollout() -> None:
    stage = await borrowed()
    await stage.reconcile()
    await elapse(RELEASE_DELAY)
    stage.bind()

    assert await stage.reconcile() is None

    assert stage.writes == []


async def test_the_grace_starts_again_with_each_deletion() -> None:
    stage = await borrowed()
    await stage.reconcile()
    stage.bind()
    await stage.reconcile()
    await elapse(RELEASE_DELAY)
    stage.delete(ASSISTANT)

    assert await stage.reconcile() == RELEASE_DELAY


async def test_a_former_value_is_restored_in_one_rollout_and_no_manager_of_ours_stays() -> None:
    stage = GatewayStage({SAMPLING_RATE: "0.5"})
    stage.bind(conflicts="Override")
    await stage.reconcile()
    assert stage.env == WANTED
    stage.delete(ASSISTANT)
    stage.cluster.calls.clear()
    await stage.reconcile()
    await elapse(RELEASE_DELAY)

    assert await stage.reconcile() is None

    assert (stage.env, stage.writes) == ({SAMPLING_RATE: "0.5"}, ["strategic_patch", "apply", "merge_patch"])
    assert stage.managers == {"helm"}
    assert names.FORMER_SETTINGS_ANNOTATION not in stage.cluster.objects[GATEWAY]["metadata"]["annotations"]
    assert (await stage.reconcile(), len(stage.writes)) == (None, 3)


async def test_a_rollout_that_begins_during_the_restoration_costs_one_more_patch_and_no_second_restoration() -> None:
    stage = GatewayStage({SAMPLING_RATE: "0.5"})
    stage.bind(conflicts="Override")
    await stage.reconcile()
    stage.delete(ASSISTANT)
    stage.cluster.calls.clear()
    await stage.reconcile()
    await elapse(RELEASE_DELAY)

    def roll_out(verb: str, _which: ObjectKey) -> None:
        if verb == "merge_patch" and stage.writes.count(verb) == 1:
            live = stage.cluster.objects[GATEWAY]
            stage.cluster.put({**live, "status": {**live["status"], "updatedReplicas": 0}})

    stage.cluster.before = roll_out
    assert await stage.reconcile() is None

    assert (stage.env, stage.writes) == ({SAMPLING_RATE: "0.5"}, ["strategic_patch", "apply", "merge_patch", "merge_patch"])
    assert stage.managers == {"helm"}


async def test_a_restoration_on_an_outdated_view_reads_the_workload_and_succeeds_without_the_watch() -> None:
    """A command that cleans up has no watch."""
    stage = GatewayStage({SAMPLING_RATE: "0.5"})
    stage.bind(conflicts="Override")
    await stage.reconcile()
    stage.delete(ASSISTANT)
    await stage.reconcile()
    await elapse(RELEASE_DELAY)
    stage.set_env("argocd", {"name": "KONG_LOG_LEVEL", "value": "info"}, seen=False)

    with pytest.raises(Stale):
        await stage.reconcile()
    assert await stage.reconcile() is None

    assert stage.env == {SAMPLING_RATE: "0.5", "KONG_LOG_LEVEL": "info"}


@pytest.mark.parametrize("options", [{"management": "Verify"}, {"suspend": True}], ids=["Verify", "suspended"])
async def test_nothing_is_written_for_a_binding_that_only_looks_on(options: dict[str, Any]) -> None:
    stage = GatewayStage()
    stage.bind(**options)

    assert await stage.reconcile() is None

    assert stage.writes == []


async def test_the_grace_starts_again_even_where_nothing_could_be_written_in_between() -> None:
    stage = await borrowed(untrustedLua="sandbox")
    await stage.reconcile()
    await elapse(RELEASE_DELAY)
    stage.bind()
    stage.errors["Deployment"] = Refused("apply Deployment kong/gateway: deployments.apps is forbidden", 403)
    await stage.reconcile()
    stage.delete(ASSISTANT)

    assert await stage.reconcile() == RELEASE_DELAY


async def test_each_transition_of_a_gateway_is_one_line_in_the_log_however_many_bindings_name_it(caplog: pytest.LogCaptureFixture) -> None:
    stage = GatewayStage(WANTED, bindings=("assistant", "bot", "chat"))
    with caplog.at_level(logging.INFO):
        for status in ({}, {"updatedReplicas": 0}, {"availableReplicas": 0}, {"availableReplicas": 0}, {}):
            stage.change(GATEWAY, {"status": {**ROLLED_OUT, **status}})
            await stage.reconcile()

    lines = [record.getMessage() for record in caplog.records if record.name.endswith("reconcile.gateway_outcomes")]
    assert lines == [
        f"{GATEWAY}: its pods are being replaced",
        f"{GATEWAY}: it has no ready pod",
        f"{GATEWAY}: all its pods run with its present template",
    ]


async def test_each_rollout_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        stage = await borrowed()
        await stage.reconcile()
        await elapse(RELEASE_DELAY)
        await stage.reconcile()

    lines = [record.getMessage() for record in caplog.records if record.name.endswith("reconcile.gateway_outcomes")]
    assert lines == [
        f"{GATEWAY}: the operator's settings are set; its pods are replaced",
        f"{GATEWAY}: the operator's settings are taken back; its pods are replaced",
    ]
