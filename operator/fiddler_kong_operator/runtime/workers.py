"""The workers: take a key, reconcile it, and map the result to the next wake. Unexpected exceptions of a pass are caught only here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import FiddlerKongError, NotLeader, Refused, Stalled, Transient
from fiddler_kong_operator.kube.metrics import Metrics, ReconcileResult
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.kube.queue import QueueClosed, WorkQueue

__all__ = ["Workers"]

logger: Final = logging.getLogger(__name__)

UNFINISHED: Final = 5.0
"""A key that is due again within that many seconds continues in its lane: it waits for a first answer, not for time to pass."""

Reconcile = Callable[[ObjectKey], Awaitable[float | None]]
"""Reconciles one key; returns the seconds until it is due again, or None."""


class Workers:
    """A fixed number of tasks that serve the queue: keys of kind FiddlerKongBinding by `binding`, all others by `workload`."""

    def __init__(self, queue: WorkQueue[ObjectKey], binding: Reconcile, workload: Reconcile, number: int, metrics: Metrics) -> None:
        """`number` tasks, once started."""
        self._queue = queue
        self._binding = binding
        self._workload = workload
        self._number = number
        self._metrics = metrics
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start to work; call it once, when every kind has been listed and this process leads."""
        self._tasks = [asyncio.create_task(self._work(), name=f"worker-{n}") for n in range(self._number)]

    @property
    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """The tasks that run from `start` to `stop`."""
        return self._tasks

    async def stop(self, seconds: float) -> None:
        """Let the work under way finish within that time, then cancel it. The next leader does the rest."""
        self._queue.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
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
        started = time.perf_counter()
        result = await self._reconcile(key)
        self._metrics.count_reconciliation(key.kind, result, time.perf_counter() - started)

    async def _reconcile(self, key: ObjectKey) -> ReconcileResult:
        reconcile = self._binding if key.kind == names.KIND else self._workload
        try:
            due_in = await reconcile(key)
        except NotLeader:
            logger.warning("%s: not reconciled, the lease is lost", key, extra={"object": str(key)})
            return "not_leader"
        except FiddlerKongError as error:
            return self._retry(key, error)
        except Exception:  # the edge: a bug that one binding meets must not stop the others; it is logged, counted and retried
            pause = self._queue.retry(key)
            self._metrics.count_bug(key.kind)
            logger.exception("%s: a bug in the operator, please report it; trying again in %.1f s", key, pause, extra={"object": str(key)})
            return "bug"
        self._queue.succeeded(key)
        if due_in is not None and due_in <= UNFINISHED:
            self._queue.resume_after(key, due_in)
        elif due_in is not None:
            self._queue.add_after(key, due_in)
        return "success"

    def _retry(self, key: ObjectKey, error: FiddlerKongError) -> ReconcileResult:
        """Queue the key again; returns the result to count.

        Stale or Gone: the object changed meanwhile. Refused or Stalled, outside a plan: a permission is missing, for example.
        """
        pause = self._queue.retry(key, after=error.retry_after if isinstance(error, Transient) else None)
        level = logging.WARNING if isinstance(error, Refused) else logging.INFO
        logger.log(level, "%s: %s; trying again in %.1f s", key, error, pause, extra={"object": str(key)})
        if isinstance(error, Transient):
            return "transient"
        return "refused" if isinstance(error, (Refused, Stalled)) else "stale"
