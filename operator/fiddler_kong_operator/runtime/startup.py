"""Starts the operator and ends it in order.

kopf starts first, since it answers /healthz, also on a replica that waits for the lease. Then: list every kind once, become leader, work.
On SIGTERM the way back: workers drain, the lease is released, kopf stops. kopf cancels every task younger than itself when it ends, so our
work has to be over before kopf is told to stop; that is why the signals are handled here.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import signal
import socket
from collections.abc import Collection
from typing import Final

import kopf

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import FiddlerKongError
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.election import LeaseElector, NoElection
from fiddler_kong_operator.kube.metrics import Metrics, MetricsServer
from fiddler_kong_operator.settings import Settings

from .handlers import register
from .logs import configure_logging
from .operator import Operator, first_of

try:  # TLS and sockets cost about half of what asyncio's own loop takes for them: docs/benchmarks.md
    from uvloop import new_event_loop
except ImportError:  # not made for Windows
    from asyncio import new_event_loop  # type: ignore[assignment]

__all__ = ["run"]

logger: Final = logging.getLogger(__name__)

Elector = LeaseElector | NoElection

YOUNG: Final = (20_000, 20, 20)
"""Thresholds of Python's collector of cycles. Next to nothing here makes any, and what is observed stays: with Python's own (700, 10, 10)
its walks through all that take a third of the time of deciding, at 2,000 bindings."""

HEAD_START: Final = 2.0
"""Seconds; kopf looks through the API server's groups before it watches, which takes a tenth of that where nothing else happens."""


def run(settings: Settings) -> int:
    """Run the operator until SIGTERM or SIGINT; returns the exit code: 0 after those, 1 after a lost lease or a failure."""
    configure_logging(settings.log_format, settings.log_level)
    gc.set_threshold(*YOUNG)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(_run(settings))
    except FiddlerKongError as error:
        logger.error("cannot go on: %s", error)  # noqa: TRY400 - an expected end; its text says what to do, a traceback would not
        return 1


async def _run(settings: Settings) -> int:
    metrics = Metrics()

    def fence() -> None:
        elector.check()

    client = await Client.connect(fence=fence, on_request=metrics.count_request)
    elector = _elector(settings, client)
    metrics.watch_leader(lambda: elector.leading)
    async with client, MetricsServer(metrics, settings.metrics_host, settings.metrics_port):
        operator = Operator(settings, client, metrics)
        return await _live(settings, operator, elector)


def _elector(settings: Settings, client: Client) -> Elector:
    if settings.lease_namespace is None:
        return NoElection()
    identity = f"{socket.gethostname()}_{os.getpid()}_{secrets.token_hex(4)}"
    return LeaseElector(
        client, namespace=settings.lease_namespace, name=names.APPLICATION, identity=identity, duration=settings.lease_duration
    )


async def _live(settings: Settings, operator: Operator, elector: Elector) -> int:
    stop, kopf_stop = asyncio.Event(), asyncio.Event()
    work = asyncio.create_task(_work(operator, elector), name="work")
    end = asyncio.create_task(_end(operator, elector, work, stop, kopf_stop), name="end")
    registry = kopf.OperatorRegistry()
    register(registry, operator)
    ignored = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=registry,
        standalone=True,
        clusterwide=not settings.namespaces,
        namespaces=list(settings.namespaces),
        liveness_endpoint=f"http://{settings.health_host}:{settings.health_port}/healthz" if settings.health_port else None,
        stop_flag=kopf_stop,
        memo=(),  # or kopf makes one for each binding
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ended = await _serve(tasks, ignored)
    stop.set()
    return max(await end, ended)


async def _serve(tasks: Collection[asyncio.Task[None]], ignored: Collection[asyncio.Task[None]]) -> int:
    """Run kopf until it stops; 1 where it ends by itself: its watch gives up on a deleted definition or a revoked permission."""
    try:
        await kopf.run_tasks(tasks, ignored=ignored)
    except Exception as error:  # noqa: BLE001 - kopf's own errors are private; all mean that bindings are no longer watched
        logger.error("bindings can no longer be watched, the process has to start again: %s", error)  # noqa: TRY400 - not a bug of ours
        return 1
    return 0


async def _work(operator: Operator, elector: Elector) -> None:
    """List, lead, work; ends only by an exception, NotLeader when the lease is lost."""
    logger.info("listing every kind once")
    await operator.list_everything(HEAD_START)
    await elector.acquire()
    logger.info("leading; reconciling begins")
    operator.start()
    first_look = asyncio.create_task(_tell_of_first_look(operator), name="first look")
    try:
        await first_of(elector.keep(), operator.failure())
    finally:
        first_look.cancel()


async def _tell_of_first_look(operator: Operator) -> None:
    """Say when a restart is over, for whoever waits for it."""
    clock = asyncio.get_running_loop().time
    started = clock()
    number = await operator.first_look()
    logger.info("all bindings looked at: %d, in %.1f s", number, clock() - started)


async def _end(operator: Operator, elector: Elector, work: asyncio.Task[None], stop: asyncio.Event, kopf_stop: asyncio.Event) -> int:
    """Wait for a signal or for the work to fail, then take everything down in order; the exit code."""
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({stopped, work}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    error = work.exception() if work.done() and not work.cancelled() else None
    if error:
        logger.error("the work has ended: %s", error, exc_info=None if isinstance(error, FiddlerKongError) else error)
    if not operator.started:  # or it could start after it was stopped
        await _cancel(work)
    await operator.stop()
    await _cancel(work)
    await elector.release()
    kopf_stop.set()
    return 1 if error else 0


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
