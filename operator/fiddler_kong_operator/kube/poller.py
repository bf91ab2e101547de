"""Keeps a sink in step with objects of a kind that may be read by name, but neither listed nor watched.

`Poller` reads each wanted object once in an interval, and has the interface of an `Informer`:

* The first round is repeated until each object was read, did not exist, or was refused: only then does the kind count as listed.
* Later, an object that could not be read is read again in the next round. An object whose read is refused stays as it was last seen.
* The sink gets an unchanged object too, and ignores it by its version.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from typing import Final

from fiddler_kong_operator.errors import Gone, Refused, Transient

from .backoff import Backoff
from .client import Client
from .informer import PAUSES, Informer, Sink, Sleep
from .objects import Kind, ObjectKey

__all__ = ["Observer", "Poller"]

logger: Final = logging.getLogger(__name__)


class Poller:
    """The wanted objects of one kind. `run` never returns; cancel it to stop."""

    def __init__(  # noqa: PLR0913 - the seams of a test
        self,
        client: Client,
        kind: Kind,
        sink: Sink,
        wanted: Callable[[], Iterable[tuple[ObjectKey, str]]],
        interval: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        """`wanted` gives the objects to read, each with its uid in the cache ("" for none).

        `interval` in seconds, stretched by up to 10 % by `uniform` (0 to 1); `clock` is monotonic.
        """
        self._client = client
        self.kind = kind
        """The kind."""
        self._sink = sink
        self._wanted = wanted
        self._interval = interval
        self._clock = clock
        self._sleep = sleep
        self._uniform = uniform
        self._backoff = Backoff(PAUSES, uniform)
        self._refused: frozenset[ObjectKey] = frozenset()
        self.synced = asyncio.Event()
        """Set after the first round in which the API server answered for each object."""
        self.last_activity = clock()
        """When the API server last answered, or had nothing to answer, on `clock`."""

    @property
    def forbidden(self) -> bool:
        """Permission to read an object was refused in the last round."""
        return bool(self._refused)

    @property
    def name(self) -> str:
        """The kind."""
        return self.kind.name

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            await self._sleep(await self._round())

    async def _round(self) -> float:
        """Read each wanted object; returns how long to wait before the next round."""
        refused, missed, at_least = set(), False, 0.0
        for key, uid in tuple(self._wanted()):
            try:
                await self._read(key, uid)
            except Refused as error:
                refused.add(key)
                if key not in self._refused:
                    logger.error("%s cannot be read: %s", key, error)  # noqa: TRY400 - its text says what to do
            except Transient as error:
                missed, at_least = True, max(at_least, error.retry_after or 0.0)
                logger.info("%s: %s", key, error)
                continue
            self.last_activity = self._clock()
        if not missed:  # with nothing to read there is no answer to wait for
            self.last_activity = self._clock()
        self._refused = frozenset(refused)
        if missed and not self.synced.is_set():
            return self._backoff.next(at_least)
        self.synced.set()
        return max(at_least, self._interval * (1 + self._uniform() / 10))

    async def _read(self, key: ObjectKey, uid: str) -> None:
        try:
            raw = await self._client.get(self.kind, key.namespace, key.name)
        except Gone:
            if uid:
                metadata = {"name": key.name, "namespace": key.namespace, "uid": uid}
                self._sink.event(self.kind, "DELETED", {"metadata": metadata})
        else:
            self._sink.event(self.kind, "MODIFIED", raw)


Observer = Informer | Poller
"""Keeps a sink in step with one kind."""
