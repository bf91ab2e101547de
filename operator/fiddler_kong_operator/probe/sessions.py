"""HTTP sessions to a server that a binding names: safe for any URL in a binding and any server behind it.

- The name is resolved once, each address is checked (`plan.acceptance.endpoint`), and the connection is pinned to the addresses that
  passed, so a name that resolves differently a moment later (DNS rebinding) reaches nothing.
- Compressed answers are not unpacked. The caller sets the time limit, reads a limited number of bytes, and follows no redirects.
- Proxies from the environment are not used: Kong's exporter does not use them either, and a connection through one cannot be pinned.
"""

from __future__ import annotations

import email.utils
import socket
from collections.abc import Callable
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from fiddler_kong_operator import __version__, names
from fiddler_kong_operator.plan.acceptance.endpoint import Endpoint, usable_addresses
from fiddler_kong_operator.settings import ProbeSettings

from .certificate import ChainResponse
from .resolver import NameResolver, Resolve
from .target import ProbeTarget
from .trust import TrustStore

__all__ = ["Sessions", "read_at_most"]

_LONGEST_RETRY_AFTER: Final = 3600.0
_RATE_LIMITED: Final = frozenset({429, 503})
"""Statuses with a Retry-After that counts."""


class Sessions:
    """Opens the sessions. It holds no connection and no state about targets."""

    def __init__(self, settings: ProbeSettings, threads: int, resolve: Resolve | None, wall_clock: Callable[[], float]) -> None:
        """Read the CA bundle; CannotTrust if it cannot be read. Without `resolve`, at most `threads` names are resolved at once.

        `wall_clock` returns seconds since the epoch.
        """
        self._settings = settings
        self._names = NameResolver(threads)
        self._resolve: Resolve = resolve or self._names
        self._now = wall_clock
        self.trust = TrustStore(settings.ca_file)
        """The certificates that the sessions trust."""

    def close(self) -> None:
        """Release the resolver's threads."""
        self._names.close()

    async def addresses(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The checked addresses of an endpoint; RefusedAddress, or OSError or UnicodeError (a label that DNS cannot hold)."""
        return usable_addresses(await self._resolve(endpoint.host, endpoint.port), endpoint, self._settings.allowed_addresses)

    def open(self, target: ProbeTarget, addresses: tuple[str, ...]) -> aiohttp.ClientSession:
        """A session with the target's headers that connects to these addresses only."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=_Pinned(addresses), use_dns_cache=False, ssl=self.trust.context()),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_headers(target),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            response_class=ChainResponse,
            auto_decompress=False,
            trust_env=False,
        )

    def retry_after(self, response: aiohttp.ClientResponse) -> float | None:
        """Seconds that the server asks to wait, up to an hour; None where it does not."""
        value = response.headers.get("Retry-After") if response.status in _RATE_LIMITED else None
        if value is None:
            return None
        return _bounded(_seconds(value.strip(), self._now()))


async def read_at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, or its first `limit` + 1 bytes if it is longer."""
    body = bytearray()
    while len(body) <= limit and (chunk := await response.content.read(limit + 1 - len(body))):
        body += chunk
    return bytes(body)


class _Pinned(AbstractResolver):
    """Resolves every name to the checked addresses."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        del family  # each address has its own
        return [_resolved(host, address, port) for address in self._addresses]

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def _resolved(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST)


def _headers(target: ProbeTarget) -> dict[str, str]:
    return {
        **({"Authorization": f"Bearer {target.key}"} if target.key_sent else {}),
        names.APPLICATION_ID_HEADER: target.application_id,
        "Accept-Encoding": "identity",
        "User-Agent": f"{names.APPLICATION}/{__version__}",
        "X-Fiddler-Client-Name": names.APPLICATION,
        "X-Fiddler-Client-Version": __version__,
    }


def _seconds(value: str, now: float) -> float | None:
    """A Retry-After in seconds from now: a number or an HTTP date (RFC 9110, 10.2.3); None for anything else."""
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return email.utils.parsedate_to_datetime(value).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None


def _bounded(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)
