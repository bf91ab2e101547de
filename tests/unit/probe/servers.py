"""Servers on loopback that answer, or fail to answer, in every way the probe tells apart."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Fiddler:
    """A server whose answers are set by the test; it remembers what it was asked."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/x-protobuf"})
    body: bytes = b""
    application_status: int = 200
    application_body: bytes = b'{"data": {"id": "x", "name": "assistant"}}'
    application_hangs: bool = False
    spans_status: int = 200
    spans_headers: dict[str, str] = field(default_factory=dict)
    spans_bodies: list[bytes] = field(default_factory=list)
    """The answers to queries, the last one repeated."""
    spans_hang: bool = False
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    async def traces(self, request: web.Request) -> web.Response:
        await self._note(request)
        return web.Response(status=self.status, body=self.body, headers=self.headers)

    async def application(self, request: web.Request) -> web.Response:
        await self._note(request)
        if self.application_hangs:
            await asyncio.sleep(3600)
        return web.Response(status=self.application_status, body=self.application_body, content_type="application/json")

    async def spans(self, request: web.Request) -> web.Response:
        await self._note(request)
        if self.spans_hang:
            await asyncio.sleep(3600)
        body = self.spans_bodies.pop(0) if len(self.spans_bodies) > 1 else self.spans_bodies[0] if self.spans_bodies else b""
        return web.Response(status=self.spans_status, body=body, headers={"Content-Type": "application/json", **self.spans_headers})

    async def _note(self, request: web.Request) -> None:
        self.requests.append((request.method, request.path, {k.lower(): v for k, v in request.headers.items()}, await request.read()))


@contextlib.asynccontextmanager
async def serving(fiddler: Fiddler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Fiddler]:
    """Run the server on a free port."""
    app = web.Application()
    app.router.add_post("/v1/traces", fiddler.traces)
    app.router.add_get("/v3/applications/{id}", fiddler.application)
    app.router.add_post("/v3/spans/query", fiddler.spans)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    fiddler.port = runner.addresses[0][1]
    try:
        yield fiddler
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def raw_server(serve: Serve) -> AsyncIterator[int]:
    """Run a server that writes whatever it likes; gives its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await serve(reader, writer)
                await writer.drain()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(handle(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
