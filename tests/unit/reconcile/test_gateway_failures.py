"""Conflicts, refusals and fights over a gateway's settings, and what its bindings are told."""

from __future__ import annotations

import pytest

from fiddler_kong_operator.api.conditions import REASONS, Finding
from fiddler_kong_operator.errors import Conflict, FiddlerKongError, FieldConflict, Gone, Refused, Stale
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.env import SAMPLING_RATE
from fiddler_kong_operator.reconcile.gateway import (
    REFUSED_RETRY,
    RELEASE_DELAY,
    RESTART_LIMIT,
    RESTART_WINDOW,
    REVERT_LIMIT,
    REVERT_REST,
)
from fiddler_kong_operator.reconcile.gateway_outcomes import GatewayOutcomes
from tests.unit.observe.objects import ASSISTANT, GATEWAY
from tests.unit.reconcile.stages import WANTED, GatewayStage, elapse

FIELD = '.spec.template.spec.containers[name="proxy"].env[name="KONG_TRACING_SAMPLING_RATE"].value'
CONFLICT = Conflict("apply Deployment kong/gateway: conflict", (FieldConflict("helm", FIELD),))
REFUSED = Refused("apply Deployment kong/gateway: deployments.apps is forbidden", 403)


async def fight(stage: GatewayStage, times: int) -> None:
    """Another manager reverts each of that many writes, one a second."""
    for _ in range(times):
        assert await stage.reconcile() is None
        assert stage.env == WANTED
        stage.revert()
        await elapse(1)


async def test_settings_that_are_reverted_again_and_again_are_left_alone() -> None:
    stage = GatewayStage()
    await fight(stage, REVERT_LIMIT)

    assert await stage.reconcile() == REVERT_REST - 1

    reason, message = stage.failure
    assert (reason, REVERT_LIMIT) == ("GatewaySettingsReverted", len(stage.writes))
    assert message.startswith(
        "Deployment kong/gateway was written 4 times within 10 minutes and changed back each time by a client that removes them"
    )
    assert "env.tracing_instrumentations, env.tracing_sampling_rate, env.untrusted_lua" in message
    assert stage.told == [GATEWAY]


async def test_the_manager_whose_values_come_back_is_named() -> None:
    stage = GatewayStage()
    stage.bind(conflicts="Override")
    for _ in range(REVERT_LIMIT):
        assert await stage.reconcile() is None
        stage.set_env("kustomize-controller", {"name": "KONG_TRACING_SAMPLING_RATE", "value": "0.5"})
        await elapse(1)

    await stage.reconcile()

    assert "changed back each time by kustomize-controller. Set the tracing settings where that manager" in stage.failure[1]


async def test_a_new_demand_is_no_fight() -> None:
    """Seen: the fifth change of a binding's settings within ten minutes was taken for another manager's doing."""
    stage = GatewayStage()
    demands = ("on", "sandbox") * REVERT_LIMIT
    for lua in demands:
        stage.bind(untrustedLua=lua)
        await stage.reconcile()
        await elapse(RESTART_WINDOW)

    assert (stage.failure, len(stage.writes)) == (("", ""), len(demands))


async def test_a_binding_that_keeps_asking_for_another_value_does_not_keep_restarting_the_gateway() -> None:
    stage = GatewayStage()
    for lua in ("on", "sandbox") * 15:
        stage.bind(untrustedLua=lua)
        await stage.reconcile()
        await elapse(0.125)
    assert len(stage.writes) == RESTART_LIMIT

    stage.bind(untrustedLua="on")
    wait = await stage.reconcile()

    assert stage.failure == (
        "GatewayPending",
        (
            "Deployment kong/gateway was changed 4 times within 60 s, and each change replaces its pods. "
            "The operator makes the next change after a pause of up to 60 s."
        ),
    )
    assert wait is not None
    assert RESTART_WINDOW - 5 < wait <= RESTART_WINDOW
    await elapse(wait)
    await stage.reconcile()
    assert (stage.env, stage.failure, len(stage.writes)) == (WANTED, ("", ""), RESTART_LIMIT + 1)


