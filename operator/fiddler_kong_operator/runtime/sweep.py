"""Lists the bindings as they are. kopf only watches them: from which version on, an answer told it that has been given by then.

So a list that is made after that answer, and the watch, miss nothing between them: neither what was there nor what was deleted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Expired, Gone, Refused, Transient
from fiddler_kong_operator.kube.contract import ClusterClient
from fiddler_kong_operator.kube.informer import Sink, relist
from fiddler_kong_operator.plan.kinds import BINDING

__all__ = ["BindingSweep"]

logger: Final = logging.getLogger(__name__)

RETRY: Final = 5.0
"""Seconds between attempts at a list that is due."""


class BindingSweep:
    """Compares what is known of bindings with a list: at start, whenever kopf begins to watch, and from time to time."""

    def __init__(
        self, client: ClusterClient, sink: Sink, scopes: tuple[str | None, ...], interval: float, uniform: Callable[[], float]
    ) -> None:
        """`scopes`: the namespaces, (None,) for all. `interval` in seconds, stretched by up to 10 % by `uniform` (0 to 1)."""
        self._client = client
        self._sink = sink
        self._scopes = scopes
        self._interval = interval
        self._uniform = uniform
        self._due = asyncio.Event()
        self.definition_came_late = False
        """The kind was not installed when it was first looked for; kopf, which looks once at its start, may not watch it."""

    def due(self) -> None:
        """Say that a list is needed that begins after this."""
        self._due.set()

    async def first(self, head_start: float = 0.0) -> None:
        """Sweep until it works once; while our CRD is missing or the API server is away, that is a matter of waiting.

        `head_start`: seconds within which kopf may begin to watch, so that one list is enough. kopf does not where it has looked for our
        CRD in vain, so whether that is there is asked before.
        """
        if head_start:
            await self._look()
            await self._wait(head_start)
        while not await self._sweep():
            await self._wait(RETRY)

    async def run(self) -> None:
        """Sweep for ever."""
        pause = self._until_next()
        while True:
            await self._wait(pause)
            done = await self._sweep_safely()
            pause = self._until_next() if done else RETRY

    async def _look(self) -> None:
        try:
            async with contextlib.aclosing(self._client.list_pages(BINDING, self._scopes[0], limit=1)) as pages:
                await anext(pages)
        except Gone:
            self.definition_came_late = True
        except (Expired, Refused, Transient):
            pass  # the sweep will tell

    async def _wait(self, seconds: float) -> None:
        """Until a list is due, and no longer than that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._due.wait()

    def _until_next(self) -> float:
        return self._interval * (1 + self._uniform() / 10)

    async def _sweep_safely(self) -> bool:
        try:
            return await self._sweep()
        except Exception:  # the edge: without sweeps, lost deletions would never be found again
            logger.exception("a bug in the operator, please report it; bindings are listed again in %.0f s", RETRY)
            return False

    async def _sweep(self) -> bool:
        self._due.clear()
        try:
            for scope in self._scopes:
                await relist(self._client, BINDING, scope, self._sink)
        except (Expired, Gone, Refused, Transient) as error:
            self.definition_came_late |= isinstance(error, Gone)
            remedy = "it is not installed; apply the definition in crds/" if isinstance(error, Gone) else error
            logger.warning("cannot list %s.%s: %s; trying again", names.PLURAL, names.GROUP, remedy)
            return False
        return True
