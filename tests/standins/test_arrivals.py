"""The operator's look for spans, and the stand-in for Fiddler that answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import SecretStr

from fiddler_kong_operator.plan.arrivals import Arrivals, QueryOutcome, Sighting
from fiddler_kong_operator.probe.arrivals import SpanReader
from fiddler_kong_operator.probe.target import ProbeTarget
from fiddler_kong_operator.settings import ProbeSettings
from fiddler_kong_sink.faults import Fault, Surface
from fiddler_kong_sink.server import Sink
from fiddler_kong_sink.settings import Application, SinkSettings
from tests.sink.exports import APPLICATION, HEADERS, KEY, OTHER_APPLICATION, RESOURCE, START, call, export, span

STARTED = START / 10**9 + 101
CONVERSATION: Final[dict[str, Any]] = {"gen_ai.conversation.id": "conversation-1"}
AGENT: Final[dict[str, Any]] = {"gen_ai.agent.name": "support-bot"}
NO_TEXT: Final[dict[str, Any]] = {"gen_ai.input.messages": "[]", "gen_ai.output.messages": "[]"}


async def look(
    spans: Sequence[Span] = (), resource: Mapping[str, str] = RESOURCE, *, application: str = APPLICATION, **settings: Any
) -> Arrivals:
    """The arrivals after an export of these spans."""
    known = Application.model_validate({"id": APPLICATION, "name": "assistant"})
    async with Sink(SinkSettings(api_key=SecretStr(KEY), applications=(known,), **settings)) as sink:
        async with aiohttp.ClientSession() as client:
            body = export(spans, resource).SerializeToString()
            async with client.post(f"{sink.url}/v1/traces", data=body, headers=HEADERS) as response:
                assert response.status == 200
        limits = ProbeSettings(allow_http=True, allowed_addresses=("127.0.0.0/8",))
        reader = SpanReader(limits, wall_clock=lambda: STARTED + 60)
        try:
            return (await reader.ask(ProbeTarget(sink.url, application, KEY, ""))).result
        finally:
            reader.close()


@pytest.mark.parametrize(
    ("spans", "resource", "seen"),
    [
        (call(**CONVERSATION), RESOURCE, Sighting(STARTED, recognized=True, text=True, session=True, agent=False)),
        (
            call(**CONVERSATION, **AGENT),
            RESOURCE,
            Sighting(STARTED, recognized=True, text=True, session=True, agent=True),
        ),
        (call(), RESOURCE, Sighting(STARTED, recognized=True, text=True, session=False, agent=False)),
        (call(**CONVERSATION, **NO_TEXT), RESOURCE, Sighting(STARTED, recognized=True, text=False, session=True, agent=False)),
        ([span()], {**RESOURCE, "service.name": "gateway"}, Sighting(STARTED, recognized=False)),
    ],
    ids=["with a conversation", "with an agent", "without a conversation", "without text", "with another service name"],
)
async def test_a_call_is_seen_as_fiddler_shows_it(spans: Sequence[Span], resource: Mapping[str, str], seen: Sighting) -> None:
    assert await look(spans, resource) == Arrivals(QueryOutcome.READ, (seen,))


async def test_an_application_without_spans_shows_none() -> None:
    assert await look() == Arrivals(QueryOutcome.READ)


async def test_a_key_for_ingestion_only_may_not_look() -> None:
    assert await look(ingest_only=True) == Arrivals(QueryOutcome.REFUSED, problem="answers 403")


async def test_an_application_that_does_not_exist_has_no_answer() -> None:
    assert await look(application=OTHER_APPLICATION) == Arrivals(QueryOutcome.UNANSWERED, problem="answers 404")


async def test_a_server_that_is_busy_has_no_answer() -> None:
    assert await look(fault=Fault(mode="500", surface=Surface.REST)) == Arrivals(QueryOutcome.UNANSWERED, problem="answers 500")
