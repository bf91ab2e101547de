from __future__ import annotations

import re
from typing import Any

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Transient
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.reconcile.events import MESSAGE_LIMIT, build_events
from tests.unit.observe.objects import FIDDLER, secret
from tests.unit.plan.situations import make_binding
from tests.unit.reconcile.stages import REACHABLE, UNAUTHORIZED, elapse, exposing

NOW = 1_800_000_000.5


def build_event(binding: Binding, status: dict[str, Any], now: float) -> Manifest | None:
    """The only Event, if any."""
    found = [*build_events(binding, status, now)]
    assert len(found) <= 1
    return found[0] if found else None


def arriving(status: str, reason: str) -> dict[str, Any]:
    return {"conditions": [{"type": "TracesArriving", "status": status, "reason": reason, "message": "m"}]}


def ready(status: str, reason: str, message: str = "m") -> dict[str, Any]:
    return {
        "conditions": [{"type": "Accepted", "status": "True"}, {"type": "Ready", "status": status, "reason": reason, "message": message}]
    }


def test_an_event_is_about_the_binding_and_says_what_the_status_says() -> None:
    binding = make_binding(status=ready("True", "Ready"), resource_version="42")

    event = build_event(binding, ready("False", "PluginClash", "Service ai/chat already has x."), NOW)

    assert event is not None
    assert re.fullmatch(r"assistant\.[0-9a-f]{16}", event["metadata"]["name"])
    assert event["metadata"]["namespace"] == "kong"
    assert event["involvedObject"] == {
        "apiVersion": "integrations.fiddler.ai/v1alpha1",
        "kind": "FiddlerKongBinding",
        "name": "assistant",
        "namespace": "kong",
        "uid": "uid-assistant",
        "resourceVersion": "42",
    }
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "PluginClash", "Service ai/chat already has x.")
    assert (event["firstTimestamp"], event["lastTimestamp"], event["count"]) == ("2027-01-15T08:00:00Z", "2027-01-15T08:00:00Z", 1)
    assert event["source"] == {"component": names.APPLICATION}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, ready("True", "Ready"), None),
        ({}, ready("False", "SecretNotFound"), "Warning"),
        ({"conditions": None}, ready("True", "Ready"), None),
        ({"conditions": None}, ready("False", "SecretNotFound"), "Warning"),
        (ready("False", "SecretNotFound"), ready("True", "Ready"), "Normal"),
        (ready("True", "Ready"), ready("False", "Unauthorized"), "Warning"),
        (ready("False", "KongRefused", "one"), ready("False", "KongRefused", "two"), "Warning"),
        (ready("Unknown", "GatewayPending"), ready("True", "Ready"), "Normal"),
        ({}, ready("Unknown", "ProbePending"), None),
        (ready("True", "Ready"), ready("Unknown", "GatewayRollingOut"), None),
        (ready("True", "Ready"), ready("True", "Ready"), None),
        (ready("False", "KongRefused"), ready("False", "KongRefused"), None),
        (ready("True", "Ready"), {"conditions": []}, None),
    ],
)
def test_only_a_change_to_something_definite_makes_an_event(before: dict[str, Any], after: dict[str, Any], expected: str | None) -> None:
    event = build_event(make_binding(status=before), after, NOW)

    assert expected == (event["type"] if event else None)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, arriving("Unknown", "NoTracesYet"), None),
        ({}, arriving("True", "Arriving"), None),
        (arriving("Unknown", "NoTracesYet"), arriving("True", "Arriving"), None),
        (arriving("Unknown", "NoTracesYet"), arriving("False", "SpansWithoutText"), "Warning"),
        (arriving("True", "Arriving"), arriving("False", "SpansWithoutText"), "Warning"),
        (arriving("False", "SpansWithoutText"), arriving("False", "SpansWithoutText"), None),
        (arriving("False", "SpansWithoutText"), arriving("False", "SpansWithoutSessions"), "Warning"),
        (arriving("False", "SpansWithoutText"), arriving("True", "Arriving"), "Normal"),
        (arriving("False", "SpansWithoutText"), arriving("Unknown", "NoTracesYet"), None),
        (arriving("True", "AgentUnknown"), arriving("True", "Arriving"), None),
    ],
)
def test_a_fault_of_arriving_traces_and_its_end_make_an_event(before: dict[str, Any], after: dict[str, Any], expected: str | None) -> None:
    event = build_event(make_binding(status=before), after, NOW)

    assert expected == (event["type"] if event else None)


def test_ready_and_arriving_traces_are_told_apart() -> None:
    after = {"conditions": [*ready("False", "KongRefused")["conditions"], *arriving("False", "SpansWithoutText")["conditions"]]}

    assert [event["reason"] for event in build_events(make_binding(), after, NOW)] == ["KongRefused", "SpansWithoutText"]


def test_a_long_message_is_cut_to_what_the_api_server_takes() -> None:
    event = build_event(make_binding(), ready("False", "KongRefused", "x" * 4096), NOW)

    assert event is not None
    assert len(event["message"]) == MESSAGE_LIMIT == 1024


def test_two_events_of_one_binding_have_names_of_their_own() -> None:
    events = [
        build_event(make_binding(), ready("False", reason), moment)
        for reason, moment in (("KongRefused", NOW), ("Unauthorized", NOW), ("KongRefused", NOW + 1))
    ]

    assert len({event["metadata"]["name"] for event in events if event}) == 3


async def test_a_binding_that_becomes_ready_is_told_once() -> None:
    stage = exposing(answer=UNAUTHORIZED)
    await stage.converge()
    await stage.reply(REACHABLE)

    await stage.converge()

    assert [event["reason"] for event in stage.events] == ["Unauthorized", "Ready"]


async def test_a_binding_whose_first_status_is_ready_costs_no_event() -> None:
    stage = exposing()

    await stage.converge()

    assert (stage.condition("Ready"), stage.events) == (("True", "Ready"), [])


async def test_a_pending_condition_makes_no_event() -> None:
    stage = exposing(answer=None)
    await stage.reconcile()
    await elapse(60)

    await stage.reconcile()

    assert (stage.condition("Ready"), stage.events) == (("Unknown", "ProbePending"), [])


async def test_each_transition_is_told() -> None:
    stage = exposing()
    stage.delete(FIDDLER)
    await stage.converge()
    stage.put(secret("fiddler", uid="uid-another"))
    await stage.converge()
    for answer in (UNAUTHORIZED, REACHABLE):
        await stage.reply(answer)
        await stage.converge()

    assert [event["reason"] for event in stage.events] == ["SecretNotFound", "Ready", "Unauthorized", "Ready"]


async def test_a_status_that_could_not_be_written_is_not_told() -> None:
    stage = exposing(answer=UNAUTHORIZED)
    stage.errors["FiddlerKongBinding"] = Transient("patch FiddlerKongBinding ai/assistant: no answer")
    await stage.reconcile()
    await elapse(1)

    with pytest.raises(Transient):
        await stage.reconcile()

    assert stage.events == []
