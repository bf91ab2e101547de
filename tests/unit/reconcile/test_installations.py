"""Two installations of the operator on one cluster: the one that started last works, the other says so and stops."""

from __future__ import annotations

import pytest

from fiddler_kong_operator.errors import Stale
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.names import GRANT_ANNOTATION
from fiddler_kong_operator.plan.kinds import BINDING
from fiddler_kong_operator.reconcile.gateway import TAKING
from fiddler_kong_operator.reconcile.installations import LOOK
from tests.unit.observe.objects import ASSISTANT, GATEWAY, LLM, binding, spec

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


async def ignore_an_edit(stage: Stage) -> None:
    """The user edits the binding, and the installation that has taken it does not answer."""
    stage.edit(sessions={"headers": ["X-Session"]})
    assert await stage.reconcile() == LOOK
    await elapse(LOOK)


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
    await ignore_an_edit(older)

    await older.converge()

    assert older.status["installation"] == OWN
    assert older.status["observedGeneration"] == older.cluster.objects[ASSISTANT]["metadata"]["generation"]


async def test_a_new_binding_of_an_installation_that_was_gone_shows_that_it_works_again() -> None:
    older, _ = await two()
    await older.reconcile()
    await ignore_an_edit(older)
    await older.converge()
    fresh = ASSISTANT._replace(name="fresh")
    theirs = binding("fresh", spec_=spec({"name": "fresh", "expose": {"path": "/fresh"}, "llm": LLM}))
    older.put({**theirs, "status": {"installation": OTHER}})

    assert await older.reconcile(fresh) == LOOK

    assert older.cluster.objects[fresh]["status"]["installation"] == OTHER


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


@pytest.mark.parametrize(
    ("other", "owner"),
    [
        (binding("quiet", spec_=spec({"name": "quiet", "expose": {"path": "/quiet"}, "llm": LLM})), OWN),
        (binding("assistant", namespace="served", uid="uid-served"), OTHER),
    ],
    ids=["of the same namespace", "of another namespace, in which it may still work"],
)
async def test_when_one_binding_is_not_answered_those_of_its_namespace_are_taken_back(other: Manifest, owner: str) -> None:
    older = exposing()
    older.put(other)
    await older.converge()
    newer = older.restarted(installation=OTHER)
    await newer.converge()
    second = BINDING.key(other)
    for key in (ASSISTANT, second):
        older.feed.event(BINDING, "MODIFIED", older.cluster.objects[key])
        assert await older.reconcile(key) == LOOK
    await ignore_an_edit(older)

    await older.converge()

    assert [older.cluster.objects[key]["status"]["installation"] for key in (ASSISTANT, second)] == [OWN, owner]


async def test_a_new_binding_is_left_to_the_one_that_started_last() -> None:
    older, newer = await two()
    await older.reconcile()
    fresh = ASSISTANT._replace(name="fresh")
    older.put(binding("fresh", spec_=spec({"name": "fresh", "expose": {"path": "/fresh"}, "llm": LLM})))
    await older.work(fresh)
    newer.feed.event(BINDING, "ADDED", older.cluster.objects[fresh])
    await newer.work(fresh)
    older.feed.event(BINDING, "MODIFIED", older.cluster.objects[fresh])

    assert await older.reconcile(fresh) == LOOK

    assert older.cluster.objects[fresh]["status"]["installation"] == OTHER


async def test_a_status_does_not_overwrite_that_of_an_installation_that_has_just_taken_the_binding() -> None:
    older = exposing()
    await older.converge()
    older.drift(PLUGIN)

    def take(verb: str, key: ObjectKey) -> None:
        if (verb, key) == ("get", PLUGIN):  # the repair reads it first
            older.change(ASSISTANT, {"status": {"installation": OTHER}})

    older.cluster.after = take
    older.edit(payloads="Captured")
    with pytest.raises(Stale, match="taken over by the installation elsewhere"):
        await older.reconcile()

    assert older.status["installation"] == OTHER


async def test_a_binding_that_was_left_is_not_probed_any_more() -> None:
    older, _ = await two()
    await older.reconcile()
    older.asked.clear()
    await elapse(3600.0)
    assert older.asked == []


@pytest.mark.parametrize(("granted", "writes"), [(True, []), (False, ["apply"])])
async def test_only_a_binding_that_may_use_the_gateway_keeps_an_installation_from_it(granted: bool, writes: list[str]) -> None:  # noqa: FBT001
    stage = GatewayStage()
    stage.put({**binding("theirs", namespace="beta"), "status": {"installation": OTHER}})
    stage.change(GATEWAY, annotations={GRANT_ANNOTATION: "ai,beta" if granted else "ai"})

    await stage.reconcile()

    assert stage.writes == writes


async def test_a_gateway_that_is_left_alone_says_whose_it_is() -> None:
    stage = GatewayStage()
    theirs = ASSISTANT._replace(namespace="beta")
    stage.put(binding("assistant", namespace="beta", uid="uid-beta"))
    for which in (ASSISTANT, theirs, theirs):
        await stage.work(which)
    stage.change(theirs, {"status": {**stage.status_of(theirs), "installation": OTHER}})
    await stage.work(theirs)

    assert await stage.reconcile() == TAKING

    assert stage.failure[0] == "GatewayPending"
    assert f"the installation {OTHER} of the operator manages {theirs}" in stage.failure[1]


async def test_a_gateway_waits_until_its_bindings_are_taken() -> None:
    stage = GatewayStage()
    stage.change(ASSISTANT, {"status": {"installation": OTHER}})
    assert await stage.reconcile() == TAKING
    assert stage.writes == []
    assert f"until all bindings that use it are taken over from the installation {OTHER}" in stage.failure[1]

    await stage.work(ASSISTANT)
    await stage.reconcile()

    assert (stage.writes, stage.failure) == (["apply"], ("", ""))
