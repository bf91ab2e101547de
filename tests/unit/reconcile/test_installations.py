"""Two installations of the operator on one cluster: the one that started last works, the other says so and stops."""

from __future__ import annotations

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import BINDING
from fiddler_kong_operator.reconcile.gateway import TAKING
from fiddler_kong_operator.reconcile.installations import LOOK
from tests.unit.observe.objects import ASSISTANT

from .stages import OWN, GatewayStage, Stage, elapse, exposing

PLUGIN = ObjectKey("KongPlugin", "ai", "assistant-opentelemetry")
OTHER = "elsewhere"


async def two() -> tuple[Stage, Stage]:
    """The older installation, which made the binding Ready, and one that has taken the binding from it."""
    older = exposing()
    await older.converge()
    newer = older.restarted(installation=OTHER)
    await newer.converge()
    show(older)
    return older, newer


def show(stage: Stage) -> None:
    """The watch shows the binding as it is in the cluster."""
    stage.feed.event(BINDING, "MODIFIED", stage.cluster.objects[ASSISTANT])


async def test_a_binding_says_which_installation_manages_it() -> None:
    stage = exposing()

    await stage.converge()

    assert stage.status["installation"] == OWN


async def test_the_one_that_starts_takes_a_binding_by_one_write() -> None:
    older = exposing()
    await older.converge()

    newer = older.restarted(installation=OTHER)

    assert await newer.converge() == ["status"]
    assert newer.status["installation"] == OTHER
    assert newer.condition("Ready") == ("True", "Ready")


async def test_the_one_that_was_there_stops_and_names_the_other() -> None:
    older, _ = await two()
    older.drift(PLUGIN)
    before = len(older.cluster.writes)

    assert [await older.reconcile() for _ in range(3)] == [LOOK] * 3

    assert len(older.cluster.writes) == before
    (event,) = (event for event in older.events if event["reason"] == "TakenOver")
    assert event["type"] == "Warning"
    assert f"{OTHER}, manages this binding now, so {OWN} has stopped" in event["message"]


async def test_a_deletion_is_the_others() -> None:
    older, _ = await two()
    await older.reconcile()
    older.request_deletion()
    before = len(older.cluster.writes)

    assert await older.reconcile() == LOOK

    assert len(older.cluster.writes) == before


async def test_a_binding_whose_spec_is_not_answered_is_taken_back() -> None:
    """The other installation was uninstalled."""
    older, _ = await two()
    await older.reconcile()
    older.edit(sessions={"headers": ["X-Session"]})
    assert await older.reconcile() == LOOK
    await elapse(LOOK)

    await older.converge()

    assert older.status["installation"] == OWN
    assert older.status["observedGeneration"] == older.cluster.objects[ASSISTANT]["metadata"]["generation"]


async def test_a_binding_whose_spec_is_answered_stays_the_others() -> None:
    older, newer = await two()
    await older.reconcile()
    older.edit(sessions={"headers": ["X-Session"]})
    await older.reconcile()
    show(newer)
    await newer.converge()
    show(older)
    await elapse(LOOK)

    assert await older.reconcile() == LOOK

    assert older.status["installation"] == OTHER


async def test_a_binding_that_is_given_back_is_reconciled_again() -> None:
    older, newer = await two()
    await older.reconcile()
    older.change(ASSISTANT, {"status": {**newer.status, "installation": OWN}})
    older.drift(PLUGIN)

    await older.converge()

    assert f"merge_patch {PLUGIN}" in [f"{verb} {key}" for verb, key in older.cluster.writes[-2:]]


async def test_a_gateway_waits_until_its_bindings_are_taken() -> None:
    stage = GatewayStage()
    stage.change(ASSISTANT, {"status": {"installation": OTHER}})
    assert await stage.reconcile() == TAKING
    assert stage.writes == []

    await stage.work(ASSISTANT)
    await stage.reconcile()

    assert stage.writes == ["apply"]
