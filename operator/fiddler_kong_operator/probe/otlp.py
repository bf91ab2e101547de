"""The probe: sends an empty OTLP export as Kong will send it, and returns the verdict on the answer.

It is safe for any URL in a binding and any server behind it, by `probe.sessions` and by this:

- Each hop has a time limit, the body a size limit (`BODY_LIMIT`). Redirects are not followed.
- Of the server's answer, only the status code, the application's name, and the dates and host names of a wrong certificate get into a
  result; the host names only from public addresses, or addresses that the administrator allows.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp

from fiddler_kong_operator.plan.acceptance.endpoint import (
    COLLECTOR,
    Endpoint,
    RefusedAddress,
    may_disclose,
    parse_endpoint,
)
from fiddler_kong_operator.plan.snapshot import ProbeResult
from fiddler_kong_operator.settings import ProbeSettings

from .application import Application, Known, read_application
from .certificate import ChainResponse, classify, describe_dates, describe_names, read_certificate
from .resolver import Resolve
from .sessions import Sessions, read_at_most
from .target import Answer, ProbeTarget
from .verdict import BODY_LIMIT, Reply, judge_failure, judge_reply

__all__ = ["TraceProber"]

_REACHABLE: Final = "Reachable"


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
        """Read the CA bundle; CannotTrust if it cannot be read. `resolve` and `wall_clock` (seconds since the epoch) are for tests."""
        self._settings = settings
        self._sessions = Sessions(settings, settings.concurrency, resolve, wall_clock)
        self._now = wall_clock

    def close(self) -> None:
        """Release the resolver's threads."""
        self._sessions.close()

    async def ask(self, target: ProbeTarget) -> Answer[ProbeResult]:
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

    async def _ask_hop(self, target: ProbeTarget) -> Answer[ProbeResult]:
        try:
            endpoint = parse_endpoint(target.url, allow_http=self._settings.allow_http, hop=target.hop)
        except RefusedAddress as refusal:
            return Answer(ProbeResult("AddressRefused", str(refusal)))
        return await self._ask(target, endpoint, asyncio.get_running_loop().time() + self._settings.timeout)

    async def _ask(self, target: ProbeTarget, endpoint: Endpoint, deadline: float) -> Answer[ProbeResult]:
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await self._sessions.addresses(endpoint)
        except RefusedAddress as refusal:
            return Answer(ProbeResult("AddressRefused", str(refusal)))
        except TimeoutError:
            return Answer(judge_failure("ProbeTimeout", endpoint))
        except (OSError, UnicodeError):  # UnicodeError: a label that DNS cannot hold
            return Answer(judge_failure("NameNotResolved", endpoint))
        async with self._sessions.open(target, addresses) as session:
            answer = await self._export(session, _Probe(target, endpoint, addresses, deadline))
            return await self._with_application(answer, session, target, deadline)

    async def _export(self, session: aiohttp.ClientSession, probe: _Probe) -> Answer[ProbeResult]:
        try:
            async with asyncio.timeout_at(probe.deadline):
                return await self._post(session, probe.target)
        except TimeoutError:
            return Answer(judge_failure("ProbeTimeout", probe.endpoint))
        except aiohttp.ClientConnectorCertificateError as error:
            return Answer(await self._untrusted(error.certificate_error, probe))
        except (aiohttp.ClientError, OSError) as error:
            return Answer(_failure(error, probe.endpoint))

    async def _post(self, session: aiohttp.ClientSession, target: ProbeTarget) -> Answer[ProbeResult]:
        headers = {"Content-Type": "application/x-protobuf"}
        async with session.post(target.traces_endpoint, data=b"", headers=headers, allow_redirects=False) as response:
            result = judge_reply(await _reply(response), target)
            return Answer(result, self._sessions.retry_after(response))

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
                return await read_certificate(probe.addresses[0], probe.endpoint, self._sessions.trust.lenient())
        except OSError:  # no time is left, or the bundle cannot be read
            return {}

    async def _with_application(
        self, answer: Answer[ProbeResult], session: aiohttp.ClientSession, target: ProbeTarget, deadline: float
    ) -> Answer[ProbeResult]:
        if answer.result.reason != _REACHABLE or target.hop is COLLECTOR:
            return answer
        try:
            async with asyncio.timeout_at(deadline):
                application = await read_application(session, target)
        except TimeoutError:
            application = Application(Known.UNSURE)
        return _add_application(answer, application, target)


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


def _said(before: str, answer: Answer[ProbeResult]) -> Answer[ProbeResult]:
    """The answer with more words before its message."""
    return replace(answer, result=replace(answer.result, message=f"{before} {answer.result.message}"))


def _add_application(answer: Answer[ProbeResult], application: Application, target: ProbeTarget) -> Answer[ProbeResult]:
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
