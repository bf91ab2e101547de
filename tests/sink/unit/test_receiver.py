from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import aiohttp
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from fiddler_kong_sink.admission import DropReason
from fiddler_kong_sink.server import Sink
from fiddler_kong_sink.settings import SinkSettings
from tests.sink.exports import APPLICATION, HEADERS, INFRASTRUCTURE, KEY, RESOURCE, call, export, span
from tests.sink.unit.conftest import Send

CONVERSATION = {"gen_ai.conversation.id": "conv-1"}


async def test_conversation_becomes_one_session(sink: Sink, send: Send) -> None:
    for turn in (1, 2, 3):
        assert await send(export(call(turn, prompt=f"question {turn}", **CONVERSATION))) == (200, b"")

    [session] = sink.sessions()
    assert (session.session_id, session.application_id, len(session.llm_spans)) == ("conv-1", APPLICATION, 3)
    assert session.total_tokens == 63
    assert len(sink.dropped) == 3 * len(INFRASTRUCTURE)
    assert {drop.reason for drop in sink.dropped} == {DropReason.INFRASTRUCTURE}


async def test_delivery_is_recorded(sink: Sink, send: Send) -> None:
    await send(export(call()), {"User-Agent": "kong/3.13"})

    [delivery] = sink.requests
    assert (delivery.status, delivery.key, delivery.user_agent) == (200, "accepted", "kong/3.13")
    assert (delivery.spans, delivery.kept, delivery.repeated) == (6, 1, 0)
    assert delivery.dropped == {"Infrastructure": 5}


async def test_repeated_delivery_counts_once(sink: Sink, send: Send) -> None:
    await send(export(call()))
    await send(export(call()))

    assert (len(sink.spans()), sink.requests[-1].repeated) == (1, 1)


async def test_empty_body_is_the_probe(sink: Sink, send: Send) -> None:
    assert await send(b"") == (200, b"")
    assert (sink.requests[0].spans, sink.sessions()) == (0, ())


async def test_gzip_is_accepted(sink: Sink, send: Send) -> None:
    body = gzip.compress(export(call()).SerializeToString())

    assert await send(body, {"Content-Encoding": "gzip"}) == (200, b"")
    assert len(sink.spans()) == 1


async def test_json_is_accepted_and_answered_in_json(sink: Sink, client: aiohttp.ClientSession) -> None:
    span_json = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat gpt-4o-mini"}
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in RESOURCE.items()]
    document = {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [span_json]}]}]}

    async with client.post(f"{sink.url}/v1/traces", json=document, headers={**HEADERS, "Content-Type": "application/json"}) as response:
        assert (response.status, response.content_type, await response.json()) == (200, "application/json", {})
    assert sink.sessions()[0].session_id == "5b8efff798038103d269b633813fc60c"


@pytest.mark.parametrize(
    ("authorization", "status", "check"),
    [
        (None, 401, "missing"),
        ("Basic abc", 401, "missing"),
        ("Bearer ", 401, "missing"),
        (f"Bearer Bearer {KEY}", 401, "doubled"),
        ("Bearer wrong", 401, "wrong"),
        ("Bearer read-only", 403, "forbidden"),
    ],
)
async def test_key_is_checked(sink: Sink, send: Send, authorization: str | None, status: int, check: str) -> None:
    answered, _ = await send(export(call()), {"Authorization": authorization})

    assert (answered, sink.requests[0].status, sink.requests[0].key) == (status, status, check)
    assert sink.spans() == ()


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, b"", 415),
        ({"Content-Type": None}, b"", 415),
        ({"Content-Encoding": "br"}, b"x", 415),
        ({"Content-Encoding": "gzip"}, b"x", 400),
        ({}, b"\xff\xff", 400),
        ({"Content-Type": "application/json"}, b"{", 400),
    ],
)
async def test_request_that_is_no_export_is_refused(sink: Sink, send: Send, headers: dict[str, Any], body: bytes, status: int) -> None:
    answered, _ = await send(body, headers)

    assert (answered, sink.requests[0].status) == (status, status)
    assert sink.requests[0].error


async def test_undecodable_batch_is_lost_whole_and_counted(sink: Sink, send: Send) -> None:
    body = export([span(), span("chat INVALID", 2)]).SerializeToString().replace(b"INVALID", b"\xff" * 7)

    assert (await send(body))[0] == 400
    assert (sink.spans(), len(sink.requests), "UTF-8" in sink.requests[0].error) == ((), 1, True)


async def test_error_is_a_status_in_the_format_of_the_request(send: Send) -> None:
    _, protobuf = await send(b"", {"Authorization": None})
    _, text = await send(b"", {"Authorization": None, "Content-Type": "application/json"})

    assert protobuf.startswith(b"\x08\x10\x12")
    assert json.loads(text)["code"] == 16


async def test_other_methods_are_refused(sink: Sink, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{sink.url}/v1/traces") as response:
        assert response.status == 405


@pytest.mark.parametrize(
    ("headers", "resource", "reason"),
    [
        ({"fiddler-application-id": None}, RESOURCE, DropReason.HEADER_MISSING),
        ({}, {"service.name": "kong"}, DropReason.ATTRIBUTE_MISSING),
    ],
)
async def test_drops_are_silent(sink: Sink, send: Send, headers: dict[str, Any], resource: dict[str, str], reason: DropReason) -> None:
    assert await send(export(call(), resource), headers) == (200, b"")

    assert (sink.spans(), {drop.reason for drop in sink.dropped}) == ((), {reason})


async def test_drops_can_be_reported(client: aiohttp.ClientSession) -> None:
    async with Sink(SinkSettings(report_drops=True)) as sink:
        response = await client.post(f"{sink.url}/v1/traces", data=export(call()).SerializeToString(), headers=HEADERS)
        answer = ExportTraceServiceResponse.FromString(await response.read())

    assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (5, "Dropped: Infrastructure")


async def test_large_span_is_lost_silently(client: aiohttp.ClientSession) -> None:
    large = export([span(), span(number=2, attributes={"gen_ai.input.messages": "x" * 5000})])
    async with Sink(SinkSettings(max_span_bytes=4000)) as sink:
        async with client.post(f"{sink.url}/v1/traces", data=large.SerializeToString(), headers=HEADERS) as response:
            assert response.status == 200
        assert [drop.reason for drop in sink.dropped] == [DropReason.TOO_LARGE]
        assert len(sink.spans()) == 1


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_request_over_the_limit_is_413(client: aiohttp.ClientSession, encoding: str) -> None:
    body = gzip.compress(bytes(20_000)) if encoding else bytes(20_000)
    async with Sink(SinkSettings(max_body_bytes=10_000)) as sink:
        async with client.post(f"{sink.url}/v1/traces", data=body, headers={**HEADERS, "Content-Encoding": encoding}) as response:
            assert response.status == 413
        assert sink.requests[0].status == 413


async def test_key_is_shown_nowhere(sink: Sink, send: Send, client: aiohttp.ClientSession) -> None:
    await send(export(call()))
    await send(export(call()), {"Authorization": f"Bearer {KEY}x"})
    async with client.get(f"{sink.url}/api/state") as response:
        shown = await response.text() + repr(sink.settings) + repr(sink.requests)

    assert "canary" not in shown


async def test_until_waits_for_a_delivery(sink: Sink, send: Send) -> None:
    waiting = asyncio.create_task(sink.until(lambda one: len(one.sessions()) == 1))
    await send(export(call()))

    await asyncio.wait_for(waiting, 5)


async def test_until_gives_up(sink: Sink) -> None:
    with pytest.raises(TimeoutError):
        await sink.until(lambda _: False, timeout=0.01)
