"""The HTTP session that kopf uses, which holds it back: kopf asks for a watch again as soon as the server has ended it.

A server that ends each watch at once was asked 270 times a second.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import kopf

from fiddler_kong_operator.kube.backoff import Backoff, Doubling

from .responses import ShallowResponse

__all__ = ["WatchPace", "paced"]

SHORT_WATCH: Final = 1.0
"""A watch that is asked for again within that many seconds counts as failed."""

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0


class WatchPace:
    """Holds watches back that follow each other too fast, each path by itself: doubling pauses, none again after one that lasted."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        """`clock` is monotonic, `uniform` gives 0 to 1."""
        self._clock = clock
        self._sleep = sleep
        self._uniform = uniform
        self._started: dict[str, float] = {}
        self._backoffs: dict[str, Backoff] = {}

    async def wait(self, path: str) -> None:
        """Return when a watch of that path may be asked for."""
        backoff = self._backoffs.setdefault(path, Backoff(Doubling(FIRST_PAUSE, LONGEST_PAUSE), self._uniform))
        if self._clock() - self._started.get(path, -math.inf) < SHORT_WATCH:
            await self._sleep(backoff.next())
        else:
            backoff.reset()
        self._started[path] = self._clock()


def paced(connection: kopf.ConnectionInfo, pace: WatchPace, listed: Callable[[str], None]) -> kopf.AiohttpSession:
    """The same connection as a session that keeps to the pace; kopf closes it. `listed` is told the path of whatever else was answered."""

    async def before(_session: aiohttp.ClientSession, _context: Any, request: aiohttp.TraceRequestStartParams) -> None:
        if "watch" in request.url.query:
            await pace.wait(request.url.path)

    async def after(_session: aiohttp.ClientSession, _context: Any, request: aiohttp.TraceRequestEndParams) -> None:
        if "watch" not in request.url.query:
            listed(request.url.path)

    tracing = aiohttp.TraceConfig()
    tracing.on_request_start.append(before)
    tracing.on_request_end.append(after)
    connector = aiohttp.TCPConnector(limit=0, ssl=connection.as_ssl_context())
    headers = connection.as_http_headers()
    session = aiohttp.ClientSession(connector=connector, headers=headers, trace_configs=[tracing], response_class=ShallowResponse)
    return kopf.AiohttpSession(server=connection.server, default_namespace=connection.default_namespace, aiohttp_session=session)
