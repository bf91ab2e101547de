from __future__ import annotations

import json
from typing import Any

import pytest

from fiddler_kong_operator.api.conditions import REASONS, ConditionType, Finding
from fiddler_kong_operator.api.status import BindingStatus, FiddlerStatus, GatewayStatus
from fiddler_kong_operator.plan.status.compute import ASPECTS, Details, conclude

NOW = 1_800_000_000.9
THEN = "2026-01-01T00:00:00Z"
GOOD = ("Accepted", "SecretsResolved", "GatewayConfigured", "PluginsProgrammed", "Reachable")


def findings(*reasons: str) -> dict[ConditionType, Finding]:
    """All is well but for these reasons."""
    chosen = [REASONS[name] for name in (*GOOD, *reasons)]
    return {entry.type: Finding(entry, f"message of {entry.name}") for entry in chosen}


def conditions(status: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {c["type"]: c for c in status["conditions"]}


def kstatus(binding: dict[str, Any]) -> str:
    """The rules of sigs.k8s.io/cli-utils for a resource with conditions."""
    found = {c["type"]: c["status"] for c in binding["status"]["conditions"]}
    if binding["status"]["observedGeneration"] != binding["metadata"]["generation"] or found.get("Reconciling") == "True":
        return "InProgress"
    if found.get("Stalled") == "True":
        return "Failed"
    return "Current" if found["Ready"] == "True" else "InProgress"


CASES = [
    ((), "True", "Ready", "Current", None),
    (("GatewayVersionAdvised",), "True", "Ready", "Current", None),
    (("PluginClash",), "False", "PluginClash", "Failed", "Stalled"),
    (("PluginClash", "GatewayNotEvaluated", "PluginsPending", "ProbePending"), "False", "PluginClash", "Failed", "Stalled"),
    (("SecretNotFound",), "False", "SecretNotFound", "InProgress", "Reconciling"),
    (("SecretNotFound", "GatewaySettingConflict"), "False", "SecretNotFound", "InProgress", "Reconciling"),
    (("GatewayRollingOut",), "Unknown", "GatewayRollingOut", "InProgress", "Reconciling"),
    (("GatewayRollingOut", "Unauthorized"), "False", "Unauthorized", "InProgress", "Reconciling"),
    (("GatewayPending", "WaitingForGateway", "ProbePending"), "Unknown", "GatewayPending", "InProgress", "Reconciling"),
    (("ApplicationNotFound",), "False", "ApplicationNotFound", "Failed", "Stalled"),
    (("Suspended",), "Unknown", "Suspended", "InProgress", None),
    (("GatewayVersionUnknown",), "Unknown", "GatewayVersionUnknown", "InProgress", None),
]


@pytest.mark.parametrize(("reasons", "ready", "decisive", "health", "extra"), CASES)
def test_ready_and_kstatus(reasons: tuple[str, ...], ready: str, decisive: str, health: str, extra: str | None) -> None:
    status = conclude(findings(*reasons), 4, {}, NOW)
    found = conditions(status)

    assert (ready, decisive) == (found["Ready"]["status"], found["Ready"]["reason"])
    assert ({extra} if extra else set()) == {"Reconciling", "Stalled"} & found.keys()
    assert health == kstatus({"metadata": {"generation": 4}, "status": status})
    assert extra is None or decisive == found[extra]["reason"]


@pytest.mark.parametrize("name", [name for name, entry in REASONS.items() if entry.type is ConditionType.TRACES_ARRIVING])
def test_traces_that_do_not_arrive_leave_ready_and_kstatus_alone(name: str) -> None:
    status = conclude(findings(name), 4, {}, NOW, Details(last_trace=THEN))

    parsed = BindingStatus.model_validate(status)

    assert [c.type for c in parsed.conditions] == [*map(str, ASPECTS), "Ready", "TracesArriving"]
    assert (conditions(status)["Ready"]["message"], parsed.last_trace_time) == (REASONS["Ready"].summary, THEN)
    assert kstatus({"metadata": {"generation": 4}, "status": status}) == "Current"


def test_a_newer_generation_is_in_progress_whatever_was_found() -> None:
    assert kstatus({"metadata": {"generation": 5}, "status": conclude(findings("PluginClash"), 4, {}, NOW)}) == "InProgress"


@pytest.mark.parametrize("name", [name for name, entry in REASONS.items() if entry.type in ASPECTS])
def test_every_reason_makes_a_status_that_the_api_admits(name: str) -> None:
    status = conclude(findings(name), 1, {}, NOW)

    parsed = BindingStatus.model_validate(status)

    assert [*map(str, ASPECTS), "Ready"] == [c.type for c in parsed.conditions][:6]
    assert {1} == {c.observed_generation for c in parsed.conditions}
    assert (REASONS[name].status == "True") == (conditions(status)["Ready"]["status"] == "True")
    assert len({"Reconciling", "Stalled"} & conditions(status).keys()) <= 1


def test_ready_repeats_advice() -> None:
    message = conditions(conclude(findings("GatewayVersionAdvised"), 1, {}, NOW))["Ready"]["message"]

    assert message == "Everything is in place for Fiddler to observe these routes. message of GatewayVersionAdvised"


def test_the_time_moves_only_with_the_status() -> None:
    before = conclude(findings("SecretNotFound"), 1, {}, NOW - 100)
    for condition in before["conditions"]:
        condition["lastTransitionTime"] = THEN

    after = conditions(conclude(findings("SecretValueEmpty", "GatewayPending"), 2, before, NOW))

    moved = {kind for kind, condition in after.items() if condition["lastTransitionTime"] != THEN}
    assert {"GatewayConfigured"} == moved
    assert after["GatewayConfigured"]["lastTransitionTime"] == "2027-01-15T08:00:00Z"


def test_a_condition_that_comes_back_gets_a_new_time() -> None:
    stalled = conclude(findings("PluginClash"), 1, {}, NOW - 200)
    ready = conclude(findings(), 1, stalled, NOW - 100)
    again = conditions(conclude(findings("PluginClash"), 1, ready, NOW))

    assert again["Stalled"]["lastTransitionTime"] == "2027-01-15T08:00:00Z"


@pytest.mark.parametrize("reasons", [case[0] for case in CASES])
def test_the_same_findings_need_no_write(reasons: tuple[str, ...]) -> None:
    details = Details("1/1", GatewayStatus(version="3.13", image="kong/kong-gateway:3.13"), FiddlerStatus(application="assistant"))
    written = json.loads(json.dumps(conclude(findings(*reasons), 1, {}, NOW, details)))

    assert conclude(findings(*reasons), 1, written, NOW + 3600, details) == written


@pytest.mark.parametrize(
    ("new", "generation", "details"),
    [
        (findings("SecretNotFound"), 1, Details("1/1")),
        (findings(), 2, Details("1/1")),
        (findings(), 1, Details("0/1")),
        (findings(), 1, Details()),
    ],
)
def test_a_difference_needs_a_write(new: dict[ConditionType, Finding], generation: int, details: Details) -> None:
    written = conclude(findings(), 1, {}, NOW, Details("1/1"))

    assert conclude(new, generation, written, NOW, details) != written


def test_a_status_without_conditions_gets_them() -> None:
    assert conclude(findings(), 1, {"conditions": None}, NOW) == conclude(findings(), 1, {}, NOW)


def test_details_are_shown_where_known() -> None:
    details = Details("1/2", GatewayStatus(version="3.13"), FiddlerStatus(traces_endpoint="https://acme.fiddler.ai/v1/traces"))

    status = conclude(findings(), 1, {}, NOW, details)

    assert (status["routes"], status["gateway"], status["fiddler"]) == (
        "1/2",
        {"version": "3.13"},
        {"tracesEndpoint": "https://acme.fiddler.ai/v1/traces"},
    )
    assert {"observedGeneration", "conditions"} == conclude(findings(), 1, {}, NOW, Details(gateway=GatewayStatus())).keys()


def test_a_long_message_is_cut_to_what_the_api_admits() -> None:
    found = findings() | {ConditionType.PLUGINS_PROGRAMMED: Finding(REASONS["KongRefused"], "x" * 5000)}

    message = conditions(conclude(found, 1, {}, NOW))["PluginsProgrammed"]["message"]

    assert (len(message), message[-1]) == (4096, "…")


def test_other_peoples_words_are_shown_on_one_line_of_printable_characters() -> None:
    forged = Finding(REASONS["KongRefused"], "a\x1b[31mred\x9b0m\r\nReady: True\u2028\u202e" + "x" * 9000)
    message = conditions(conclude({**findings(), ConditionType.PLUGINS_PROGRAMMED: forged}, 4, {}, NOW))["Ready"]["message"]

    assert message.isprintable()
    assert len(message) == 4096
