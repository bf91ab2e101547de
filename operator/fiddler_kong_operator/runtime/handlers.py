"""Every kopf decorator of this project: the operator's table of contents.

kopf is the shell only. Its state-keeping handlers (create, update, resume, delete, timer, daemon) are not used: they write annotations on
bindings and need three times the writes. `on.event` writes nothing; reconciliation decides from the observed state.
Handlers are coroutines even where they await nothing, since kopf runs plain functions in threads.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import kopf

from fiddler_kong_operator.kube.client import PAGE, WATCH_SECONDS
from fiddler_kong_operator.kube.connection import Connection
from fiddler_kong_operator.plan.kinds import BINDING

from .operator import Operator
from .pacing import Pace
from .responses import ShallowResponse

__all__ = ["register"]

logger: Final = logging.getLogger(__name__)

IDLE_TIMEOUT: Final = 0.05
"""kopf keeps a task for each object for this many seconds after its last event; the default of 5 s would keep thousands."""

RELIST_PAUSE: Final = 1.0
"""Seconds before kopf lists again after an expired watch; its default of 0.1 could mean ten lists a second."""


class _NoMemory(kopf.DiffBaseStorage):
    """Avoids the deep copy of each object (0.4 ms) that kopf makes at each event for its change-detecting handlers."""

    def build(self, **_: object) -> Any:
        return {}

    def fetch(self, **_: object) -> Any:
        return None

    def store(self, **_: object) -> None:
        pass


def register(registry: kopf.OperatorRegistry, operator: Operator, connection: Connection) -> None:
    """Register the operator's handlers in `registry`. kopf's requests use sessions of `connection`."""
    pace = Pace()

    @kopf.on.startup(registry=registry)
    async def configure(settings: kopf.OperatorSettings, **_: object) -> None:
        settings.posting.enabled = False
        settings.scanning.disabled = True  # or kopf watches every CustomResourceDefinition, which needs another permission
        settings.watching.server_timeout = WATCH_SECONDS  # kopf itself ends a watch that is silent for 70 s (bookmarks come every minute)
        settings.watching.reconnect_backoff = RELIST_PAUSE
        settings.watching.chunk_size = PAGE
        settings.queueing.idle_timeout = IDLE_TIMEOUT
        settings.persistence.diffbase_storage = _NoMemory()

    @kopf.on.cleanup(registry=registry)
    async def stopped(**_: object) -> None:
        logger.info("stopped")

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        await pace.wait("login")
        session = connection.open_session(pace, response_class=ShallowResponse)
        return kopf.AiohttpSession(server=connection.server, aiohttp_session=session)

    @kopf.on.probe(registry=registry, id="operator")
    async def alive(**_: object) -> dict[str, Any]:
        problems = operator.problems()
        if problems:
            raise kopf.PermanentError("; ".join(problems))
        return operator.report()

    @kopf.on.event(BINDING.group, BINDING.version, BINDING.plural, registry=registry)
    async def observed(event: kopf.RawEvent, **_: object) -> None:
        operator.observe(event["type"], dict(event["object"]))
