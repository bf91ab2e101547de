"""Posts Kubernetes Events aside from reconciling: a slow or refused Event must never hold up, or fail, a binding."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from fiddler_kong_operator.errors import FiddlerKongError

from .contract import ClusterClient
from .limiter import Pace
from .objects import EVENT, Manifest

__all__ = ["EventPoster"]

logger: Final = logging.getLogger(__name__)

WAITING: Final = 1000
"""Events that may wait; beyond, new ones are dropped: the status says the same."""

LIMIT: Final = 10
WINDOW: Final = 600.0
"""Events about one binding within that many seconds; a binding that never stops changing must not flood its namespace."""

PATIENCE: Final = 2.0
"""Seconds at the end in which what waits is posted: enough for dozens, and the next leader waits for them."""


class EventPoster:
    """A bounded queue of Events and the one task that posts them."""

    def __init__(self, client: ClusterClient, clock: Callable[[], float]) -> None:
        """`clock` is monotonic."""
        self._client = client
        self._queue: asyncio.Queue[Manifest] = asyncio.Queue(WAITING)
        self._pace = Pace(LIMIT, WINDOW, clock)

    def post(self, event: Manifest) -> None:
        """Have the Event posted soon; dropped where there are too many, of this binding or in all."""
        about = event["involvedObject"]["uid"]
        if self._queue.full() or self._pace.delay(about):
            return
        self._pace.count(about)
        self._queue.put_nowait(event)

    async def run(self) -> None:
        """Post until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._client.create(EVENT, event)
            except FiddlerKongError as error:
                logger.info("an Event could not be posted: %s", error)
            except Exception:  # the edge: a bug met by one Event must not silence all later ones
                logger.exception("a bug in the operator, please report it; an Event is lost")
            finally:
                self._queue.task_done()

    async def drain(self, seconds: float = PATIENCE) -> None:
        """Let `run` post what waits, for at most that many seconds; to be called when nothing posts any more, before `run` is cancelled."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._queue.join()
