from __future__ import annotations

import re
from importlib.resources import files

import aiohttp
import pytest

from fiddler_kong_sink.server import Sink
from tests.sink.exports import APPLICATION, RESOURCE, call, export, span
from tests.sink.unit.conftest import Send


async def test_state_counts_everything(sink: Sink, client: aiohttp.ClientSession, send: Send) -> None:
    await send(export(call(1, **{"gen_ai.conversation.id": "c"})))
    await send(b"\xff")
    async with client.get(f"{sink.url}/api/state") as response:
        state = await response.json()

    assert (state["session_count"], state["span_count"], state["total_tokens"]) == (1, 1, 21)
    assert (state["delivery_count"], state["refused_count"]) == (2, 1)
    assert [(item["reason"], item["count"]) for item in state["drop_counts"]] == [("Infrastructure", 5)]
    assert state["deliveries"][0]["status"] == 400


async def test_state_is_not_sent_again_while_nothing_changed(sink: Sink, client: aiohttp.ClientSession, send: Send) -> None:
    async def ask(etag: str) -> tuple[int, str]:
        async with client.get(f"{sink.url}/api/state", headers={"If-None-Match": etag}) as response:
            return response.status, response.headers["ETag"]

    status, etag = await ask("")
    assert (status, (await ask(etag))[0]) == (200, 304)
    await send(b"")
    assert (await ask(etag))[0] == 200


async def test_session_has_its_spans_before_and_after_the_mapping(sink: Sink, client: aiohttp.ClientSession, send: Send) -> None:
    await send(export(call(1, **{"gen_ai.conversation.id": "a/b?c"})))
    async with client.get(f"{sink.url}/api/session", params={"application": APPLICATION, "id": "a/b?c"}) as response:
        [one] = (await response.json())["spans"]

    assert (one["system"], one["input"], one["output"]) == ("Be brief.", "What is the capital of France?", "Paris.")
    assert one["duration_ms"] == 800
    assert "gen_ai.usage.input_tokens" in one["received_attributes"]
    assert "fiddler.span.system.gen_ai.usage.input_tokens" in one["attributes"]


async def test_unknown_session_is_404(sink: Sink, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{sink.url}/api/session") as response:
        assert response.status == 404


async def test_times_beyond_the_calendar_are_survived(sink: Sink, client: aiohttp.ClientSession, send: Send) -> None:
    late = span()
    late.start_time_unix_nano = late.end_time_unix_nano = 2**64 - 1
    await send(export([late]))
    async with client.get(f"{sink.url}/api/state") as response:
        assert (await response.json())["sessions"][0]["started_at"].startswith("2554-")


async def test_clear_forgets_everything(sink: Sink, client: aiohttp.ClientSession, send: Send) -> None:
    await send(export(call(), RESOURCE))
    async with client.delete(f"{sink.url}/api/traces") as response:
        assert response.status == 200

    assert (sink.sessions(), sink.dropped, sink.requests) == ((), (), ())


@pytest.mark.parametrize("path", ["", "app.js", "views.js", "style.css"])
async def test_page_allows_only_its_own_scripts(sink: Sink, client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(f"{sink.url}/{path}") as response:
        policy = response.headers["Content-Security-Policy"]

    assert (response.status, response.headers["X-Content-Type-Options"]) == (200, "nosniff")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_page_loads_nothing_from_elsewhere() -> None:
    page = files("fiddler_kong_sink").joinpath("page")
    addresses = {address for asset in page.iterdir() for address in re.findall(r"https?://[^\s'\"]+", asset.read_text(encoding="utf-8"))}

    assert addresses == {"http://www.w3.org/2000/svg"}
