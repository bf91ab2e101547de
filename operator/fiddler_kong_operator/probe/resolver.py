"""Host name -> addresses, outside the event loop and with a limit on the threads a hung DNS server can block."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["NameResolver", "Resolve"]

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""`await resolve(host, port)` returns the addresses as text, best first; OSError if there are none."""


class NameResolver:
    """The system's resolver in its own threads: while DNS hangs, only probes wait for it."""

    def __init__(self, threads: int) -> None:
        """Resolve at most `threads` names at once."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="probe-dns")

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a host, or OSError (`socket.gaierror`)."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _lookup, host, port)

    def close(self) -> None:
        """Release the threads; look-ups under way end on their own."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _lookup(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
