"""Keeps an observer in step with the API server.

`Informer` lists one kind page by page, then watches it with one watch after the other, and tells a sink:

* A watch continues where the last one ended. If its resourceVersion has expired (410), everything is listed again, and objects missing from
  the list are reported as deleted.
* The client's read limit ends a watch that falls silent. The informer backs off if the server ends each watch at once.
* A kind that is not installed (404) counts as listed, and is looked for every 10 s. A kind whose list or watch is refused (403) counts as
  listed after the second refusal in a row: the sink is told, since it no longer learns of changes. So does an optional kind that the API
  server fails to list (5xx) for a minute: a webhook that converts its objects may be gone for good.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from typing import Final, Protocol

from fiddler_kong_operator.errors import Expired, Gone, Refused, Transient

from .backoff import Backoff, Doubling
from .client import Client
from .errors import FORBIDDEN, SERVER_ERROR
from .objects import Kind, Manifest, ObjectKey

__all__ = ["Informer", "Sink", "relist"]

logger: Final = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]

PAUSES: Final = Doubling(0.5, 30.0)
"""Seconds between failed attempts; between attempts without permission, always the longest pause."""

SECOND_LOOK: Final = 5.0
"""Seconds until a forbidden kind is tried again before the sink is told: while the operator is upgraded, its roles may be missing."""

_TOLD_AT: Final = 2
"""Refusals in a row after which a kind counts as forbidden."""

BROKEN: Final = 60.0
"""Seconds for which the API server fails to list or watch an optional kind until the sink is told."""

ABSENT: Final = 10.0
"""Seconds between looks for a kind that is not installed."""

SHORT_WATCH: Final = 1.0
"""A watch that ends within that many seconds counts as a failure."""


class Sink(Protocol):
    """Takes the objects that are listed and watched."""

    def event(self, kind: Kind, event_type: str | None, raw: Manifest) -> None:
        """An object as listed (None) or changed (ADDED, MODIFIED, DELETED)."""

    def relisted(self, kind: Kind, namespace: str | None, seen: AbstractSet[ObjectKey], resource_version: str) -> None:
        """A list is complete: each object that is not in it, and is not newer than it, was deleted."""

    def installed(self, kind: Kind, *, installed: bool) -> None:
        """Whether the kind is installed in the cluster. If not, its objects are gone; they may come back with it."""

    def forbidden(self, kind: Kind, namespace: str | None, problem: str | None) -> None:
        """Why the kind cannot be watched in the namespace (None: in all): verb, server's message, missing rule. None where it can."""


async def relist(client: Client, kind: Kind, namespace: str | None, sink: Sink) -> str:
    """List a kind once into the sink, and report deletions; returns the list's version. Raises Expired, Gone, Refused and Transient."""
    seen: set[ObjectKey] = set()
    version = ""
    async with contextlib.aclosing(client.list_pages(kind, namespace)) as pages:
        async for page in pages:
            for raw in page.items:
                seen.add(kind.key(raw))
                sink.event(kind, None, raw)
            version = page.resource_version
    sink.relisted(kind, namespace, seen, version)
    return version


