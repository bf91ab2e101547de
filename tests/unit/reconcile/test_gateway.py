from __future__ import annotations

import json

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Refused
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.gateway.env import SAMPLING_RATE
from fiddler_kong_operator.plan.snapshot import Binding, Workload
from fiddler_kong_operator.reconcile.gateway import GRACE
from tests.unit.plan.situations import OURS, WANTED, make_binding, make_container, make_spec, make_workload
from tests.unit.reconcile.gateways import BARE, BORROWED, SETTLED, Stage

TAKEN_OVER = make_workload(managers=OURS, former=json.dumps({"proxy": {SAMPLING_RATE: "0.5"}}))
VERIFYING = make_binding(make_spec(management="Verify"))
SUSPENDED = make_binding(make_spec(suspend=True))


def env(manifest: Manifest) -> dict[str, str]:
    containers = manifest["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", "") for container in containers for entry in container["env"]}


async def test_missing_settings_are_applied_once_without_force() -> None:
    stage = Stage(BARE, make_binding())

    assert await stage.reconcile() is None

    ((verb, manifest),) = stage.cluster.writes
    assert (verb, env(manifest), stage.cluster.options) == ("apply", WANTED, [{"force": False}])
    assert stage.failure == ("", "")


async def test_many_bindings_cost_one_write() -> None:
    stage = Stage(BARE, *(make_binding(name=f"b{number}", created=number) for number in range(20)))

    await stage.reconcile()

    assert len(stage.cluster.writes) == 1


async def test_the_answer_to_a_write_is_seen_at_once() -> None:
    stage = Stage(BARE, make_binding())

    await stage.reconcile()

    assert [raw["metadata"]["resourceVersion"] for raw in stage.cluster.observed] == ["78"]


@pytest.mark.parametrize("workload", [SETTLED, None], ids=["right already", "not there"])
async def test_where_there_is_nothing_to_do_nothing_is_written(workload: Workload | None) -> None:
    stage = Stage(workload, make_binding())

    assert await stage.reconcile() is None

    assert (stage.cluster.writes, stage.woken) == ([], [])


async def test_settings_are_given_back_only_after_the_grace() -> None:
    stage = Stage(BORROWED)

    assert await stage.reconcile() == GRACE
    stage.clock.now += 2
    assert await stage.reconcile() == GRACE - 2
    assert stage.cluster.writes == []

    stage.clock.now += GRACE - 2
    assert await stage.reconcile() is None
    ((verb, manifest),) = stage.cluster.writes
    assert (verb, "spec" in manifest) == ("apply", False)


async def test_a_binding_that_comes_back_within_the_grace_costs_no_rollout() -> None:
    stage = Stage(BORROWED)
    await stage.reconcile()
    stage.clock.now += GRACE
    stage.cluster.bindings = (make_binding(),)

    assert await stage.reconcile() is None

    assert stage.cluster.writes == []


async def test_the_grace_starts_anew_with_each_end() -> None:
    stage = Stage(BORROWED)
    await stage.reconcile()
    stage.cluster.bindings = (make_binding(),)
    await stage.reconcile()
    stage.clock.now += GRACE
    stage.cluster.bindings = ()

    assert await stage.reconcile() == GRACE


async def test_a_former_value_is_put_back_by_the_restoring_manager_which_then_lets_go() -> None:
    stage = Stage(TAKEN_OVER)
    stage.cluster.managers = ["helm", names.RESTORING_MANAGER]
    await stage.reconcile()
    stage.clock.now += GRACE

    await stage.reconcile()

    (restore, apply, disown) = stage.cluster.writes
    assert (restore[0], env(restore[1])[SAMPLING_RATE]) == ("patch", "0.5")
    assert stage.cluster.options[0] == {"strategic": True, "manager": names.RESTORING_MANAGER}
    assert (apply[0], "spec" in apply[1]) == ("apply", False)
    assert (disown[0], disown[1]["metadata"]["managedFields"]) == ("patch", [{"manager": "helm"}])
    assert [raw["metadata"]["resourceVersion"] for raw in stage.cluster.observed] == ["78", "79", "80"]


@pytest.mark.parametrize("binding", [VERIFYING, SUSPENDED], ids=["Verify", "suspended"])
async def test_nothing_is_written_for_a_binding_that_only_looks_on(binding: Binding) -> None:
    stage = Stage(BARE, binding)

    assert await stage.reconcile() is None

    assert stage.cluster.writes == []


async def test_the_grace_starts_anew_even_where_nothing_could_be_written_in_between() -> None:
    stage = Stage(make_workload(make_container({SAMPLING_RATE: "1.0"}), managers=OURS))
    await stage.reconcile()
    stage.clock.now += GRACE
    stage.cluster.bindings = (make_binding(),)
    stage.cluster.error = Refused("apply Deployment kong/kong-gateway: deployments.apps is forbidden", 403)
    await stage.reconcile()
    stage.cluster.bindings = ()

    assert await stage.reconcile() == GRACE
