"""kopf in this process: its tasks log in, list and watch the bindings, and answer /healthz."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Collection

import kopf

from fiddler_kong_operator.errors import CannotListen, FiddlerKongError
from fiddler_kong_operator.kube.connection import Connection
from fiddler_kong_operator.settings import Settings

from .handlers import register
from .health import StartingServer
from .operator import Operator

__all__ = ["Shell", "stop_on_signals"]


def stop_on_signals(stop: asyncio.Event) -> None:
    """Have SIGTERM and SIGINT set the event."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


class Shell:
    """Starts and stops kopf.

    kopf looks for the bindings' definition once, so call `start` only when it is there. In the end kopf cancels every task of the process
    but the one that calls `stop`, so call `stop` last.
    """

    def __init__(self, settings: Settings, operator: Operator, connection: Connection, stop: asyncio.Event) -> None:
        """Nothing runs before `start`. Signals set `stop`, not kopf's own flag."""
        self._settings = settings
        self._operator = operator
        self._registry = kopf.OperatorRegistry()
        self._on_signal = stop
        self._stop = asyncio.Event()
        self._tasks: Collection[asyncio.Task[None]] = ()
        register(self._registry, operator, connection)

    def waiting(self) -> StartingServer:
        """A context that answers /healthz in kopf's place before `start`; CannotListen if it cannot be served."""
        return StartingServer(self._settings.health_host, self._settings.health_port)

    async def start(self) -> None:
        """Start kopf's tasks; CannotListen if /healthz cannot be served, which kopf would notice only after it has begun to work."""
        host, port = self._settings.health_host, self._settings.health_port
        if port:
            await _check(host, port)
        self._tasks = await kopf.spawn_tasks(
            registry=self._registry,
            standalone=True,
            clusterwide=not self._settings.namespaces,
            namespaces=list(self._operator.namespaces),
            liveness_endpoint=f"http://{host}:{port}/healthz" if port else None,
            stop_flag=self._stop,
        )
        stop_on_signals(self._on_signal)  # kopf has put its own handlers in their place

    async def failure(self) -> None:
        """Wait until kopf ends, and raise why: bindings are no longer watched (a deleted definition, a revoked permission)."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        error = next((task.exception() for task in done if not task.cancelled()), None)
        raise FiddlerKongError(f"bindings can no longer be watched, the process has to start again: {error}") from error

    async def stop(self) -> None:
        """Stop kopf and every other task that still runs."""
        self._stop.set()
        if self._tasks:
            with contextlib.suppress(Exception):  # `failure` has raised it
                await kopf.run_tasks(self._tasks)


async def _check(host: str, port: int) -> None:
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port, start_serving=False)
    except OSError as error:
        raise CannotListen("/healthz", host, port, "--health-port", error) from error
    server.close()
