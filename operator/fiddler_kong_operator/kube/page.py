"""A server of one page over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Self

from aiohttp import web

from fiddler_kong_operator.errors import CannotListen

__all__ = ["PageServer"]


class PageServer:
    """Serves GET of one path, 405 for its other methods and 404 for other paths; an async context manager."""

    def __init__(self, path: str, answer: Callable[[], Awaitable[web.Response]], host: str, port: int, flag: str) -> None:
        """Port 0 switches it off; `flag` is the command-line flag that sets the port, for the text of errors."""
        self._path = path
        self._compose = answer
        self._host = host
        self._port = port
        self._flag = flag
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Listen; CannotListen if the address cannot be used."""
        if self._port:
            app = web.Application()
            app.router.add_get(self._path, self._answer)
            self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
            await self._runner.setup()
            await self._listen(self._runner)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        if self._runner:
            await self._runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            raise CannotListen(self._path, self._host, self._port, self._flag, error) from error

    async def _answer(self, _: web.Request) -> web.Response:
        return await self._compose()
