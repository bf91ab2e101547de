"""A reverse proxy between one operator and the API server that records every request and injects the faults of its script.

It forwards one write at a time, in the order of arrival, so that "after the n-th write" is exactly one state of the cluster.
It drops requests of a killed operator that it has not forwarded yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Self
from weakref import WeakSet

import aiohttp
from aiohttp import web

from devcluster.listener import Listener
from tests.faults.script import (
    Answer,
    Cut,
    EndAtOnce,
    Fault,
    Hang,
    KillAfter,
    KillBefore,
    Late,
    Script,
    Silence,
    StaleList,
    Withhold,
)
from tests.faults.traffic import Call, read_call

__all__ = ["Exchange", "Proxy"]

_NOT_FORWARDED: Final = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})
_NOT_RETURNED: Final = frozenset({"content-length", "connection", "transfer-encoding"})
_OK: Final = range(200, 300)


@dataclass(frozen=True)
class Exchange:
    """A request and the HTTP status of the API server's answer; 0 if the request never arrived there."""

    call: Call
    status: int
    at: float = field(default_factory=time.monotonic)
    """When the answer came, on the monotonic clock."""

    @property
    def effective(self) -> bool:
        """Whether it may have changed an object."""
        return self.call.is_write and self.status in _OK


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Proxy:
    """`async with Proxy(server, trust) as proxy`, then the operator uses `proxy.url` as its API server."""

    server: str
    trust: ssl.SSLContext
    script: Script = field(default_factory=Script)
    exchanges: list[Exchange] = field(default_factory=list)
    kill: Callable[[], None] = lambda: None
    """Sends SIGKILL to the operator."""
    rejected_tokens: set[str] = field(default_factory=set)
    """Revoked tokens: requests with them are answered with 401."""
    unanswered: int = 0
    """Number of requests that found no API server, or lost the connection to it."""

    def __post_init__(self) -> None:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._listener = Listener(app)
        self._writing = asyncio.Lock()
        self._connections: WeakSet[asyncio.BaseTransport] = WeakSet()
        self._dead: WeakSet[asyncio.BaseTransport] = WeakSet()
        self._lists: dict[str, _Reply] = {}
        self._streams: dict[asyncio.Future[bytes], str] = {}

    async def __aenter__(self) -> Self:
        """Listen."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self.trust, limit=0), auto_decompress=False)
        await self._listener.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        self.end_watches()
        await self._listener.stop()
        await self._session.close()

    @property
    def url(self) -> str:
        """The operator's URL of the API server."""
        return self._listener.url

    def effective_writes(self) -> list[Call]:
        """The writes that took effect, in order."""
        return [exchange.call for exchange in tuple(self.exchanges) if exchange.effective]

    def end_watches(self, resource: str = "", error: int | None = None) -> None:
        """End every watch that is open, or those of a resource, with an ERROR event if `error` is a code. Call it in the proxy's loop."""
        for stream, watched in tuple(self._streams.items()):
            if not stream.done() and resource in ("", watched):
                stream.set_result(_error_event(error) if error else b"")

    def watches(self, resource: str) -> list[float]:
        """The moments, on the monotonic clock, at which watches of a resource were answered so far."""
        return [e.at for e in tuple(self.exchanges) if e.call.verb == "watch" and e.call.resource == resource]

    def bury(self) -> None:
        """Drop the requests of the last operator process that were not forwarded yet."""
        self._dead.update(self._connections)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._pass(request)
        except (ConnectionResetError, aiohttp.ClientError) as error:  # one end is gone: close the other end too
            self.unanswered += isinstance(error, aiohttp.ClientError)
            if request.transport is not None:
                request.transport.close()
            return web.Response()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            self._connections.add(request.transport)
        body = await request.read()
        call = read_call(request.method, request.raw_path, body)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") in self.rejected_tokens:
            return _refusal(Answer(401))
        if call.is_write:
            async with self._writing:
                return await self._serve(request, call, body)
        return await self._serve(request, call, body)

    async def _serve(self, request: web.Request, call: Call, body: bytes) -> web.StreamResponse:
        if self._is_dead(request):
            raise ConnectionResetError
        fault = self.script.fault_for(call)
        match fault:
            case KillBefore():
                self._kill()
                raise ConnectionResetError
            case Answer():
                self.exchanges.append(Exchange(call, 0))
                return _refusal(fault)
            case Hang(effective=False):
                self._leave_hanging(call)
                return await _hang(request)
            case EndAtOnce():
                self.exchanges.append(Exchange(call, 200))
                return web.Response(content_type="application/json")
            case Late():
                await asyncio.sleep(fault.seconds)
        if call.verb == "watch":
            return await self._watch(request, call)
        return await self._forward(request, call, body, fault)

    async def _forward(self, request: web.Request, call: Call, body: bytes, fault: Fault | None) -> web.StreamResponse:
        if isinstance(fault, StaleList) and request.raw_path in self._lists:
            return _response(self._lists[request.raw_path])
        reply = await self._ask(request, body)
        self.exchanges.append(Exchange(call, reply.status))
        if call.verb == "list":
            self._lists.setdefault(request.raw_path, reply)
        match fault:
            case KillAfter():
                self._kill()
                raise ConnectionResetError
            case Hang():
                return await _hang(request)
            case Cut():
                return await _cut(request, reply)
        return _response(reply)

    async def _ask(self, request: web.Request, body: bytes) -> _Reply:
        async with self._session.request(
            request.method, self._target(request), headers=_headers(request), data=body or None, allow_redirects=False
        ) as response:
            headers = {name: value for name, value in response.headers.items() if name.lower() not in _NOT_RETURNED}
            return _Reply(response.status, headers, await response.read())

    async def _watch(self, request: web.Request, call: Call) -> web.StreamResponse:
        timeout = aiohttp.ClientTimeout(total=None, sock_read=None)
        async with self._session.get(self._target(request), headers=_headers(request), timeout=timeout) as upstream:
            self.exchanges.append(Exchange(call, upstream.status))
            answer = web.StreamResponse(status=upstream.status, headers={"Content-Type": "application/json"})
            await answer.prepare(request)
            try:
                async for line in self._until_ended(upstream.content, call.resource):
                    fault = self.script.standing(call)
                    if not isinstance(fault, Silence) and not (isinstance(fault, Withhold) and fault.drops(json.loads(line))):
                        await answer.write(line)
            finally:
                _abort(upstream)
        return answer

    async def _until_ended(self, content: aiohttp.StreamReader, resource: str) -> AsyncIterator[bytes]:
        """Lines until the server, or `end_watches`, ends the watch."""
        end: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._streams[end] = resource
        lines = _lines(content)
        try:
            while True:
                line = asyncio.ensure_future(anext(lines, b""))
                await asyncio.wait({line, end}, return_when=asyncio.FIRST_COMPLETED)
                found = end.result() if end.done() else line.result()
                line.cancel()
                if found:
                    yield found
                if end.done() or not found:
                    return
        finally:
            del self._streams[end]

    def _kill(self) -> None:
        self.kill()
        self.bury()

    def _leave_hanging(self, call: Call) -> None:
        """Record the call, and let other writes pass while it hangs."""
        self.exchanges.append(Exchange(call, 0))
        if self._writing.locked():
            self._writing = asyncio.Lock()

    def _is_dead(self, request: web.Request) -> bool:
        return request.transport is None or request.transport in self._dead

    def _target(self, request: web.Request) -> str:
        return f"{self.server}{request.raw_path}"


