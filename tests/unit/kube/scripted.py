"""A client whose lists and watches play a script, and a sink and a clock that write down what comes of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from collections.abc import Set as AbstractSet
from typing import Any

from fiddler_kong_operator.kube.client import Page, WatchEvent
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from tests.unit.write.fake_cluster import FakeCluster

Step = Page | WatchEvent | Exception | float
"""The next answer to a request; a number lets that many seconds pass, an exception ends it."""


class EndOfScriptError(Exception):
    """Everything was played: this ends a informer, which otherwise never ends."""


class Clock:
    """Time that passes only when told, and by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Scripted(FakeCluster):
    """Each list and each watch plays the next row of the script. `asked` lists them: "list", or the version a watch began at."""

    def __init__(self, clock: Clock, *script: list[Step]) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.places: set[tuple[str, str | None]] = set()
        self._clock = clock
        self._script = list(script)

    async def list_pages(self, kind: Kind, namespace: str | None, limit: int = 500) -> AsyncGenerator[Page, None]:
        del limit
        async for step in self._play("list", kind, namespace):
            assert isinstance(step, Page)
            yield step

    async def watch(self, kind: Kind, namespace: str | None, resource_version: str) -> AsyncGenerator[WatchEvent, None]:
        async for step in self._play(resource_version, kind, namespace):
            assert isinstance(step, WatchEvent)
            yield step

    async def _play(self, asked: str, kind: Kind, namespace: str | None) -> AsyncIterator[Page | WatchEvent]:
        if not self._script:
            raise EndOfScriptError
        self.asked.append(asked)
        self.places.add((kind.name, namespace))
        for step in self._script.pop(0):
            if isinstance(step, Exception):
                raise step
            if isinstance(step, float):
                self._clock.now += step
            else:
                yield step


class Notes:
    """A sink that writes down what it is told, in words."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def forbidden(self, kind: Kind, namespace: str | None, problem: str | None) -> None:
        place = f"{kind.name} in {namespace}" if namespace else kind.name
        self.lines.append(f"{place} {'forbidden' if problem else 'permitted'}")

    def event(self, kind: Kind, event_type: str | None, raw: Manifest) -> None:
        del kind
        self.lines.append(f"{event_type or 'listed'} {raw['metadata']['name']}")

    def relisted(self, kind: Kind, namespace: str | None, seen: AbstractSet[ObjectKey], resource_version: str) -> None:
        del kind, namespace
        self.lines.append(f"complete at {resource_version}: {' '.join(sorted(key.name for key in seen))}".strip())

    def installed(self, kind: Kind, *, installed: bool) -> None:
        self.lines.append(f"{kind.name} {'there' if installed else 'missing'}")
