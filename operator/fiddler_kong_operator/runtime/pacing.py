"""Slows down kopf's requests: kopf repeats a watch as soon as the server has ended it, and logs in again after each 401.

Without this, kopf sent 270 requests a second to a server that ended each watch at once.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp

from fiddler_kong_operator.kube.backoff import Backoff, Doubling

__all__ = ["Pace"]

SHORT: Final = 1.0
"""A repetition within that many seconds means that the attempt before it failed."""

PAUSES: Final = Doubling(0.5, 30.0)
"""Seconds between failed attempts."""


class Pace:
    """Delays attempts that are repeated too fast, separately for each subject: doubling pauses, and none after an attempt that lasted.

    As a client middleware it delays watches by their path.
    """

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

    async def __call__(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Send a request, a watch only when it may be repeated."""
        if "watch" in request.url.query:
            await self.wait(request.url.path)
        return await handler(request)

    async def wait(self, subject: str) -> None:
        """Return when the subject may be repeated."""
        backoff = self._backoffs.setdefault(subject, Backoff(PAUSES, self._uniform))
        if self._clock() - self._started.get(subject, -math.inf) < SHORT:
            await self._sleep(backoff.next())
        else:
            backoff.reset()
        self._started[subject] = self._clock()
