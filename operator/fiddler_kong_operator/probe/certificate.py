"""A server's certificate as Kong would judge it: the length of its chain, and what is wrong with one that does not verify."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
from aiohttp.connector import Connection

from fiddler_kong_operator.plan.acceptance.endpoint import Endpoint

__all__ = ["ChainResponse", "classify", "describe_dates", "describe_names", "read_certificate"]

_KINDS: Final = {9: "TlsExpired", 10: "TlsExpired", 62: "TlsWrongHost", 64: "TlsWrongHost"}
_UNTRUSTED: Final = {
    18: "it is self-signed",
    19: "it was issued by an unknown authority",
    20: "it was issued by an unknown authority",
    21: "it was issued by an unknown authority",
}
"""OpenSSL's X509_V_ERR_* numbers: kinds of `judge_failure`, and words."""

_SHOWN: Final = 3
_NAME: Final = re.compile(r"[A-Za-z0-9*.:-]{1,64}")


class ChainResponse(aiohttp.ClientResponse):
    """A response that knows how its connection was verified."""

    intermediates: int = 0
    """Certificates between the server's own and the trusted one."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Note the chain: the connection may be gone as soon as the answer is there."""
        tls = connection.transport.get_extra_info("ssl_object") if connection.transport else None
        self.intermediates = _count_intermediates(tls) if tls else 0
        return await super().start(connection)


def _count_intermediates(tls: Any) -> int:
    """From the chain that OpenSSL built up to a trusted certificate, as Kong's OpenSSL does, and not from what the server sent."""
    chain = tls if hasattr(tls, "get_verified_chain") else tls._sslobj  # noqa: SLF001 - public from Python 3.13 on
    return max(len(chain.get_verified_chain()) - 2, 0)


def classify(error: Exception) -> tuple[str, str]:
    """A kind of `judge_failure` and its detail; "" where only the certificate tells it."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return "TlsFailed", ""
    if error.verify_code in _KINDS:
        return _KINDS[error.verify_code], ""
    if error.verify_code in _UNTRUSTED:
        return "TlsUntrusted", _UNTRUSTED[error.verify_code]
    return "TlsInvalid", error.verify_message  # OpenSSL's own words, none of the server's


async def read_certificate(address: str, endpoint: Endpoint, context: ssl.SSLContext) -> Mapping[str, Any]:
    """The server's certificate by a handshake without any request, so that no key is sent; {} where `context` cannot verify it."""
    try:
        _, writer = await asyncio.open_connection(address, endpoint.port, ssl=context, server_hostname=endpoint.host)
    except OSError:  # ssl.SSLError is one too
        return {}
    certificate: Mapping[str, Any] | None = writer.get_extra_info("peercert")
    writer.transport.abort()
    return certificate or {}


def describe_dates(certificate: Mapping[str, Any], now: float) -> str:
    """The fault in a certificate's dates, at `now` in seconds since the epoch: the end of a sentence that begins with "The certificate"."""
    if not certificate:
        return "has expired or is not valid yet"
    begin, end = (ssl.cert_time_to_seconds(certificate[date]) for date in ("notBefore", "notAfter"))
    if now > end:
        return f"expired on {_day(end)}"
    return f"is not valid before {_day(begin)}" if now < begin else "comes with one of its issuer that has expired or is not valid yet"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def describe_names(certificate: Mapping[str, Any], host: str, key: str) -> str:
    """The hosts that a certificate is for in place of `host`: the end of such a sentence too.

    It shows only texts that can be a host's name or address, and none that contains the key.
    """
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind in {"DNS", "IP Address"}]
    shown = [name for name in names if _NAME.fullmatch(name) and key.lower() not in name.lower()][:_SHOWN]
    if not shown:
        return f"is not for {host}"
    rest = len(names) - len(shown)
    return f"is for {', '.join(shown)}{f' and {rest} more' if rest else ''}, not for {host}"
