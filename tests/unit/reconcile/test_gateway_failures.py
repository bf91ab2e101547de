"""Conflicts, refusals and fights over a gateway's settings, and what its bindings are told."""

from __future__ import annotations

import pytest

from fiddler_kong_operator.api.conditions import REASONS, Finding
from fiddler_kong_operator.errors import Conflict, FiddlerKongError, FieldConflict, Gone, Refused, Stale, Transient
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import Workload
from fiddler_kong_operator.reconcile.gateway import GRACE, REFUSED_RETRY, REVERT_LIMIT, REVERT_REST, GatewayOutcomes
from tests.unit.plan.situations import GATEWAY, make_binding, make_spec
from tests.unit.reconcile.gateways import BARE, BORROWED, SETTLED, Stage

FIELD = '.spec.template.spec.containers[name="proxy"].env[name="KONG_TRACING_SAMPLING_RATE"].value'
CONFLICT = Conflict("apply Deployment kong/kong-gateway: conflict", (FieldConflict("helm", FIELD),))
REFUSED = Refused("apply Deployment kong/kong-gateway: deployments.apps is forbidden", 403)


async def revert(stage: Stage, times: int) -> None:
    """Another manager undoes the settings at once, that often."""
    for _ in range(times):
        assert await stage.reconcile() is None
        stage.clock.now += 1


async def test_settings_that_are_undone_again_and_again_are_left_alone() -> None:
    stage = Stage(BARE, make_binding())
    await revert(stage, REVERT_LIMIT)

    assert await stage.reconcile() == REVERT_REST - 1

    reason, message = stage.failure
    assert (reason, REVERT_LIMIT) == ("GatewaySettingsReverted", len(stage.cluster.writes))
    assert message.startswith("Deployment kong/kong-gateway was written 4 times within 10 minutes and changed back each time.")
    assert "env.tracing_instrumentations, env.tracing_sampling_rate, env.untrusted_lua" in message
    assert stage.woken == [GATEWAY]


async def test_changing_one_s_mind_is_no_fight() -> None:
    """The fifth change of a binding's settings within ten minutes was once taken for somebody's undoing."""
    wishes = [(make_binding(make_spec(untrustedLua=lua)),) for lua in ("on", "sandbox") * REVERT_LIMIT]
    stage = Stage(BARE)
    for wish in wishes:
        stage.cluster.bindings = wish
        await revert(stage, 1)

    assert (stage.failure, len(stage.cluster.writes)) == (("", ""), len(wishes))


async def test_coming_and_going_is_no_fight() -> None:
    """Seen: a binding that was deleted and made again four times within ten minutes found its gateway given up."""
    stage = Stage(BARE)
    for _ in range(2 * REVERT_LIMIT):
        stage.cluster.workload, stage.cluster.bindings = BARE, (make_binding(),)
        await revert(stage, 1)
        stage.cluster.workload, stage.cluster.bindings = None, ()
        await revert(stage, 1)

    assert (stage.failure, len(stage.cluster.writes)) == (("", ""), 2 * REVERT_LIMIT)


async def test_a_fight_does_not_keep_what_is_left_from_being_given_back() -> None:
    stage = Stage(BARE, make_binding())
    await revert(stage, REVERT_LIMIT)
    stage.cluster.workload, stage.cluster.bindings = BORROWED, ()

    assert await stage.reconcile() == GRACE
    stage.clock.now += GRACE
    assert await stage.reconcile() is None

    assert "spec" not in stage.cluster.writes[-1][1]


async def test_a_conflict_names_field_and_manager() -> None:
    stage = Stage(BARE, make_binding())
    stage.cluster.error = CONFLICT

    assert await stage.reconcile() is None

    reason, message = stage.failure
    assert reason == "GatewaySettingConflict"
    assert message.startswith(f"Deployment kong/kong-gateway: {FIELD} belongs to helm.")
    assert "gateway.conflicts: Override" in message


async def test_a_conflict_without_causes_says_what_the_server_said() -> None:
    stage = Stage(BARE, make_binding())
    stage.cluster.error = Conflict("apply Deployment kong/kong-gateway: conflict")

    await stage.reconcile()

    assert "apply Deployment kong/kong-gateway: conflict" in stage.failure[1]


async def test_a_refused_write_is_said_and_tried_again_since_no_event_tells_of_a_new_permission() -> None:
    stage = Stage(BARE, make_binding())
    stage.cluster.error = REFUSED

    assert await stage.reconcile() == REFUSED_RETRY

    assert stage.failure == ("GatewayWriteRefused", f"Deployment kong/kong-gateway: {REFUSED}")
    assert stage.woken == [GATEWAY]


async def test_refusals_are_not_taken_for_a_manager_that_undoes_the_settings() -> None:
    stage = Stage(BARE, make_binding())
    stage.cluster.error = REFUSED
    for _ in range(2 * REVERT_LIMIT):
        assert await stage.reconcile() == REFUSED_RETRY

    assert stage.failure[0] == "GatewayWriteRefused"


@pytest.mark.parametrize("error", [CONFLICT, REFUSED], ids=["conflict", "refused"])
async def test_success_clears_the_failure_and_wakes_the_bindings(error: FiddlerKongError) -> None:
    stage = Stage(BARE, make_binding())
    stage.cluster.error = error
    await stage.reconcile()
    await stage.reconcile()
    stage.cluster.error = None

    await stage.reconcile()

    assert stage.failure == ("", "")
    assert stage.woken == [GATEWAY, GATEWAY]


@pytest.mark.parametrize("workload", [SETTLED, None], ids=["settings became right", "workload is gone"])
async def test_a_failure_ends_with_its_cause(workload: Workload | None) -> None:
    stage = Stage(BARE, make_binding())
    stage.cluster.error = REFUSED
    await stage.reconcile()
    stage.cluster.workload = workload

    await stage.reconcile()

    assert stage.failure == ("", "")


async def test_a_workload_that_is_gone_by_now_is_no_failure() -> None:
    stage = Stage(BARE, make_binding())
    stage.cluster.error = Gone("apply Deployment kong/kong-gateway: not found")

    assert await stage.reconcile() is None

    assert (stage.failure, stage.woken) == (("", ""), [])


@pytest.mark.parametrize("error", [Transient("503"), Stale("changed")], ids=repr)
async def test_any_other_failure_is_the_workers_to_retry(error: FiddlerKongError) -> None:
    stage = Stage(BARE, make_binding())
    stage.cluster.error = error

    with pytest.raises(type(error)):
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
