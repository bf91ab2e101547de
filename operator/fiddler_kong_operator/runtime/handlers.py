"""Every kopf decorator of this project: the operator's table of contents.

kopf is the shell only. Its state-keeping handlers (create, update, resume, delete, timer, daemon) are not used: they write annotations on
bindings and cost three times the writes. `on.event` writes nothing; what to do is decided from the store, by key.
Handlers are coroutines even where they await nothing, since kopf runs plain functions in threads.
"""

from __future__ import annotations

import logging
from typing import Any, Final, Protocol

import kopf

from fiddler_kong_operator import names

from .pacing import WatchPace, paced

__all__ = ["Shell", "register"]

logger: Final = logging.getLogger(__name__)

IDLE_TIMEOUT: Final = 0.05
"""kopf keeps a worker per object for this many seconds after its last event; the default of 5 s holds thousands of tasks for nothing."""

WATCH_SECONDS: Final = 240
"""The server ends a watch after that many seconds; kopf itself ends one that is silent for 70 s (bookmarks come every minute)."""

RELIST_PAUSE: Final = 1.0
"""Seconds before kopf lists again after an expired watch; its default of 0.1 would be ten lists a second from a server that errs on."""

EXIT_TIMEOUT: Final = 25.0
"""Seconds after which kopf ends a process that does not stop; below the pod's grace period of 30."""


class Shell(Protocol):
    """What the handlers hand on to."""

    async def connection(self) -> kopf.ConnectionInfo:
        """The API server and our credentials, read anew each time (tokens rotate)."""

    def observe(self, event_type: str | None, raw: dict[str, Any]) -> None:
        """Take a binding as observed; `event_type` is None where it was listed."""

    def rewatched(self) -> None:
        """Take the news that bindings are watched from now on: those that are there, and those that went before, no event tells of."""

    def problems(self) -> list[str]:
        """What is stuck; empty while healthy."""

    def report(self) -> dict[str, Any]:
        """Figures for /healthz."""


class _NoMemory(kopf.DiffBaseStorage):
    """Spares kopf the deep copies of each object that its change-detecting handlers, which are not used here, would compare."""

    def build(self, **_: object) -> Any:
        return {}

    def fetch(self, **_: object) -> Any:
        return None

    def store(self, **_: object) -> None:
        pass


def register(registry: kopf.OperatorRegistry, shell: Shell) -> None:
    """Register the handlers for `shell` in a registry of its own."""
    pace = WatchPace()

    def listed(path: str) -> None:
        if path.endswith(f"/{names.PLURAL}"):
            shell.rewatched()

    @kopf.on.startup(registry=registry)
    async def configure(settings: kopf.OperatorSettings, **_: object) -> None:
        settings.posting.enabled = False
        settings.scanning.disabled = True  # or kopf watches every CustomResourceDefinition, which we have no permission for
        settings.watching.server_timeout = WATCH_SECONDS
        settings.watching.reconnect_backoff = RELIST_PAUSE
        settings.watching.chunk_size = 1  # see `runtime.responses`
        settings.queueing.idle_timeout = IDLE_TIMEOUT
        settings.process.ultimate_exiting_timeout = EXIT_TIMEOUT
        settings.persistence.diffbase_storage = _NoMemory()

    @kopf.on.cleanup(registry=registry)
    async def stopped(**_: object) -> None:
        logger.info("stopped")

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        return paced(await shell.connection(), pace, listed)

    @kopf.on.probe(registry=registry, id="operator")
    async def alive(**_: object) -> dict[str, Any]:
        problems = shell.problems()
        if problems:
            raise kopf.PermanentError("; ".join(problems))
        return shell.report()

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)
    async def observed(event: kopf.RawEvent, **_: object) -> None:
        shell.observe(event["type"], dict(event["object"]))
