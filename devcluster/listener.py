"""Serves an aiohttp application on one loopback port, for every stand-in in this folder."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Listener"]


class Listener:
    """Serves `app` on `host` at `port`, or at a free port if `port` is 0; over TLS with `tls`. `url` is known after the start."""

    def __init__(self, app: web.Application, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
        self._host, self._port, self._tls = host, port, tls

    @property
    def url(self) -> str:
        """Base URL without a trailing slash; only valid between `start` and `stop`."""
        host, port = self._runner.addresses[0][:2]
        return f"{'https' if self._tls else 'http'}://{host}:{port}"

    async def start(self) -> None:
        """Listen. Raises `OSError` if the port is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls).start()

    async def stop(self) -> None:
        """Stop listening; unfinished requests get one second."""
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()
