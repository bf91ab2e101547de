"""A cluster in memory that is listed and watched as well, for what runs informers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from fiddler_kong_operator.kube.client import Page, WatchEvent
from fiddler_kong_operator.kube.objects import Kind, Manifest
from tests.unit.write.fake_cluster import FakeCluster


class WatchableCluster(FakeCluster):
    """Lists its objects; its watches show nothing. `lists` and `watches` have each request as `Kind` or `Kind in namespace`."""

    def __init__(self, *objects: Manifest) -> None:
        super().__init__(*objects)
        self.lists: list[str] = []
        self.watches: list[str] = []
        self.errors: dict[str, list[Exception]] = {}
        """Raised by the next lists of a kind, `Kind` or `Kind in namespace`."""
        self.held: dict[str, asyncio.Event] = {}
        """Lists of a kind wait for it."""
        self._asked = asyncio.Event()
        self.before = lambda _verb, _key: self._asked.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for requests that make the condition true."""
        async with asyncio.timeout(10):
            while not holds():
                self._asked.clear()
                await self._asked.wait()

    def written(self, verb: str) -> list[str]:
        """The objects of the writes whose verb begins so."""
        return [str(key) for done, key in self.writes if done.startswith(verb)]

    async def list_pages(self, kind: Kind, namespace: str | None, limit: int = 500) -> AsyncGenerator[Page, None]:
        del limit
        self.lists.append(_place(kind, namespace))
        self._asked.set()
        if kind.name in self.held:
            await self.held[kind.name].wait()
        errors = self.errors.get(kind.name) or self.errors.get(_place(kind, namespace))
        if errors:
            raise errors.pop(0)
        found = [raw for key, raw in self.objects.items() if key.kind == kind.name and namespace in (None, key.namespace)]
        yield Page(found, str(self.version))

    async def watch(self, kind: Kind, namespace: str | None, resource_version: str) -> AsyncGenerator[WatchEvent, None]:
        del resource_version
        self.watches.append(_place(kind, namespace))
        self._asked.set()
        await asyncio.get_running_loop().create_future()
        yield WatchEvent("BOOKMARK", {})


def _place(kind: Kind, namespace: str | None) -> str:
    return f"{kind.name} in {namespace}" if namespace else kind.name
