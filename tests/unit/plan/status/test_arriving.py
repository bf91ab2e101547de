from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.conditions import REASONS, ConditionType, Finding
from fiddler_kong_operator.plan.arrivals import QueryOutcome, Summary
from fiddler_kong_operator.plan.gateway.condition import GatewayView
from fiddler_kong_operator.plan.gateway.version import KEY_ELSEWHERE, known_defects, parse_version
from fiddler_kong_operator.plan.status.arriving import can_arrive, changed_at, evaluate_arrivals, not_looked_for, not_seen
from tests.unit.plan.situations import ATTACHED, EXPOSED, make_snapshot, make_spec

GOOD = {"outcome": QueryOutcome.READ, "seen": True, "recognized": True, "text": True, "session": True, "agent": True}
CAPTURED = make_spec().model_copy(update={"payloads": "Captured"})
OWN_MODEL = make_spec(EXPOSED, ATTACHED).model_copy(update={"payloads": "Captured"})
ONE_DISABLED = make_spec({**EXPOSED, "payloads": "Disabled"}).model_copy(update={"payloads": "Captured"})
ONE_CAPTURED = make_spec({**EXPOSED, "payloads": "Captured"})
GOOD_VERSION = "3.13.0.7"


def gateway(version: str | None, *topics: str) -> GatewayView:
    defects = known_defects(parse_version(version), frozenset(topics)) if version else ()
    return GatewayView(Finding(REASONS["GatewayConfigured"], "m"), version, defects=defects)


CASES: list[tuple[dict[str, Any], BindingSpec, str | None, str, str]] = [
    ({}, make_spec(), GOOD_VERSION, "Arriving", "Spans arrive in Fiddler."),
    ({}, make_spec(), None, "Arriving", "Spans arrive in Fiddler."),
    ({"agent": None, "text": None, "session": None}, CAPTURED, GOOD_VERSION, "Arriving", "Spans arrive in Fiddler."),
    ({"agent": False}, make_spec(), GOOD_VERSION, "AgentUnknown", "add gen_ai.agent.name to spec.attributes"),
    (
        {"agent": False},
        make_spec(),
        "3.13.0.2",
        "ArrivingWithDefects",
        "Kong 3.13.0.2 has known defects: the attributes of GenAI spans are wrong (fixed in 3.13.0.3). Upgrade Kong to 3.13.0.3 or later.",
    ),
    ({"seen": False}, make_spec(), GOOD_VERSION, "NoTracesYet", "Nothing is wrong if no route was called"),
    ({"recognized": False, "text": None}, CAPTURED, GOOD_VERSION, "SpansNotRecognized", "service.name is not `kong`"),
    ({"text": False}, CAPTURED, GOOD_VERSION, "SpansWithoutText", "an ai-proxy that runs in place of the binding's"),
    ({"text": False}, OWN_MODEL, GOOD_VERSION, "SpansWithoutText", "ai-proxy of route chat is not the binding's: set logging.log_payloads"),
    ({"text": False}, ONE_CAPTURED, GOOD_VERSION, "SpansWithoutText", "none of the latest has text"),
    ({"text": False}, make_spec(), GOOD_VERSION, "Arriving", "Spans arrive in Fiddler."),
    ({"text": False}, ONE_DISABLED, GOOD_VERSION, "Arriving", "Spans arrive in Fiddler."),
    ({"text": False, "session": False}, CAPTURED, GOOD_VERSION, "SpansWithoutText", "none of the latest has text"),
    (
        {"session": False},
        make_spec(),
        GOOD_VERSION,
        "SpansWithoutSessions",
        "send the header X-Fiddler-Conversation-Id with",
    ),
    ({"session": False}, make_spec(sessions="Disabled"), GOOD_VERSION, "Arriving", "Spans arrive in Fiddler."),
    (
        {"outcome": QueryOutcome.REFUSED, "problem": "answers 403", "seen": False},
        make_spec(),
        GOOD_VERSION,
        "SpansNotReadable",
        "the key `api-key` in the Secret `fiddler` may send them, but not read them",
    ),
    (
        {"outcome": QueryOutcome.UNANSWERED, "problem": "answers 500", "seen": False},
        make_spec(),
        GOOD_VERSION,
        "SpansNotQueried",
        "https://acme.fiddler.ai answers 500 when asked for spans.",
    ),
]


@pytest.mark.parametrize(("changes", "spec", "version", "expected", "says"), CASES)
def test_what_is_seen_has_a_reason_and_says_what_to_do(
    changes: dict[str, Any], spec: BindingSpec, version: str | None, expected: str, says: str
) -> None:
    found = evaluate_arrivals(Summary(**{**GOOD, **changes}), spec, gateway(version))

    assert found.reason.name == expected
    assert says in found.message
    assert found.message.endswith(".")


def test_a_moment_without_spans_reads_like_one_before_the_first_look() -> None:
    assert evaluate_arrivals(Summary(QueryOutcome.READ), CAPTURED, gateway(None)) == not_seen(CAPTURED)


def test_a_defect_that_concerns_the_binding_is_told_although_fiddler_shows_nothing_wrong() -> None:
    found = evaluate_arrivals(Summary(QueryOutcome.READ, seen=True, recognized=True), make_spec(), gateway(GOOD_VERSION, KEY_ELSEWHERE))

    assert found.reason.name == "ArrivingWithDefects"
    assert "Kong's access logs show the provider's key (fixed in 3.13.0.8)" in found.message


@pytest.mark.parametrize(("off", "says"), [(True, "--arrivals-interval=0"), (False, "once the plugins are programmed")])
def test_where_nothing_is_looked_for_it_says_why(off: bool, says: str) -> None:  # noqa: FBT001
    found = not_looked_for(off=off)

    assert (found.reason.name, found.status, says in found.message) == ("NotLookedFor", "Unknown", True)


def test_every_reason_can_be_found() -> None:
    reachable = {expected for _, _, _, expected, _ in CASES} | {"NotLookedFor"}

    assert {name for name, entry in REASONS.items() if entry.type is ConditionType.TRACES_ARRIVING} == reachable


GOOD_REASONS = ("Accepted", "SecretsResolved", "GatewayConfigured", "PluginsProgrammed", "Reachable")


def findings(reasons: Iterable[str]) -> dict[ConditionType, Finding]:
    entries = [REASONS[name] for name in (*GOOD_REASONS, *reasons)]
    return {entry.type: Finding(entry, "m") for entry in entries}


@pytest.mark.parametrize(
    ("reasons", "possible"),
    [
        ((), True),
        (("GatewayVersionUnknown",), True),
        (("GatewayRolloutStuck",), False),
        (("WaitingForGateway",), False),
        (("PluginClash",), False),
        (("ProbePending",), False),
        (("Unauthorized",), False),
    ],
)
def test_spans_can_arrive_once_the_plugins_run_and_the_endpoint_answers(reasons: tuple[str, ...], possible: bool) -> None:  # noqa: FBT001
    assert can_arrive(findings(reasons)) is possible


def test_without_plugins_every_span_counts() -> None:
    assert changed_at(make_snapshot()) == 0.0
