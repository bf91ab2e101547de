"""Lists and watches as kopf reads them, from a server whose objects are nested as deep as the API server allows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web

from devcluster.listener import Listener
from fiddler_kong_operator.runtime.responses import ShallowResponse

ABYSS: Final = 10_000
DEEP: Final = b'{"metadata":{"name":"deep"},"spec":' + b'[{"a":' * (ABYSS // 2) + b"1" + b"}]" * (ABYSS // 2) + b"}"
GOOD: Final = b'{"metadata":{"name":"good"}}'


@asynccontextmanager
async def answered(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[aiohttp.ClientResponse]:
    """The response to a request."""
    app = web.Application()
    app.router.add_get("/", answer)
    async with (
        Listener(app) as listener,
        aiohttp.ClientSession(response_class=ShallowResponse) as session,
        session.get(listener.url) as got,
    ):
        yield got


def in_chunks(*chunks: bytes) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """An answer that comes in these chunks."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0.001)  # or they arrive as one
        return response

    return answer


def names_of(objects: list[Any]) -> list[str]:
    return [item["metadata"]["name"] for item in objects]


async def test_a_list_with_a_deep_object_is_read_whole() -> None:
    async with answered(in_chunks(b'{"items":[' + GOOD + b"," + DEEP + b"," + GOOD + b"]}")) as response:
        listed = await response.json()

    assert names_of(listed["items"]) == ["good", "deep", "good"]


@pytest.mark.parametrize("size", [700, 4096, 10**6])
async def test_a_watch_with_a_deep_object_is_read_whole_however_its_lines_are_cut(size: int) -> None:
    lines = b"\n".join([GOOD, DEEP, GOOD, GOOD, DEEP, GOOD])

    async with answered(in_chunks(*(lines[start : start + size] for start in range(0, len(lines), size)))) as response:
        watched = b"".join([chunk async for chunk in response.content.iter_chunked(2**16)])

    assert names_of([json.loads(line) for line in watched.split(b"\n")]) == ["good", "deep", "good", "good", "deep", "good"]


async def test_a_line_is_read_before_the_next_has_come() -> None:
    seen = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(GOOD + b"\n" + GOOD[:9])
        await seen.wait()
        return response

    async with answered(answer) as response, asyncio.timeout(20):
        first = await anext(response.content.iter_chunked(2**16))
        seen.set()

    assert first == GOOD + b"\n"


async def test_an_answer_of_another_type_is_no_json() -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>", content_type="text/html")

    async with answered(answer) as response:
        with pytest.raises(aiohttp.ContentTypeError):
            await response.json()