class Informer:
    """One kind in one namespace (or all). `run` never returns; cancel it to stop."""

    def __init__(  # noqa: PLR0913 - the seams of a test
        self,
        client: Client,
        kind: Kind,
        namespace: str | None,
        sink: Sink,
        *,
        optional: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        """A `namespace` of None means all; a cluster may lack `optional` kinds for good; `clock` is monotonic."""
        self._optional = optional
        self._client = client
        self.kind = kind
        """The kind."""
        self._namespace = namespace
        self._sink = sink
        self._clock = clock
        self._sleep = sleep
        self._backoff = Backoff(PAUSES, uniform)
        self._version = ""
        self._refusals = 0
        self._failing_since: float | None = None
        self.forbidden = False
        """It cannot be watched, and the sink was told."""
        self._watch_refused = False  # whether the last refusal was of a watch: a list that succeeds does not end it
        self.synced = asyncio.Event()
        """Set once the kind was listed, or found not to be installed, forbidden or broken."""
        self.absent = False
        """The kind is not installed."""
        self.last_activity = clock()
        """When the API server last answered, on `clock`."""

    @property
    def name(self) -> str:
        """The kind and its namespace: `Secret` or `Secret in ai`."""
        return self.kind.name + (f" in {self._namespace}" if self._namespace else "")

    async def run(self) -> None:
        """List and watch until cancelled."""
        while True:
            pause = await self._step()
            if pause:
                await self._sleep(pause)

    async def _step(self) -> float:
        """One list or one watch; returns how long to wait before the next."""
        try:
            return await (self._watch() if self._version else self._list())
        except Expired:
            self._version = ""
            self._seen_alive()
            return self._backoff.next()
        except Gone:
            return self._not_installed()
        except Refused as error:
            return self._refused(error)
        except Transient as error:
            logger.info("%s: %s", self.name, error)
            self._failed(error)
            return self._backoff.next(error.retry_after)

    async def _list(self) -> float:
        self._version = await relist(self._client, self.kind, self._namespace, self._sink)
        self._seen_alive()
        self.absent = False
        self._sink.installed(self.kind, installed=True)
        if not self._watch_refused:
            self._permitted()
        self.synced.set()
        return 0.0

    async def _watch(self) -> float:
        started = self._clock()
        try:
            await self._follow()
        finally:
            lasted = self._clock() - started >= SHORT_WATCH
            if lasted:
                self._backoff.reset()
        return 0.0 if lasted else self._backoff.next()

    async def _follow(self) -> None:
        async with contextlib.aclosing(self._client.watch(self.kind, self._namespace, self._version)) as events:
            async for event in events:
                self._seen_alive()
                self._permitted()
                if event.type != "BOOKMARK":
                    self._sink.event(self.kind, event.type, event.object)
                self._version = event.object["metadata"]["resourceVersion"]
        self._seen_alive()
        self._permitted()

    def _seen_alive(self) -> None:
        self.last_activity = self._clock()

    def _not_installed(self) -> float:
        self._seen_alive()
        if not self.absent:
            level = logging.INFO if self._optional else logging.WARNING
            name = f"{self.kind.plural}.{self.kind.group}"
            logger.log(level, "%s is not installed in this cluster; looking for it every %.0f s", name, ABSENT)
        self.absent, self._version = True, ""
        self._sink.installed(self.kind, installed=False)
        self._permitted()
        self.synced.set()
        return ABSENT

    def _permitted(self) -> None:
        if self.forbidden:
            self._sink.forbidden(self.kind, self._namespace, None)
        self._refusals, self._watch_refused, self.forbidden, self._failing_since = 0, False, False, None

    def _failed(self, error: Transient) -> None:
        """Tell the sink if the API server keeps failing to list an optional kind: only the bindings that name it are then held back.

        After failures of a watch, a list decides.
        """
        if not self._optional or error.status is None or error.status < SERVER_ERROR:
            self._failing_since = None
            return
        now = self._clock()
        self._failing_since = now if self._failing_since is None else self._failing_since
        if now - self._failing_since < BROKEN:
            return
        self._seen_alive()
        if not self._version:
            self._tell(f"{self.name} cannot be watched: {error}")
        self._version = ""

    def _tell(self, problem: str) -> None:
        self._sink.forbidden(self.kind, self._namespace, problem)
        if not self.forbidden:
            logger.error("%s", problem)
        self.forbidden = True
        self.synced.set()

    def _refused(self, error: Refused) -> float:
        self._seen_alive()
        self._watch_refused = bool(self._version)
        self._refusals, self._version = self._refusals + 1, ""
        if self._refusals < _TOLD_AT:
            return SECOND_LOOK
        self._tell(self._problem(error))
        return max(PAUSES.cap, self._backoff.next())

    def _problem(self, error: Refused) -> str:
        rule = f"apiGroups: [{self.kind.group!r}], resources: [{self.kind.plural}], verbs: [list, watch]"
        scope = f"a Role in namespace {self._namespace}" if self._namespace else "a ClusterRole"
        needs = f". The operator's service account needs {scope} with the rule {{{rule}}}" if error.status == FORBIDDEN else ""
        return f"{self.name} cannot be watched: {error}{needs}"
