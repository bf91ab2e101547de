"""Host name -> addresses, off the event loop and with a bound on what a hung DNS server can occupy."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["NameResolver", "Resolve"]

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""`await resolve(host, port)` gives the addresses as text, best first; OSError where there is none."""


class NameResolver:
    """The system's resolver in threads of its own: while DNS hangs, only probes wait for it."""

    def __init__(self, threads: int) -> None:
        """Resolve at most `threads` names at once."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="probe-dns")

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a host, or OSError (`socket.gaierror`)."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _lookup, host, port)

    def close(self) -> None:
        """Let go of the threads; a look-up under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _lookup(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
