"""Waits for objects to become something, by a watch of the benchmark's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fiddler_kong_operator.kube.contract import WatchEvent
from fiddler_kong_operator.kube.objects import Kind

from .manifests import NAMESPACE
from .stand import Stand

__all__ = ["Sightings", "watching"]

Sees = Callable[[WatchEvent], bool]


class Sightings:
    """Who waits for which event, by name of the object."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Sees, asyncio.Future[float]]] = {}

    def expect(self, name: str, sees: Sees) -> asyncio.Future[float]:
        """The loop's time at which an event of that name is what `sees` looks for; one at a time for each name."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[name] = (sees, future)
        return future

    def take(self, event: WatchEvent) -> None:
        """Take an event."""
        name = event.object["metadata"].get("name", "")
        sees, future = self._waiting.get(name, (None, None))
        if sees and future and not future.done() and sees(event):
            future.set_result(asyncio.get_running_loop().time())


@asynccontextmanager
async def watching(stand: Stand, *kinds: Kind) -> AsyncIterator[dict[Kind, Sightings]]:
    """Watch kinds for the time of the block, from now on."""
    sightings = {kind: Sightings() for kind in kinds}
    versions = {kind: await _version(stand, kind) for kind in kinds}
    tasks = [asyncio.create_task(_follow(stand, kind, versions[kind], sightings[kind])) for kind in kinds]
    try:
        yield sightings
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _version(stand: Stand, kind: Kind) -> str:
    pages = stand.api.list_pages(kind, NAMESPACE, limit=1)
    return (await anext(pages)).resource_version


async def _follow(stand: Stand, kind: Kind, version: str, sightings: Sightings) -> None:
    async for event in stand.api.watch(kind, NAMESPACE, version):
        sightings.take(event)
