"""Writes Kubernetes Events outside reconciliation: a slow or refused Event must never delay a binding or make it fail."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from fiddler_kong_operator.errors import FiddlerKongError

from .client import Client
from .limiter import WriteLimiter
from .objects import EVENT, Manifest

__all__ = ["LIMIT", "WAITING", "WINDOW", "Recorder"]

logger: Final = logging.getLogger(__name__)

WAITING: Final = 1000
"""Events that may wait; beyond that, new ones are dropped, because the status says the same."""

LIMIT: Final = 10
WINDOW: Final = 600.0
"""Events about one object in that many seconds: an object that keeps changing must not flood its namespace."""

DRAIN: Final = 2.0
"""Seconds at shutdown for the Events that wait: enough for dozens. The next leader waits for that long too."""


class Recorder:
    """A bounded queue of Events and the one task that writes them."""

    def __init__(self, client: Client, clock: Callable[[], float], count_bug: Callable[[str], None]) -> None:
        """`clock` is monotonic; `count_bug` is called at an unexpected exception, with the kind `Event` (`Metrics.count_bug`)."""
        self._client = client
        self._count_bug = count_bug
        self._queue: asyncio.Queue[Manifest] = asyncio.Queue(WAITING)
        self._limiter = WriteLimiter(LIMIT, WINDOW, clock)

    def record(self, event: Manifest) -> None:
        """Queue an Event; it is dropped if there are too many about its object or in total."""
        about = event["involvedObject"]["uid"]
        if self._queue.full() or self._limiter.delay(about):
            return
        self._limiter.count(about)
        self._queue.put_nowait(event)

    async def run(self) -> None:
        """Write Events until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._client.create(EVENT, event)
            except FiddlerKongError as error:
                logger.info("an Event could not be written: %s", error)
            except Exception:  # the edge: a bug that one Event meets must not stop all later ones
                self._count_bug(EVENT.name)
                logger.exception("a bug in the operator, please report it; an Event is lost")
            finally:
                self._queue.task_done()

    async def drain(self, seconds: float = DRAIN) -> None:
        """Let `run` write the Events that wait, for at most that many seconds. Call it before `run` is cancelled."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._queue.join()
