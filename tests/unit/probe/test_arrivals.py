from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from typing import Any

import pytest

from fiddler_kong_operator.plan.arrivals import SAMPLE, Arrivals, QueryOutcome, Sighting
from fiddler_kong_operator.probe.arrivals import BODY_LIMIT, DEPTH, PAGES, SpanReader, judge_spans
from fiddler_kong_operator.probe.target import Answer, ProbeTarget
from fiddler_kong_operator.settings import ProbeSettings
from tests.unit.probe.asking import APPLICATION, BRIEF, CANARY, LOCAL, resolve_locally, target
from tests.unit.probe.servers import Fiddler, serving

NOW = 1_800_000_000.0
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN: dict[str, Any] = {
    "name": "chat gpt-4o-mini",
    "span_type": "llm",
    "session_id": "conversation-1",
    "trace_id": TRACE,
    "start_time": "2027-01-15T07:59:00+00:00",
    "agent_name": "support-bot",
    "input": f"A prompt with {CANARY}",
    "output": "An answer",
}
STARTED = NOW - 60


def answer(*items: Any) -> bytes:
    return json.dumps({"data": {"items": items, "total": len(items)}, "kind": "PAGINATED"}).encode()


async def ask(wanted: ProbeTarget, settings: ProbeSettings = LOCAL) -> Answer[Arrivals]:
    """Look once, and check what holds for every result."""
    reader = SpanReader(settings, resolve=resolve_locally, wall_clock=lambda: NOW)
    try:
        found = await reader.ask(wanted)
    finally:
        reader.close()
    assert CANARY not in repr(found)
    return found


async def test_one_query_asks_for_the_latest_spans_of_the_last_day() -> None:
    async with serving(Fiddler(spans_bodies=[answer(SPAN)])) as fiddler:
        found = await ask(target(fiddler.port).to_read())
    [(method, path, headers, body)] = fiddler.requests

    assert found.result == Arrivals(QueryOutcome.READ, (Sighting(STARTED, recognized=True, text=True, session=True, agent=True),))
    assert (method, path, headers["authorization"]) == ("POST", "/v3/spans/query", f"Bearer {CANARY}")
    assert headers["fiddler-application-id"] == APPLICATION
    assert json.loads(body) == {
        "application_id": APPLICATION,
        "start_time": "2027-01-14T08:00:00+00:00",
        "end_time": "2027-01-15T08:05:00+00:00",
        "ordering": "-start_time",
        "page_size": PAGES[0],
        "offset": 0,
    }


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, Sighting(STARTED, recognized=True, text=True, session=True, agent=True)),
        ({"span_type": "LLM"}, Sighting(STARTED, recognized=True, text=True, session=True, agent=True)),
        ({"input": "", "output": "x"}, Sighting(STARTED, recognized=True, text=True, session=True, agent=True)),
        ({"input": None, "output": ""}, Sighting(STARTED, recognized=True, text=False, session=True, agent=True)),
        ({"session_id": TRACE}, Sighting(STARTED, recognized=True, text=True, session=False, agent=True)),
        (
            {"session_id": "4BF92F35-77b3-4da6-a3ce-929d0e0e4736"},
            Sighting(STARTED, recognized=True, text=True, session=False, agent=True),
        ),
        ({"session_id": None}, Sighting(STARTED, recognized=True, text=True, session=None, agent=True)),
        ({"agent_name": "<UNKNOWN_AGENT>"}, Sighting(STARTED, recognized=True, text=True, session=True, agent=False)),
        ({"agent_name": None}, Sighting(STARTED, recognized=True, text=True, session=True, agent=None)),
        ({"span_type": "Unknown"}, Sighting(STARTED, recognized=False)),
        ({"span_type": "Unknown", "name": "kong"}, Sighting(STARTED, recognized=False)),
        ({"span_type": "Unknown", "name": "kong.router"}, Sighting(STARTED, recognized=False)),
        ({"span_type": "Unknown", "name": "embeddings small"}, Sighting(STARTED, recognized=True, session=True)),
        ({"span_type": "tool", "name": "search"}, None),
        ({"span_type": None, "name": None}, None),
        ({"start_time": "2027-01-15T07:59:00Z"}, Sighting(STARTED, recognized=True, text=True, session=True, agent=True)),
        ({"start_time": "2027-01-15T07:59:00"}, Sighting(STARTED, recognized=True, text=True, session=True, agent=True)),
        ({"start_time": "yesterday"}, None),
        ({"start_time": 1_799_999_940}, None),
        ({"start_time": "2027-01-13T07:59:00Z"}, None),
        ({"start_time": "9999-12-31T23:59:59Z"}, None),
    ],
    ids=str,
)
def test_a_span_is_reduced_to_what_a_condition_needs(changes: dict[str, Any], seen: Sighting | None) -> None:
    found = judge_spans(200, answer({**SPAN, **changes}), NOW)

    assert found == Arrivals(QueryOutcome.READ, (seen,) if seen else ())


