"""The probe: sends an empty OTLP export as Kong will send it, and returns the verdict on the answer.

It is safe for any URL in a binding and any server behind it:

- The name is resolved once, each address is checked (`plan.acceptance.endpoint`), and the connection is pinned to the addresses that
  passed, so a name that resolves differently a moment later (DNS rebinding) reaches nothing.
- The whole probe has a time limit, the body a size limit (`BODY_LIMIT`). Redirects are not followed, compressed answers not unpacked.
- Proxies from the environment are not used: Kong's exporter does not use them either, and a connection through one cannot be pinned.
- Of what the server wrote, only the status code, the application's name, and the dates and host names of a wrong certificate get into a
  result; the names only of hosts that anybody can ask, or that the administrator allows.
"""

from __future__ import annotations

import asyncio
import email.utils
import errno
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from fiddler_kong_operator import __version__, names
from fiddler_kong_operator.plan.acceptance.endpoint import (
    COLLECTOR,
    Endpoint,
    RefusedAddress,
    may_disclose,
    parse_endpoint,
    usable_addresses,
)
from fiddler_kong_operator.plan.snapshot import ProbeResult
from fiddler_kong_operator.settings import ProbeSettings

from .application import Application, Known, read_application, read_at_most
from .certificate import ChainResponse, classify, describe_dates, describe_names, read_certificate
from .resolver import NameResolver, Resolve
from .target import Answer, ProbeTarget
from .trust import TrustStore
from .verdict import BODY_LIMIT, Reply, judge_failure, judge_reply

__all__ = ["TraceProber"]

LONGEST_RETRY_AFTER: Final = 3600.0
_REACHABLE: Final = "Reachable"
_RATE_LIMITED: Final = frozenset({429, 503})
"""Statuses with a Retry-After that counts."""


@dataclass(frozen=True, slots=True)
class _Probe:
    """One probe: what is asked, by which checked addresses, and until when (on the loop's clock)."""

    target: ProbeTarget
    endpoint: Endpoint
    addresses: tuple[str, ...]
    deadline: float


class TraceProber:
    """Probes trace endpoints. One for the whole process; it holds no connection and no state about targets."""

    def __init__(self, settings: ProbeSettings, *, resolve: Resolve | None = None, wall_clock: Callable[[], float] = time.time) -> None:
        """Read the CA bundle; OSError if it cannot be read. `resolve` and `wall_clock` (seconds since the epoch) are for tests."""
        self._settings = settings
        self._trust = TrustStore(settings.ca_file)
        self._own_resolver = NameResolver(settings.concurrency) if resolve is None else None
        self._resolve: Resolve = resolve or self._own_resolver or NameResolver(1)
        self._now = wall_clock

    def close(self) -> None:
        """Release the resolver's threads."""
        if self._own_resolver:
            self._own_resolver.close()

    async def ask(self, target: ProbeTarget) -> Answer:
        """Probe once, within `settings.timeout` seconds for each hop. Never raises because of the server.

        The first hop that is not as it should be decides, and the message says which it is.
        """
        if target.collector is None:
            return await self._ask_hop(target)
        first = await self._ask_hop(target.to_collector(target.collector))
        if first.result.reason != _REACHABLE:
            return _said("First hop, the collector:", first)
        second = await self._ask_hop(target.behind_collector())
        return _said(first.result.message if second.result.reason == _REACHABLE else "Second hop, Fiddler:", second)

    async def _ask_hop(self, target: ProbeTarget) -> Answer:
        try:
            endpoint = parse_endpoint(target.url, allow_http=self._settings.allow_http, hop=target.hop)
        except RefusedAddress as refusal:
            return Answer(ProbeResult("AddressRefused", str(refusal)))
        return await self._ask(target, endpoint, asyncio.get_running_loop().time() + self._settings.timeout)

    async def _ask(self, target: ProbeTarget, endpoint: Endpoint, deadline: float) -> Answer:
        try:
            async with asyncio.timeout_at(deadline):
                addresses = usable_addresses(await self._resolve(endpoint.host, endpoint.port), endpoint, self._settings.allowed_addresses)
        except RefusedAddress as refusal:
            return Answer(ProbeResult("AddressRefused", str(refusal)))
        except TimeoutError:
            return Answer(judge_failure("ProbeTimeout", endpoint))
        except (OSError, UnicodeError):  # UnicodeError: a label that DNS cannot hold
            return Answer(judge_failure("NameNotResolved", endpoint))
        async with self._session(target, addresses) as session:
            answer = await self._export(session, _Probe(target, endpoint, addresses, deadline))
            return await self._with_application(answer, session, target, deadline)

    def _session(self, target: ProbeTarget, addresses: tuple[str, ...]) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=_Pinned(addresses), use_dns_cache=False, ssl=self._trust.context()),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_headers(target),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            response_class=ChainResponse,
            auto_decompress=False,
            trust_env=False,
        )

    async def _export(self, session: aiohttp.ClientSession, probe: _Probe) -> Answer:
        try:
            async with asyncio.timeout_at(probe.deadline):
                return await self._post(session, probe.target)
        except TimeoutError:
            return Answer(judge_failure("ProbeTimeout", probe.endpoint))
        except aiohttp.ClientConnectorCertificateError as error:
            return Answer(await self._untrusted(error.certificate_error, probe))
        except (aiohttp.ClientError, OSError) as error:
            return Answer(_failure(error, probe.endpoint))

    async def _post(self, session: aiohttp.ClientSession, target: ProbeTarget) -> Answer:
        headers = {"Content-Type": "application/x-protobuf"}
        async with session.post(target.traces_endpoint, data=b"", headers=headers, allow_redirects=False) as response:
            result = judge_reply(await _reply(response), target)
            return Answer(result, self._retry_after(response))

    async def _untrusted(self, error: Exception, probe: _Probe) -> ProbeResult:
        kind, detail = classify(error)
        if kind == "TlsExpired":
            detail = describe_dates(await self._certificate(probe), self._now())
        elif kind == "TlsWrongHost":
            disclosed = may_disclose(probe.addresses[0], self._settings.allowed_addresses)
            certificate = await self._certificate(probe) if disclosed else {}
            detail = describe_names(certificate, probe.endpoint.host, probe.target.key)
        return judge_failure(kind, probe.endpoint, detail)

    async def _certificate(self, probe: _Probe) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout_at(probe.deadline):
                return await read_certificate(probe.addresses[0], probe.endpoint, self._trust.lenient())
        except OSError:  # no time is left, or the bundle cannot be read
            return {}

    async def _with_application(self, answer: Answer, session: aiohttp.ClientSession, target: ProbeTarget, deadline: float) -> Answer:
        if answer.result.reason != _REACHABLE or target.hop is COLLECTOR:
            return answer
        try:
            async with asyncio.timeout_at(deadline):
                application = await read_application(session, target)
        except TimeoutError:
            application = Application(Known.UNSURE)
        return _add_application(answer, application, target)

    def _retry_after(self, response: aiohttp.ClientResponse) -> float | None:
        value = response.headers.get("Retry-After") if response.status in _RATE_LIMITED else None
        if value is None:
            return None
        return _bounded(_seconds(value.strip(), self._now()))


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


