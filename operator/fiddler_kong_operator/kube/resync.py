"""Lists a kind that another client (kopf) watches, and so finds the deletions that this watch misses."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from typing import Final

from fiddler_kong_operator.errors import Expired, Gone, Refused, Transient

from .client import Client
from .informer import Sink, relist
from .objects import Kind

__all__ = ["Resync"]

logger: Final = logging.getLogger(__name__)

QUIET: Final = 3.0
"""Seconds without a further `due` after which a resync begins."""

RETRY: Final = 5.0
"""Seconds between attempts at a resync."""


class Resync:
    """Lists a kind that another client watches: once at start, then at an interval, and soon after `due`.

    A watcher such as kopf lists, then watches from the version of its list; it never reports what was deleted between two of its lists.
    Together they miss nothing:

    * `once` returns when everything has been listed. The watcher starts later, so its own list shows what was created meanwhile.
    * The watcher's list calls `due` for each object. The resync that follows is newer than that list and finds all deletions before it;
      the watch reports those after it.
    * A watcher's list without any object calls nothing. Deletions before it are found at the next interval, not sooner.
    """

    def __init__(
        self,
        client: Client,
        kind: Kind,
        scopes: tuple[str | None, ...],
        sink: Sink,
        interval: float,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        """`scopes`: the namespaces, (None,) for all. `interval` in seconds, stretched by up to 10 % by `uniform` (0 to 1)."""
        self._client = client
        self._kind = kind
        self._scopes = scopes
        self._sink = sink
        self._interval = interval
        self._uniform = uniform
        self._wanted = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self.refused: frozenset[str | None] = frozenset()
        """The scopes that the last resync was not permitted to list."""

    def due(self) -> None:
        """Schedule a list: one, a few seconds after the last of several calls."""
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(QUIET, self._wanted.set)

    async def once(self) -> None:
        """List until it succeeds, however long the definition is missing or the API server is away.

        Refused scopes do not hold back the others, unless all are refused.
        """
        while True:
            try:
                return await self._list()
            except (Expired, Gone, Refused, Transient) as error:
                reason = "it is not installed; apply its CustomResourceDefinition" if isinstance(error, Gone) else error
                logger.warning("cannot list %s.%s: %s; trying again in %.0f s", self._kind.plural, self._kind.group, reason, RETRY)
            await asyncio.sleep(RETRY)

    async def run(self) -> None:
        """Resync until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval * (1 + self._uniform() / 10)):
                    await self._wanted.wait()
            await self.once()

    async def _list(self) -> None:
        self._wanted.clear()
        errors: dict[str | None, Refused] = {}
        for scope in self._scopes:
            try:
                await relist(self._client, self._kind, scope, self._sink)
            except Refused as error:
                errors[scope] = error
        if len(errors) == len(self._scopes):
            raise next(iter(errors.values()))
        self.refused = frozenset(errors)