async def test_the_owner_gets_a_gateway_back_that_is_left_alone_after_many_changes() -> None:
    stage = GatewayStage()
    for lua in ("on", "sandbox") * REVERT_LIMIT:
        stage.bind(untrustedLua=lua)
        await stage.reconcile()
    stage.delete(ASSISTANT)
    await stage.reconcile()
    await elapse(RELEASE_DELAY)

    await stage.reconcile()

    assert (stage.env, stage.managers) == ({}, {"helm"})


async def test_coming_and_going_bindings_do_not_keep_restarting_the_gateway() -> None:
    stage = GatewayStage()
    for _ in range(6):
        await stage.reconcile()
        stage.delete(ASSISTANT)
        await stage.reconcile()
        await elapse(RELEASE_DELAY)
        await stage.reconcile()
        stage.bind()

    assert len(stage.writes) == RESTART_LIMIT


async def test_a_write_that_replaces_no_pod_is_no_restart() -> None:
    stage = GatewayStage()
    for _ in range(2 * RESTART_LIMIT):
        await stage.reconcile()
        stage.set_env("helm", *({"name": name, "value": value} for name, value in WANTED.items()))
        await elapse(1)

    assert stage.failure == ("", "")


async def test_coming_and_going_is_no_fight() -> None:
    """Seen: a binding that was deleted and created again four times within ten minutes found its gateway given up."""
    stage = GatewayStage()
    for _ in range(2 * REVERT_LIMIT):
        await stage.reconcile()
        stage.delete(GATEWAY)
        stage.delete(ASSISTANT)
        await stage.reconcile()
        stage.bind()
        stage.install({})
        await elapse(1)

    assert (stage.failure, len(stage.writes)) == (("", ""), 2 * REVERT_LIMIT)


async def test_a_fight_does_not_keep_the_settings_from_being_released() -> None:
    stage = GatewayStage()
    await fight(stage, REVERT_LIMIT - 1)
    await stage.reconcile()
    stage.delete(ASSISTANT)

    assert await stage.reconcile() == RELEASE_DELAY
    await elapse(RELEASE_DELAY)
    assert await stage.reconcile() is None

    assert (stage.env, stage.managers) == ({}, {"helm"})


async def test_a_conflict_names_field_and_manager() -> None:
    stage = GatewayStage()
    stage.set_env("kubectl-edit", {"name": SAMPLING_RATE, "value": "0.5"}, seen=False)

    assert await stage.reconcile() is None

    reason, message = stage.failure
    assert (reason, stage.env) == ("GatewaySettingConflict", {SAMPLING_RATE: "0.5"})
    assert message.startswith(f"Deployment kong/gateway: {FIELD} belongs to kubectl-edit.")
    assert "set gateway.conflicts to Override" in message


async def test_a_conflict_without_causes_says_what_the_server_said() -> None:
    stage = GatewayStage()
    stage.errors["Deployment"] = Conflict("apply Deployment kong/gateway: conflict")

    await stage.reconcile()

    assert "apply Deployment kong/gateway: conflict" in stage.failure[1]


async def test_a_refused_write_is_said_and_retried_since_no_event_tells_of_a_new_permission() -> None:
    stage = GatewayStage()
    stage.errors["Deployment"] = REFUSED

    assert await stage.reconcile() == REFUSED_RETRY

    remedy = "Allow it to the operator, or set gateway.management to Verify. The operator tries again every minute."
    assert stage.failure == ("GatewayWriteRefused", f"Deployment kong/gateway: {REFUSED}. {remedy}")
    assert stage.told == [GATEWAY]


async def test_a_refusal_is_not_repeated_early_whoever_wakes_the_workload() -> None:
    stage = await refused()
    stage.errors.clear()
    stage.cluster.calls.clear()
    for second in range(5):
        assert await stage.reconcile() == REFUSED_RETRY - second
        await elapse(1)
    assert stage.writes == []

    stage.bind(untrustedLua="sandbox")
    await stage.reconcile()

    assert (len(stage.writes), stage.failure) == (1, ("", ""))