def test_the_latest_spans_are_kept_in_order() -> None:
    items = [{**SPAN, "start_time": datetime.fromtimestamp(NOW - number, UTC).isoformat()} for number in (3, 1, 2, *range(10, 30))]

    found = judge_spans(200, answer(*items), NOW)

    assert [span.started for span in found.sightings] == [NOW - number for number in (1, 2, 3, 10, 11, 12, 13, 14, 15, 16)]
    assert len(found.sightings) == SAMPLE


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_may_not_read_is_refused(status: int) -> None:
    async with serving(Fiddler(spans_status=status, spans_bodies=[CANARY.encode()])) as fiddler:
        found = await ask(target(fiddler.port))

    assert found.result == Arrivals(QueryOutcome.REFUSED, problem=f"answers {status}")


@pytest.mark.parametrize(("status", "retry_after"), [(429, 17.0), (503, 17.0), (500, None), (404, None), (302, None), (204, None)])
async def test_another_status_is_no_answer_and_retry_after_is_read(status: int, retry_after: float | None) -> None:
    async with serving(Fiddler(spans_status=status, spans_headers={"Retry-After": "17", "Location": "/elsewhere"})) as fiddler:
        found = await ask(target(fiddler.port))

    assert found == Answer(Arrivals(QueryOutcome.UNANSWERED, problem=f"answers {status}"), retry_after)
    assert len(fiddler.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"7",
        b'{"data": []}',
        b'{"data": {"total": 1}}',
        b'{"data": {"items": {}}}',
        b"[" * 100_000,
        b"\xff\xfe",
        CANARY.encode(),
    ],
)
async def test_an_answer_of_another_form_is_said_to_be_so(body: bytes) -> None:
    async with serving(Fiddler(spans_bodies=[body])) as fiddler:
        found = await ask(target(fiddler.port))

    assert found.result == Arrivals(QueryOutcome.UNANSWERED, problem="answers in a form that the operator does not know")


async def test_items_that_are_no_spans_are_left_out() -> None:
    assert judge_spans(200, answer(None, 7, "x", [], {}, {"start_time": []}), NOW) == Arrivals(QueryOutcome.READ)


async def test_after_an_answer_that_is_too_long_fewer_spans_are_asked_for() -> None:
    long = answer({**SPAN, "input": "x" * BODY_LIMIT})
    async with serving(Fiddler(spans_bodies=[long, answer(SPAN)])) as fiddler:
        found = await ask(target(fiddler.port))

    assert len(found.result.sightings) == 1
    assert [json.loads(body)["page_size"] for *_, body in fiddler.requests] == [*PAGES]


async def test_answers_that_stay_too_long_are_given_up() -> None:
    async with serving(Fiddler(spans_bodies=[answer({**SPAN, "input": "x" * BODY_LIMIT})])) as fiddler:
        found = await ask(target(fiddler.port))

    assert found.result == Arrivals(QueryOutcome.UNANSWERED, problem="answers with more than 2 MiB for 2 spans")
    assert len(fiddler.requests) == len(PAGES)


async def test_a_server_that_does_not_answer_is_left_in_time() -> None:
    async with serving(Fiddler(spans_hang=True)) as fiddler:
        found = await ask(target(fiddler.port), BRIEF)

    assert found.result.problem == "did not answer within the time limit"


async def test_nothing_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        found = await ask(target(unused.getsockname()[1]))

    assert found.result == Arrivals(QueryOutcome.UNANSWERED, problem="could not be reached")


@pytest.mark.parametrize("settings", [ProbeSettings(allow_http=True), ProbeSettings(allowed_addresses=("127.0.0.0/8",))])
async def test_addresses_are_refused_by_the_probe_s_rules(settings: ProbeSettings) -> None:
    async with serving(Fiddler()) as fiddler:
        wanted = target(fiddler.port, host="fiddler.example.com")
        found = await ask(wanted, settings)

    assert found.result.problem == "has an address that the operator does not ask"
    assert fiddler.requests == []


def test_bindings_with_the_same_key_in_several_secrets_ask_the_same() -> None:
    one = ProbeTarget("https://acme.example", APPLICATION, CANARY, "`a` in the Secret `one`", 1)
    two = ProbeTarget("https://acme.example/", APPLICATION, CANARY, "`b` in the Secret `two`", collector="http://otel.svc:4318")

    assert one.to_read() == two.to_read()


@pytest.mark.parametrize(("pages", "seen"), [(1, True), (3, True), (DEPTH, False)])
async def test_a_session_is_found_behind_many_newer_spans(pages: int, seen: bool) -> None:  # noqa: FBT001
    newer = answer(*({**SPAN, "session_id": f"other-{number}"} for number in range(PAGES[0])))
    async with serving(Fiddler(spans_bodies=[*[newer] * pages, answer(SPAN)])) as fiddler:
        reader = SpanReader(LOCAL, resolve=resolve_locally, wall_clock=lambda: NOW)
        found = await reader.ask(target(fiddler.port), "conversation-1")
        reader.close()

    assert bool(found.result.sightings) == seen
    assert [json.loads(body)["offset"] for *_, body in fiddler.requests] == [PAGES[0] * page for page in range(min(pages + 1, DEPTH))]
