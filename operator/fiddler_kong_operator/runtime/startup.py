"""Starts the operator and stops it in order.

List the bindings; start kopf, which answers /healthz from then on, also while the replica waits for the lease; list every other kind;
lead; reconcile. On SIGTERM, or where any of these fails, in the reverse order: the workers drain, the lease is released, kopf stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import socket
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import FiddlerKongError
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.election import LeaseElector, NoElection
from fiddler_kong_operator.kube.metrics import Metrics, MetricsServer
from fiddler_kong_operator.settings import Settings

from .logs import configure_logging
from .operator import Operator, first_of
from .shell import Shell, stop_on_signals

try:  # TLS and sockets cost about half of what asyncio's own loop takes for them: docs/benchmarks.md
    from uvloop import new_event_loop
except ImportError:  # not made for Windows
    from asyncio import new_event_loop  # type: ignore[assignment]

__all__ = ["live", "run"]

logger: Final = logging.getLogger(__name__)

Elector = LeaseElector | NoElection

YOUNG: Final = (20_000, 20, 20)
"""Thresholds of Python's collector of cycles. Hardly anything here makes cycles, and observed objects stay: with Python's own thresholds
(700, 10, 10) the collector takes a third of the CPU time of decisions at 2,000 bindings."""


def run(settings: Settings) -> int:
    """Run the operator until SIGTERM or SIGINT; returns the exit code: 0 after those, 1 after a lost lease or a failure."""
    configure_logging(settings.log_format, settings.log_level)
    gc.set_threshold(*YOUNG)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(_run(settings))
    except FiddlerKongError as error:
        logger.error("cannot start: %s", error)  # noqa: TRY400 - an expected end; its text says what to do, a traceback would not
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
        stop = asyncio.Event()
        stop_on_signals(stop)
        return await live(operator, elector, Shell(settings, operator, client.connection, stop), stop)


def _elector(settings: Settings, client: Client) -> Elector:
    if settings.lease_namespace is None:
        return NoElection()
    identity = f"{socket.gethostname()}_{os.getpid()}_{secrets.token_hex(4)}"
    return LeaseElector(
        client, namespace=settings.lease_namespace, name=names.APPLICATION, identity=identity, duration=settings.lease_duration
    )


async def live(operator: Operator, elector: Elector, shell: Shell, stop: asyncio.Event) -> int:
    """Work until `stop` is set or something fails, then stop everything in order; returns the exit code."""
    work = asyncio.create_task(_work(operator, elector, shell), name="work")
    try:
        async with contextlib.AsyncExitStack() as stack:  # calls all of these, the last one first, even if one raises
            stack.push_async_callback(shell.stop)
            stack.push_async_callback(elector.release)
            stack.push_async_callback(_cancel, work)
            stack.push_async_callback(_drain, operator, work)
            code = await _until_end(work, stop)
    except Exception:
        logger.exception("a bug in the operator, please report it; it has not stopped in order")
        return 1
    return code


async def _work(operator: Operator, elector: Elector, shell: Shell) -> None:
    """List, start kopf, lead, reconcile. Ends only by an exception."""
    logger.info("listing every kind once")
    async with shell.waiting():
        await operator.list_bindings()
    await shell.start()
    await first_of(_lead(operator, elector), shell.failure())


async def _lead(operator: Operator, elector: Elector) -> None:
    """Ends only by an exception, NotLeader when the lease is lost."""
    await operator.list_others()
    await first_of(elector.acquire(), operator.failure())
    logger.info("leading; reconciling begins")
    operator.start()
    first_look = asyncio.create_task(_log_first_look(operator), name="first look")
    try:
        await first_of(elector.keep(), operator.failure())
    finally:
        first_look.cancel()


async def _log_first_look(operator: Operator) -> None:
    """Log when every binding was looked at after a restart."""
    clock = asyncio.get_running_loop().time
    started = clock()
    number = await operator.first_look()
    logger.info("all bindings looked at: %d, in %.1f s", number, clock() - started)


async def _until_end(work: asyncio.Task[None], stop: asyncio.Event) -> int:
    """Wait for `stop`, or for the work to fail, which is logged; returns the exit code."""
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({stopped, work}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    error = work.exception() if work.done() else None
    if error:
        logger.error("the work has ended: %s", error, exc_info=None if isinstance(error, FiddlerKongError) else error)
    return 1 if error else 0


async def _drain(operator: Operator, work: asyncio.Task[None]) -> None:
    """Stop the operator while the work keeps the lease. Work that has not started it is cancelled first, or it could start it still."""
    if not operator.started:
        await _cancel(work)
    await operator.stop()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
