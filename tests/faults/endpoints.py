"""A trace endpoint over TLS that misbehaves on request, for the probe of a running operator."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

import trustme

__all__ = ["MODES", "Endpoint"]

_CHUNK: Final = b"x" * (1 << 20)
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_HUGE: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 10737418240\r\n\r\n"
_LOOP: Final = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /v1/traces\r\nContent-Length: 0\r\n\r\n"

Serve = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def _sent(writer: asyncio.StreamWriter) -> None:
    """Like `drain`, but lets the loop notice that the client has stopped reading."""
    await asyncio.sleep(0)
    await writer.drain()


async def _well(writer: asyncio.StreamWriter) -> None:
    writer.write(_OK)


async def _drip(writer: asyncio.StreamWriter) -> None:
    """The right answer, one byte a second."""
    for byte in _OK:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


async def _flood(writer: asyncio.StreamWriter) -> None:
    """Ten gigabytes, as fast as the client reads."""
    writer.write(_HUGE)
    for _ in range(10 * 1024):
        writer.write(_CHUNK)
        await _sent(writer)


async def _endless_head(writer: asyncio.StreamWriter) -> None:
    """A head that does not end for a gigabyte."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1 << 20):
        writer.write(b"X-Filler-%d: " % number + b"y" * 1000 + b"\r\n")
        await _sent(writer)


async def _redirect(writer: asyncio.StreamWriter) -> None:
    writer.write(_LOOP)


async def _silent(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def _rude(writer: asyncio.StreamWriter) -> None:
    writer.write(_OK[:20])


MODES: Final[dict[str, Serve]] = {
    "well": _well,
    "byte by byte": _drip,
    "ten gigabytes": _flood,
    "an endless head": _endless_head,
    "a redirect to itself": _redirect,
    "silence": _silent,
    "half an answer": _rude,
}


class Endpoint:
    """`async with Endpoint(folder) as endpoint`; `mode` and `present` change it while it runs."""

    def __init__(self, folder: Path) -> None:
        """Writes the CA bundle to `folder`."""
        self._authority = trustme.CA()
        self.bundle = folder / "bundle.pem"
        self._authority.cert_pem.write_to_path(str(self.bundle))
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.mode = "well"
        self.asked = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.present()

    def present(self, *, expired: bool = False, trusted: bool = True) -> None:
        """The certificate for connections from now on."""
        end = datetime.now(UTC) + timedelta(days=-1 if expired else 30)
        authority = self._authority if trusted else trustme.CA()
        authority.issue_cert("127.0.0.1", not_before=end - timedelta(days=60), not_after=end).configure_cert(self._context)

    @property
    def url(self) -> str:
        """The value for `spec.fiddler.url`."""
        return f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                self.asked += 1
                await MODES[self.mode](writer)
                await writer.drain()
        finally:
            self._tasks.discard(task)
            writer.close()
