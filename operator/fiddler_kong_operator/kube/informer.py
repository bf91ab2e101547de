"""Keeps an observer in step with the API server.

`Informer` lists one kind page by page, then watches it with one watch after the other, and tells a sink:

* A watch continues where the last one ended. If its resourceVersion has expired (410), everything is listed again, and objects missing from
  the list are reported as deleted.
* The client's read limit ends a watch that falls silent. The informer backs off if the server ends each watch at once.
* A kind that is not installed (404) counts as listed, and is looked for every 10 s. A kind whose list or watch is refused (403) counts as
  listed after the second refusal in a row: the sink is told, since it no longer learns of changes.

`Resync` lists a kind that another client (kopf) watches, and so finds the deletions that this watch misses.
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
from .errors import FORBIDDEN
from .objects import Kind, Manifest, ObjectKey

__all__ = ["Informer", "Resync", "Sink", "relist"]

logger: Final = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]

PAUSES: Final = Doubling(0.5, 30.0)
"""Seconds between failed attempts; between attempts without permission, always the longest pause."""

SECOND_LOOK: Final = 5.0
"""Seconds until a forbidden kind is tried again before the sink is told: while the operator is upgraded, its roles may be missing."""

_TOLD_AT: Final = 2
"""Refusals in a row after which a kind counts as forbidden."""

ABSENT: Final = 10.0
"""Seconds between looks for a kind that is not installed."""

SHORT_WATCH: Final = 1.0
"""A watch that ends within that many seconds counts as a failure."""

QUIET: Final = 3.0
"""Seconds without a further `due` after which a resync begins."""

RETRY: Final = 5.0
"""Seconds between attempts at a resync."""


class Sink(Protocol):
    """Takes the objects that are listed and watched."""

    def event(self, kind: Kind, event_type: str | None, raw: Manifest) -> None:
        """An object as listed (None) or changed (ADDED, MODIFIED, DELETED)."""

    def relisted(self, kind: Kind, namespace: str | None, seen: AbstractSet[ObjectKey], resource_version: str) -> None:
        """A list is complete: each object that is not in it, and is not newer than it, was deleted."""

    def installed(self, kind: Kind, *, installed: bool) -> None:
        """Whether the kind is installed in the cluster."""

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
        self._watch_refused = False  # whether the last refusal was of a watch: a list that succeeds does not end it
        self.synced = asyncio.Event()
        """Set once the kind was listed, or found not to be installed or forbidden."""
        self.absent = False
        """The kind is not installed."""
        self.last_activity = clock()
        """When the API server last answered, on `clock`."""

    @property
    def forbidden(self) -> bool:
        """Permission was refused more than once in a row."""
        return self._refusals >= _TOLD_AT

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
        """Report all objects of the kind as deleted: with its definition they are gone."""
        self._seen_alive()
        if not self.absent:
            level = logging.INFO if self._optional else logging.WARNING
            name = f"{self.kind.plural}.{self.kind.group}"
            logger.log(level, "%s is not installed in this cluster; looking for it every %.0f s", name, ABSENT)
        self.absent, self._version = True, ""
        self._sink.relisted(self.kind, self._namespace, frozenset(), str(2**63))
        self._sink.installed(self.kind, installed=False)
        self._permitted()
        self.synced.set()
        return ABSENT

    def _permitted(self) -> None:
        if self.forbidden:
            self._sink.forbidden(self.kind, self._namespace, None)
        self._refusals, self._watch_refused = 0, False

    def _refused(self, error: Refused) -> float:
        self._seen_alive()
        self._watch_refused = bool(self._version)
        self._refusals, self._version = self._refusals + 1, ""
        if not self.forbidden:
            return SECOND_LOOK
        self._sink.forbidden(self.kind, self._namespace, self._problem(error))
        if self._refusals == _TOLD_AT:
            logger.error("%s", self._problem(error))
        self.synced.set()
        return max(PAUSES.cap, self._backoff.next())

    def _problem(self, error: Refused) -> str:
        rule = f"apiGroups: [{self.kind.group!r}], resources: [{self.kind.plural}], verbs: [list, watch]"
        scope = f"a Role in namespace {self._namespace}" if self._namespace else "a ClusterRole"
        needs = f". The operator's service account needs {scope} with the rule {{{rule}}}" if error.status == FORBIDDEN else ""
        return f"{self.name} cannot be watched: {error}{needs}"


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
