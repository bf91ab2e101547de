"""A status waits for the first answer of the trace endpoint, but not for long."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.verify_depth import VERIFY_DEPTH
from fiddler_kong_operator.probe.target import ProbeTarget
from fiddler_kong_operator.reconcile.first_answers import FIRST_ANSWER_WAIT
from tests.unit.observe.objects import ASSISTANT, FIDDLER, binding, spec
from tests.unit.reconcile.stages import UNAUTHORIZED, WANTED, Stage, elapse, exposing, surroundings


async def test_a_first_status_waits_for_the_first_probe_while_the_objects_do_not() -> None:
    stage = exposing(answer=None)

    assert await stage.reconcile() == FIRST_ANSWER_WAIT
    assert [line.split()[0] for line in stage.drain()] == ["create"] * 6

    await elapse(0.5)
    assert await stage.reconcile() == FIRST_ANSWER_WAIT - 0.5
    assert stage.log == []


async def test_the_wait_for_the_first_probe_ends() -> None:
    stage = exposing(answer=None)
    await stage.reconcile()
    stage.drain()
    await elapse(FIRST_ANSWER_WAIT)

    assert await stage.reconcile() is None

    assert stage.log == ["status"]
    assert stage.condition("TraceEndpointReachable") == ("Unknown", "ProbePending")


async def test_a_probe_answered_meanwhile_makes_one_status_at_once() -> None:
    stage = exposing(answer=None)
    await stage.reconcile()
    stage.drain()
    await elapse(0.5)
    await stage.reply(UNAUTHORIZED)

    await stage.reconcile()

    assert stage.log == ["status"]
    assert stage.condition("TraceEndpointReachable") == ("False", "Unauthorized")


async def test_a_binding_created_again_waits_again() -> None:
    stage = exposing(answer=None)
    await stage.reconcile()
    stage.delete(ASSISTANT)
    await stage.reconcile()
    await elapse(FIRST_ANSWER_WAIT)
    stage.put(binding(uid="uid-another"))

    assert await stage.reconcile() == FIRST_ANSWER_WAIT


async def test_a_binding_with_a_status_does_not_wait_for_a_new_target() -> None:
    stage = exposing()
    await stage.converge()
    stage.answer = None
    stage.change(FIDDLER, {"data": {"api-key": "YW5vdGhlci1rZXk="}})

    await stage.reconcile()

    assert "status" in stage.log
    assert stage.condition("TraceEndpointReachable") == ("Unknown", "ProbePending")


async def restarted(**changes: Any) -> Stage:
    """The operator starts again beside a ready binding; its endpoint does not answer yet. `changes` are of the condition about it."""
    former = exposing()
    await former.converge()
    status = copy.deepcopy(former.status)
    next(c for c in status["conditions"] if c["type"] == "TraceEndpointReachable").update(changes)
    former.change(ASSISTANT, {"status": status})
    return former.restarted(answer=None)


async def test_a_restart_writes_nothing_before_the_endpoint_was_asked_again() -> None:
    stage = await restarted()

    assert await stage.reconcile() is None

    assert stage.log == []


async def test_after_a_restart_the_first_answer_counts() -> None:
    stage = await restarted()
    await stage.reconcile()
    await stage.reply(UNAUTHORIZED)

    await stage.reconcile()

    assert stage.condition("TraceEndpointReachable") == ("False", "Unauthorized")


@pytest.mark.parametrize("changes", [{"observedGeneration": 0}, {"reason": "FromAnOlderRelease"}], ids=["other spec", "other release"])
async def test_after_a_restart_a_result_that_is_not_about_this_spec_or_not_known_does_not_count(changes: dict[str, Any]) -> None:
    stage = await restarted(**changes)

    assert await stage.reconcile() == FIRST_ANSWER_WAIT
    await elapse(FIRST_ANSWER_WAIT)
    await stage.reconcile()

    assert stage.log == ["status"]
    assert stage.condition("TraceEndpointReachable") == ("Unknown", "ProbePending")


async def test_the_probe_is_of_the_binding_s_endpoint_application_and_key_and_of_its_gateway() -> None:
    stage = Stage(binding(spec_=spec()), *surroundings({**WANTED, VERIFY_DEPTH: "3"}))

    await stage.converge()

    place = "`api-key` in the Secret `fiddler`"
    assert stage.asked == [ProbeTarget("https://acme.fiddler.ai", "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11", "id.secret", place, 3)]


@pytest.mark.parametrize(
    ("unfit", "kind", "reason"),
    [(FIDDLER, "SecretsResolved", "SecretNotFound"), (None, "Accepted", "InvalidSpec")],
    ids=["without its Secret", "invalid"],
)
async def test_a_binding_that_cannot_be_probed_gets_its_status_at_once(unfit: ObjectKey | None, kind: str, reason: str) -> None:
    stage = exposing()
    if unfit:
        stage.delete(unfit)
    else:
        stage.change(ASSISTANT, {"spec": {"routes": []}}, generation=2)

    assert await stage.reconcile() is None

    assert stage.log == ["status"]
    assert stage.condition(kind) == ("False", reason)
    assert len(stage.probes) == 0


async def test_an_endpoint_is_no_longer_probed_once_its_key_is_gone() -> None:
    stage = exposing()
    await stage.converge()
    stage.delete(FIDDLER)

    await stage.converge()

    assert len(stage.probes) == 0
    assert stage.condition("TraceEndpointReachable") == ("Unknown", "ProbePending")
