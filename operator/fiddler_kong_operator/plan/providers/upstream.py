"""The address of a provider."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final
from urllib.parse import urlsplit

__all__ = ["Upstream"]

_HOST: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
"""A DNS name or IPv4 address, as a Service of type ExternalName takes it. It cannot hold an IPv6 address."""

_DIGITS: Final = re.compile(r"[0-9.]+")
"""Kong takes such a name for an IPv4 address, and refuses its whole configuration where it is a bad one."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a provider is reached; becomes the ExternalName Service of an exposed route."""

    host: str
    port: int = 443
    protocol: str = "https"

    @classmethod
    def from_url(cls, url: str) -> Upstream:
        """The upstream a URL names. ValueError, with a message for the user, where a Service cannot express it."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if not _is_host(host) or port == 0:
            raise ValueError("it must have a DNS name or IPv4 address, and a port between 1 and 65535")
        return cls(host, port or 443, parts.scheme)


def _is_host(host: str) -> bool:
    if not _DIGITS.fullmatch(host):
        return _HOST.match(host) is not None
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True
