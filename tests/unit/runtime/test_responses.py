"""kopf's own reading of lists and watches, against a server whose objects are nested as deep as the API server lets them be."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import kopf
import pytest
from aiohttp import web
from kopf._cogs.clients import api, auth, errors

from devcluster.listener import Listener
from fiddler_kong_operator.runtime.pacing import WatchPace, paced

ABYSS: Final = 10_000
DEEP: Final = b'{"metadata":{"name":"deep"},"spec":' + b'[{"a":' * (ABYSS // 2) + b"1" + b"}]" * (ABYSS // 2) + b"}"
GOOD: Final = b'{"metadata":{"name":"good"}}'
Read = Callable[[auth.APIContext], Awaitable[Any]]


async def read(reading: Read, *chunks: bytes, status: int = 200, content_type: str = "application/json") -> Any:
    """What is made of an answer that comes in these chunks."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": content_type})
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0.001)  # or they arrive as one
        return response

    return await reading_from(answer, reading)


async def reading_from(answer: Callable[[web.Request], Awaitable[web.StreamResponse]], reading: Read) -> Any:
    """What is read of that server by the session kopf uses here."""
    app = web.Application()
    app.router.add_get("/bindings", answer)
    async with Listener(app) as listener:
        context = auth.APIContext(paced(kopf.ConnectionInfo(server=listener.url), WatchPace(), lambda _: None))
        async with context.session:
            return await reading(context)


async def get(context: auth.APIContext) -> Any:
    """As kopf's `api.get` reads a list."""
    options = {"settings": kopf.OperatorSettings(), "logger": logging.getLogger(__name__), "context": context}
    async with await api.request("get", "/bindings", backoffs=[], **options) as response:  # type: ignore[arg-type] # a plain logger
        return await response.json()


async def watch(context: auth.APIContext) -> list[Any]:
    """As kopf's `api.stream` reads a watch."""
    async with context.session.get(f"{context.server}/bindings?watch=true") as response:
        return [json.loads(line.decode()) async for line in api.iter_jsonlines(response.content)]


def names_of(objects: list[Any]) -> list[str]:
    return [item["metadata"]["name"] for item in objects]


async def test_a_list_with_a_deep_object_is_read_whole() -> None:
    listed = await read(get, b'{"items":[' + GOOD + b"," + DEEP + b"," + GOOD + b"]}")

    assert names_of(listed["items"]) == ["good", "deep", "good"]


async def test_a_list_ends_with_its_first_page() -> None:
    listed = await read(get, b'{"metadata":{"resourceVersion":"7","continue":"next"},"items":[' + GOOD + b"]}")

    assert (names_of(listed["items"]), listed["metadata"]) == (["good"], {"resourceVersion": "7"})


@pytest.mark.parametrize("size", [700, 4096, 10**6])
async def test_a_watch_with_a_deep_object_is_read_whole_however_its_lines_are_cut(size: int) -> None:
    lines = b"\n".join([GOOD, DEEP, GOOD, GOOD, DEEP, GOOD])

    watched = await read(watch, *(lines[start : start + size] for start in range(0, len(lines), size)))

    assert names_of(watched) == ["good", "deep", "good", "good", "deep", "good"]


async def test_a_line_is_read_before_the_next_has_come() -> None:
    seen = asyncio.Event()

    async def first(context: auth.APIContext) -> Any:
        async with context.session.get(f"{context.server}/bindings?watch=true") as response, asyncio.timeout(20):
            line = await anext(api.iter_jsonlines(response.content))
        seen.set()
        return json.loads(line)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(GOOD + b"\n" + GOOD[:9])
        await seen.wait()
        return response

    assert await reading_from(answer, first) == json.loads(GOOD)


async def test_a_refusal_is_told_as_the_server_tells_it() -> None:
    with pytest.raises(errors.APIForbiddenError, match="bindings is forbidden"):
        await read(get, b'{"kind":"Status","message":"bindings is forbidden"}', status=403)


async def test_a_proxys_page_is_no_list() -> None:
    with pytest.raises(aiohttp.ContentTypeError):
        await read(get, b"<html>", content_type="text/html")