async def _reply(response: aiohttp.ClientResponse) -> Reply:
    """The answer. The body is read only with 200, where it decides."""
    body = await read_at_most(response, BODY_LIMIT) if response.status == 200 else b""  # noqa: PLR2004 - HTTP's own number
    encoded = response.headers.get("Content-Encoding", "identity").lower() != "identity"
    intermediates = response.intermediates if isinstance(response, ChainResponse) else 0
    return Reply(response.status, response.content_type if "Content-Type" in response.headers else "", body, encoded, intermediates)


def _failure(error: aiohttp.ClientError | OSError, endpoint: Endpoint) -> ProbeResult:
    """The result for an exception. Its text is not used: it holds addresses, and may hold more."""
    match error:
        case aiohttp.ClientSSLError():
            return judge_failure("TlsFailed", endpoint)
        case aiohttp.InvalidURL():
            text = f"{endpoint.hop.field} holds an address in an unusual form. Write four numbers, or a name."
            return ProbeResult("AddressRefused", text)
        case aiohttp.ClientResponseError():
            return judge_failure("NotHttp", endpoint)
        case OSError(errno=errno.ECONNREFUSED):
            return judge_failure("ConnectionRefused", endpoint)
        case _:
            return judge_failure("ConnectionFailed", endpoint)


def _said(before: str, answer: Answer) -> Answer:
    """The answer with more words before its message."""
    return replace(answer, result=replace(answer.result, message=f"{before} {answer.result.message}"))


def _add_application(answer: Answer, application: Application, target: ProbeTarget) -> Answer:
    match application.known:
        case Known.MISSING:
            text = (
                f"{target.base} has no application {target.application_id}; it would drop every span silently. "
                "Copy the UUID from the application's settings in Fiddler into fiddler.applicationId."
            )
            return Answer(ProbeResult("ApplicationNotFound", text))
        case Known.NAME:
            return Answer(ProbeResult(answer.result.reason, answer.result.message, application.name))
        case known:
            return Answer(answer.result, unsure=known is Known.UNSURE)


def _seconds(value: str, now: float) -> float | None:
    """A Retry-After in seconds from now: a number or an HTTP date (RFC 9110, 10.2.3); None for anything else."""
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return email.utils.parsedate_to_datetime(value).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None


def _bounded(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