async def test_a_demand_that_goes_and_comes_back_still_waits_for_the_end_of_its_pause() -> None:
    stage = await refused()
    stage.errors.clear()
    await elapse(10)
    stage.bind(untrustedLua="sandbox")
    await stage.reconcile()
    assert (len(stage.writes), stage.failure) == (2, ("", ""))

    stage.bind(untrustedLua="on")
    assert await stage.reconcile() == REFUSED_RETRY - 10

    assert (len(stage.writes), stage.failure[0]) == (2, "GatewayWriteRefused")
    await elapse(REFUSED_RETRY - 10)
    await stage.reconcile()
    assert (len(stage.writes), stage.failure) == (3, ("", ""))


async def test_refusals_are_not_taken_for_a_manager_that_reverts_the_settings() -> None:
    stage = GatewayStage()
    stage.errors["Deployment"] = REFUSED
    for _ in range(2 * REVERT_LIMIT):
        assert await stage.reconcile() == REFUSED_RETRY

    assert stage.failure[0] == "GatewayWriteRefused"


@pytest.mark.parametrize("error", [CONFLICT, REFUSED], ids=["conflict", "refused"])
async def test_success_clears_the_failure_and_wakes_the_bindings(error: FiddlerKongError) -> None:
    stage = GatewayStage()
    stage.errors["Deployment"] = error
    await stage.reconcile()
    await stage.reconcile()
    stage.errors.clear()
    await elapse(REFUSED_RETRY)

    await stage.reconcile()

    assert (stage.failure, stage.env) == (("", ""), WANTED)
    assert stage.told == [GATEWAY, GATEWAY]


async def refused() -> GatewayStage:
    """A gateway whose settings could not be written."""
    stage = GatewayStage()
    stage.errors["Deployment"] = REFUSED
    await stage.reconcile()
    assert stage.failure[0] == "GatewayWriteRefused"
    return stage


async def test_a_failure_ends_when_another_manager_sets_the_values() -> None:
    stage = await refused()
    stage.set_env("helm", *({"name": name, "value": value} for name, value in WANTED.items()))

    await stage.reconcile()

    assert stage.failure == ("", "")


async def test_a_failure_ends_with_the_workload() -> None:
    stage = await refused()
    stage.delete(GATEWAY)

    await stage.reconcile()

    assert stage.failure == ("", "")


async def test_a_workload_that_was_just_deleted_is_no_failure() -> None:
    stage = GatewayStage()
    stage.errors["Deployment"] = Gone("apply Deployment kong/gateway: not found")

    assert await stage.reconcile() is None

    assert (stage.failure, stage.told) == (("", ""), [])


async def test_a_workload_that_is_found_deleted_is_done_without_the_watch() -> None:
    """A command that cleans up has no watch."""
    stage = GatewayStage()
    del stage.cluster.objects[GATEWAY]
    stage.errors["Deployment"] = Stale("the uid is another")

    with pytest.raises(Stale):
        await stage.reconcile()

    assert await stage.reconcile() is None


async def test_any_other_failure_is_the_workers_to_retry() -> None:
    stage = GatewayStage()
    stage.errors["Deployment"] = Stale("changed")

    with pytest.raises(Stale):
        await stage.reconcile()

    assert stage.failure == ("", "")


def test_bindings_are_woken_only_when_the_outcome_is_another() -> None:
    woken: list[ObjectKey] = []
    outcomes = GatewayOutcomes(woken.append)
    failure = Finding(REASONS["GatewayWriteRefused"], "forbidden")
    counts = []

    for outcome in (None, failure, failure, Finding(REASONS["GatewayWriteRefused"], "other words"), None, None):
        outcomes.note(GATEWAY, outcome)
        counts.append(len(woken))

    assert counts == [0, 1, 1, 2, 3, 3]


def test_a_binding_without_a_workload_has_no_failure() -> None:
    outcomes = GatewayOutcomes(lambda _key: None)
    outcomes.note(GATEWAY, Finding(REASONS["GatewayWriteRefused"], "forbidden"))

    assert outcomes.failure(None) is None
