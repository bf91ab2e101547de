from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from fiddler_kong_sink.faults import WORDS, Fault, Faults, Surface
from fiddler_kong_sink.server import Sink
from tests.sink.exports import HEADERS, call, export
from tests.sink.unit.conftest import Send


@pytest.mark.parametrize("mode", ["401", "403", "404", "429", "500", "502", "503"])
async def test_status_refuses_the_batch(sink: Sink, send: Send, mode: str) -> None:
    sink.faults.set(Fault(mode=mode))
    status, body = await send(export(call()))

    assert (status, body[:1], sink.spans()) == (int(mode), b"\x08", ())
    assert (sink.requests[0].status, sink.requests[0].fault) == (int(mode), mode)


@pytest.mark.parametrize("mode", ["200", "202", "204"])
async def test_success_status_still_takes_the_batch_in(sink: Sink, send: Send, mode: str) -> None:
    sink.faults.set(Fault(mode=mode))

    assert await send(export(call())) == (int(mode), b"")
    assert len(sink.spans()) == 1


@pytest.mark.parametrize(
    ("fault", "header"),
    [
        (Fault(mode="429"), "7"),
        (Fault(mode="429", retry_after=0), "0"),
        (Fault(mode="503", retry_after=30), "30"),
        (Fault(mode="503"), None),
        (Fault(mode="500", retry_after=30), None),
    ],
)
async def test_retry_after_is_sent_where_it_has_a_meaning(
    sink: Sink, client: aiohttp.ClientSession, fault: Fault, header: str | None
) -> None:
    sink.faults.set(fault)
    async with client.post(f"{sink.url}/v1/traces", data=b"", headers=HEADERS) as response:
        assert response.headers.get("Retry-After") == header


async def test_slow_answers_late_and_takes_the_batch_in(sink: Sink, send: Send) -> None:
    sink.faults.set(Fault(mode="slow", delay=0.2))
    started = time.monotonic()
    status, _ = await send(export(call()))

    assert (status, len(sink.spans())) == (200, 1)
    assert time.monotonic() - started >= 0.2


async def test_hang_never_answers(sink: Sink, client: aiohttp.ClientSession) -> None:
    sink.faults.set(Fault(mode="hang"))

    asking = asyncio.create_task(client.post(f"{sink.url}/v1/traces", data=b"", headers=HEADERS))
    await sink.until(lambda one: bool(one.requests))
    answered, _ = await asyncio.wait({asking}, timeout=0.2)

    asking.cancel()
    assert (answered, sink.requests[0].status) == (set(), None)


async def test_cut_ends_in_the_middle_of_the_answer(sink: Sink, send: Send) -> None:
    sink.faults.set(Fault(mode="cut"))

    with pytest.raises(aiohttp.ClientPayloadError):
        await send(export(call()))
    assert sink.spans() == ()


async def test_close_ends_without_an_answer(sink: Sink, send: Send) -> None:
    sink.faults.set(Fault(mode="close"))

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await send(export(call()))


async def test_redirect_points_elsewhere(sink: Sink, client: aiohttp.ClientSession) -> None:
    sink.faults.set(Fault(mode="redirect", location="http://169.254.169.254/"))
    async with client.post(f"{sink.url}/v1/traces", data=b"", headers=HEADERS, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (307, "http://169.254.169.254/")


async def test_html_is_no_otlp_answer(sink: Sink, client: aiohttp.ClientSession) -> None:
    sink.faults.set(Fault(mode="html"))
    async with client.post(f"{sink.url}/v1/traces", data=b"", headers=HEADERS) as response:
        assert (response.status, response.content_type) == (200, "text/html")


async def test_count_ends_the_fault(sink: Sink, send: Send) -> None:
    sink.faults.set(Fault(mode="500", count=2))

    assert [(await send(export(call())))[0] for _ in range(3)] == [500, 500, 200]
    assert sink.faults.current is None


def test_fault_is_for_its_surface_only() -> None:
    faults = Faults(Fault(mode="500", surface=Surface.REST))

    assert faults.take(Surface.TRACES) is None
    assert faults.take(Surface.REST) is not None


def test_fault_for_all_is_for_each() -> None:
    faults = Faults(Fault(mode="500", surface=Surface.ALL))

    assert all(faults.take(surface) for surface in (Surface.TRACES, Surface.REST))


@pytest.mark.parametrize("mode", ["", "100", "304", "600", "nonsense", "٤٢٩", "-1", "4 0 4"])
def test_unknown_mode_is_refused_with_the_choices(mode: str) -> None:
    with pytest.raises(ValidationError, match="slow, hang, cut, close, redirect, html"):
        Fault(mode=mode)


@pytest.mark.parametrize("mode", WORDS)
def test_every_word_is_a_mode(mode: str) -> None:
    assert Fault(mode=mode).mode == mode


def test_location_cannot_carry_a_header() -> None:
    with pytest.raises(ValidationError):
        Fault(mode="redirect", location="/x\r\nSet-Cookie: a")


async def test_fault_is_set_and_taken_away_over_http(sink: Sink, client: aiohttp.ClientSession, send: Send) -> None:
    url = f"{sink.url}/api/faults"
    async with client.put(url, json={"mode": "429", "retry_after": 7, "count": 5}) as response:
        shown: dict[str, Any] = await response.json()
    assert (response.status, shown["mode"], shown["count"]) == (200, "429", 5)

    assert (await send(b""))[0] == 429
    async with client.get(url) as response:
        assert (await response.json())["count"] == 4
    async with client.delete(url) as response:
        assert await response.json() is None
    assert (await send(b""))[0] == 200


@pytest.mark.parametrize(
    ("body", "word"), [(b"{}", "mode"), (b'{"mode": "777"}', "status"), (b"[", "JSON"), (b'{"mode":"401","x":1}', "x")]
)
async def test_bad_fault_is_explained(sink: Sink, client: aiohttp.ClientSession, body: bytes, word: str) -> None:
    async with client.put(f"{sink.url}/api/faults", data=body) as response:
        assert (response.status, word in (await response.json())["message"]) == (400, True)
    assert sink.faults.current is None


async def test_sink_stops_in_spite_of_a_request_under_way(client: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(60), Sink() as sink:
        sink.faults.set(Fault(mode="hang"))
        request = asyncio.create_task(client.post(f"{sink.url}/v1/traces", data=b"", headers=HEADERS))
        await sink.until(lambda one: bool(one.requests))

    with pytest.raises(aiohttp.ClientError):
        await request
