"""The workers: take a key, reconcile it, map what came of it to the next wake. The one place where an unexpected exception is caught."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import FiddlerKongError, NotLeader, Refused
from fiddler_kong_operator.kube.metrics import Numbers
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.kube.queue import QueueClosed, WorkQueue

__all__ = ["Workers"]

logger: Final = logging.getLogger(__name__)

Reconcile = Callable[[ObjectKey], Awaitable[float | None]]
"""Reconciles one key; returns seconds until it wants to be looked at again, or None."""


class Workers:
    """A fixed number of tasks that serve the queue: keys of kind FiddlerKongBinding by `binding`, all others by `workload`."""

    def __init__(
        self, queue: WorkQueue[ObjectKey], binding: Reconcile, workload: Reconcile, number: int, numbers: Numbers | None = None
    ) -> None:
        """`number` tasks, once started. `numbers` counts `reconciliations` and `bugs` (unexpected exceptions), by the kind of the key."""
        self._queue = queue
        self._binding = binding
        self._workload = workload
        self._number = number
        self._numbers = numbers or Numbers()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work; called once, when every kind has been listed and this process leads."""
        self._tasks = [asyncio.create_task(self._work(), name=f"worker-{n}") for n in range(self._number)]

    @property
    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Tasks that run from `start` to `stop`."""
        return self._tasks

    async def stop(self, patience: float) -> None:
        """Let work under way finish for `patience` seconds, then cancel it; what was not done is done by the next leader."""
        self._queue.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        with contextlib.suppress(QueueClosed):
            while True:
                key = await self._queue.get()
                try:
                    await self._serve(key)
                finally:
                    self._queue.done(key)

    async def _serve(self, key: ObjectKey) -> None:
        reconcile = self._binding if key.kind == names.KIND else self._workload
        self._numbers.count("reconciliations", kind=key.kind)
        try:
            wake = await reconcile(key)
        except NotLeader:
            logger.warning("%s: left alone, the lease is lost", key, extra={"object": str(key)})
        except FiddlerKongError as error:  # Stale, Gone, Transient: the world moved on; Refused outside a plan: a permission is missing
            pause = self._queue.retry(key, after=getattr(error, "retry_after", None))
            level = logging.WARNING if isinstance(error, Refused) else logging.INFO
            logger.log(level, "%s: %s; trying again in %.1f s", key, error, pause, extra={"object": str(key)})
        except Exception:  # the edge: a bug met by one binding must not stop the others; it is loud, counted and retried
            pause = self._queue.retry(key)
            self._numbers.count("bugs", kind=key.kind)
            logger.exception("%s: a bug in the operator, please report it; trying again in %.1f s", key, pause, extra={"object": str(key)})
        else:
            self._queue.succeeded(key)
            if wake is not None:
                self._queue.add_after(key, wake)
