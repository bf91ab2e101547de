"""What a provider module says about its provider."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from fiddler_kong_operator.api.v1alpha1 import Llm

__all__ = ["HeaderKey", "Provider", "Upstream"]

_HOST: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
"""A DNS name or IPv4 address: what a Service of type ExternalName takes. It has no place for an IPv6 address."""

_PORTS: Final = {"http": 80, "https": 443}


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
        if parts.scheme not in _PORTS or not _HOST.match(host) or port == 0:
            raise ValueError("it must be http or https with a DNS name or IPv4 address and a port between 1 and 65535")
        return cls(host, port or _PORTS[parts.scheme], parts.scheme)


@dataclass(frozen=True, slots=True)
class HeaderKey:
    """The provider takes its key in a request header: the header's name and what stands before the bare key."""

    header: str = "Authorization"
    prefix: str = "Bearer "


def _no_problems(_llm: Llm) -> tuple[str, ...]:
    return ()


def _no_options(_llm: Llm) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. `name` is both the value of `llm.provider` and Kong's `model.provider`.

    `locate` gives the provider's own address (from its options, where every customer has one), None where only `options.upstreamUrl` can.
    `options` adds provider-specific `model.options`; `check` returns problems as sentences that begin with a field of `llm`.
    """

    name: str
    locate: Callable[[Llm], Upstream | None]
    key: HeaderKey = HeaderKey()
    options: Callable[[Llm], dict[str, Any]] = _no_options
    check: Callable[[Llm], tuple[str, ...]] = _no_problems
