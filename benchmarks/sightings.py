"""Waits for changes of objects through the benchmark's own watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fiddler_kong_operator.kube.client import WatchEvent
from fiddler_kong_operator.kube.objects import Kind

from .manifests import NAMESPACE
from .stand import Stand

__all__ = ["Sightings", "watching"]

Sees = Callable[[WatchEvent], bool]


class Sightings:
    """The expected events, by name of the object."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Sees, asyncio.Future[float]]] = {}

    def expect(self, name: str, sees: Sees) -> asyncio.Future[float]:
        """A future for the loop's time of the next event of that name that `sees` matches; one at a time for each name."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[name] = (sees, future)
        return future

    def take(self, event: WatchEvent) -> None:
        """Resolve the future that waits for this event."""
        name = event.object["metadata"].get("name", "")
        sees, future = self._waiting.get(name, (None, None))
        if sees and future and not future.done() and sees(event):
            future.set_result(asyncio.get_running_loop().time())


@asynccontextmanager
async def watching(stand: Stand, *kinds: Kind) -> AsyncIterator[dict[Kind, Sightings]]:
    """Watch kinds from now until the end of the block."""
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
