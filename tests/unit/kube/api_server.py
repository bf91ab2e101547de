"""An HTTP server on loopback that answers as an API server would, or as what stands in front of one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import trustme
from aiohttp import web
from kubernetes.aio.client import Configuration

from fiddler_kong_operator.errors import NoCluster
from fiddler_kong_operator.kube.client import Client, RequestObserver
from fiddler_kong_operator.kube.connection import Connection, Fence
from fiddler_kong_operator.kube.objects import Manifest

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKEN, NEXT_TOKEN = "the-first-token", "the-next-token"
ROOT = trustme.CA().cert_pem.bytes().decode()
"""One root to trust: loading the system's takes a tenth of a second for each client."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    text: str

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class ApiServer:
    """Gives its answers in turn; `asked` is what it was asked."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.asked: list[Asked] = []
        self._answers = list(answers)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        content = json.loads(body) if body else None
        self.asked.append(Asked(request.method, request.path, dict(request.query), headers, content, body.decode()))
        return await self._answers.pop(0)(request)


def answer(body: Any, code: int = 200, **headers: str) -> Answer:
    """JSON, or text as it is."""
    text = body if isinstance(body, str) else json.dumps(body)

    async def respond(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(text=text, status=code, headers=named, content_type="application/json")

    return respond


def failure(code: int, message: str = "", reason: str = "", **details: Any) -> Manifest:
    """The Status object of an error."""
    found = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": reason}
    return {**found, "details": details} if details else found


def refusal(code: int, message: str = "", reason: str = "", **details: Any) -> Answer:
    """An error, as an answer."""
    return answer(failure(code, message, reason, **details), code)


def stream(*chunks: bytes, cut: bool = False) -> Answer:
    """A body in these chunks; cut off before its end where `cut`."""

    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0)
        if cut and request.transport:
            request.transport.close()
        return response

    return respond


async def hang_up(request: web.Request) -> web.StreamResponse:
    """No answer at all."""
    if request.transport:
        request.transport.close()
    return web.Response()


def configuration(host: str, token: str | None = TOKEN) -> Configuration:
    found = Configuration(host=host)
    found.ca_cert_data = ROOT
    if token:
        found.api_key, found.api_key_prefix = {"BearerToken": token}, {"BearerToken": "Bearer"}
    return found


@contextlib.asynccontextmanager
async def running(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[ApiServer, str]]:
    """A server and its URL."""
    server = ApiServer(answers)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield server, f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def proxying() -> AsyncIterator[tuple[list[str], str]]:
    """An HTTP proxy that only tunnels: the addresses it was asked to connect to, and its URL."""
    asked: list[str] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(2**16):
                writer.write(chunk)
        writer.close()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
        host, _, port = asked[-1].rpartition(":")
        to_reader, to_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(pump(reader, to_writer), pump(to_reader, writer))

    listening = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    async with listening:
        yield asked, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


@contextlib.asynccontextmanager
async def connected(
    *answers: Answer, fence: Fence = lambda: None, on_request: RequestObserver | None = None, next_token: str | None = NEXT_TOKEN
) -> AsyncIterator[tuple[ApiServer, Client]]:
    """A server and a client of it, which is given `next_token` where it asks for new credentials."""
    async with running(*answers) as (server, url):

        async def load() -> Configuration:
            if next_token is None:
                raise NoCluster("nothing newer")
            return configuration(url, next_token)

        async with Client(Connection(configuration(url), load), fence=fence, on_request=on_request) as client:
            yield server, client
