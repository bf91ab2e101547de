"""The contract of a provider module."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Final
from urllib.parse import urlsplit

from fiddler_kong_operator.api import Llm
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.keys import PluginKey

__all__ = ["Auth", "Provider", "Upstream", "header_auth"]

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


Auth = tuple[Manifest, tuple[PluginKey, ...]]
"""The `auth` part of ai-proxy's config, and the keys that belong in it (relative, see `PluginKey`)."""


def header_auth(header: str = "Authorization", prefix: str = "Bearer ") -> Callable[[Llm], Auth]:
    """For a provider that takes its one key in a request header, unless the binding names another header or prefix."""

    def auth(llm: Llm) -> Auth:
        key = PluginKey(
            field="auth.secretRef",
            ref=llm.auth.secret_ref,
            prefix=prefix if llm.auth.header_prefix is None else llm.auth.header_prefix,
            pointer="/header_value",
            entry="",
            variable=f"{llm.provider.upper()}_API_KEY",
        )
        return {"header_name": llm.auth.header_name or header}, (key,)

    return auth


_BEARER: Final = header_auth()


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. `name` is both the value of `llm.provider` and Kong's `model.provider`.

    `locate` gives the provider's own address (from its options, where every customer has one), None where only `options.upstreamUrl` can.
    `auth` says how the gateway identifies itself: `header_auth`, or an `auth` of its own with any number of keys, none included.
    `options` adds provider-specific `model.options`; `check` returns problems as sentences that begin with a field of `llm`.
    """

    name: str
    locate: Callable[[Llm], Upstream | None]
    auth: Callable[[Llm], Auth] = _BEARER
    options: Callable[[Llm], dict[str, Any]] = lambda _: {}
    check: Callable[[Llm], tuple[str, ...]] = lambda _: ()