def _abort(response: aiohttp.ClientResponse) -> None:
    """Abort an unfinished answer: the orderly end of TLS waits for the other side, and its loop may have stopped by then."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()


def _headers(request: web.Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.lower() not in _NOT_FORWARDED}


def _response(reply: _Reply) -> web.Response:
    return web.Response(status=reply.status, headers=reply.headers, body=reply.body)


def _status(code: int, message: str, retry_after: int | None = None) -> dict[str, Any]:
    details = {"retryAfterSeconds": retry_after} if retry_after else {}
    reason = {409: "Conflict", 410: "Expired", 422: "Invalid", 429: "TooManyRequests"}.get(code, "InternalError")
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code}
    return {**status, "details": details}


def _refusal(fault: Answer) -> web.Response:
    headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else None
    return web.json_response(_status(fault.status, fault.message, fault.retry_after), status=fault.status, headers=headers)


def _error_event(code: int) -> bytes:
    return json.dumps({"type": "ERROR", "object": _status(code, "injected")}).encode() + b"\n"


async def _hang(request: web.Request) -> web.StreamResponse:
    """Wait until the client gives up; aiohttp has no event for that."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0.1)
    raise ConnectionResetError


async def _cut(request: web.Request, reply: _Reply) -> web.StreamResponse:
    answer = web.StreamResponse(status=reply.status, headers={**reply.headers, "Content-Length": str(len(reply.body))})
    await answer.prepare(request)
    await answer.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return answer


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Whole lines of any length with their line ends, finally the rest. A broken connection counts as the end."""
    rest = b""
    with contextlib.suppress(aiohttp.ClientError):
        async for chunk in content.iter_any():
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line + b"\n"
    if rest:
        yield rest
