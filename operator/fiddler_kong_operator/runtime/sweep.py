"""Lists the bindings as they are: kopf replays what exists after a broken watch, but never says what was deleted meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.cluster.answers import Expired
from fiddler_kong_operator.cluster.contract import ClusterClient
from fiddler_kong_operator.cluster.kinds import BINDING
from fiddler_kong_operator.cluster.reflector import Sink, relist
from fiddler_kong_operator.errors import Gone, Refused, Transient

__all__ = ["BindingSweep"]

logger: Final = logging.getLogger(__name__)

REPLAY_PAUSE: Final = 1.0
"""Seconds a replay gets to finish before it is compared with a list; a replay is one event for each object."""

RETRY: Final = 5.0
"""Seconds between attempts at the first list."""


class BindingSweep:
    """Compares what is known of bindings with a list: at start, after each replay of kopf's, and from time to time."""

    def __init__(
        self, client: ClusterClient, sink: Sink, scopes: tuple[str | None, ...], interval: float, uniform: Callable[[], float]
    ) -> None:
        """`scopes`: the namespaces, (None,) for all. `interval` in seconds, stretched by up to 10 % by `uniform` (0 to 1)."""
        self._client = client
        self._sink = sink
        self._scopes = scopes
        self._interval = interval
        self._uniform = uniform
        self._replay = asyncio.Event()
        self.definition_came_late = False
        """The kind was not installed when it was first looked for; kopf, which looks once at its start, may not watch it."""

    def replayed(self) -> None:
        """Say that kopf replays (an event without a type)."""
        self._replay.set()

    async def first(self) -> None:
        """Sweep until it works once; while our CRD is missing or the API server is away, that is a matter of waiting."""
        while not await self._sweep():
            self._replay.clear()
            await self._pause(RETRY)

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            if await self._pause(self._interval * (1 + self._uniform() / 10)):
                await asyncio.sleep(REPLAY_PAUSE)
            self._replay.clear()
            try:
                await self._sweep()
            except Exception:  # the edge: without sweeps, lost deletions would never be found again
                logger.exception("a bug in the operator, please report it; bindings are listed again in time")

    async def _pause(self, seconds: float) -> bool:
        """Wait; True where a replay cut it short."""
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._replay.wait(), seconds)
        return False

    async def _sweep(self) -> bool:
        try:
            for scope in self._scopes:
                await relist(self._client, BINDING, scope, self._sink)
        except (Expired, Gone, Refused, Transient) as error:
            self.definition_came_late |= isinstance(error, Gone)
            remedy = "it is not installed; apply the definition in crds/" if isinstance(error, Gone) else error
            logger.warning("cannot list %s.%s: %s; trying again", names.PLURAL, names.GROUP, remedy)
            return False
        return True
