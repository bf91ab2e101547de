"""Which URLs traces and calls may go to, and which addresses the operator probes. Pure; `probe.otlp` connects only to what it allows.

A binding's author chooses the URL. The gateway sends the key and the traces there, and the probe runs in the operator's network, so its
answer must not tell more about that network than the author could have learnt otherwise. A binding with a forbidden URL (`refusal`) is not
accepted. A name that resolves to a forbidden address is only not probed, since the gateway resolves names itself.

- The scheme is https, unless the host is in the cluster (`*.svc`, `*.cluster.local`) or the administrator allows http.
- Each address that the name resolves to is checked, so decimal, octal, hexadecimal and other spellings of an address change nothing.
  IPv6 forms that carry an IPv4 address (mapped, compatible, 6to4, NAT64, Teredo) are checked as both.
- Refused for good: link-local, the metadata services of the clouds, multicast, unspecified and reserved addresses.
- Refused unless `ProbeSettings.allowed_addresses` names them: loopback.
- Private addresses are where in-cluster sinks and VPC endpoints live, so they may be probed, but only on the ports on which a Fiddler can
  be expected (`WEB_PORTS`): a binding cannot walk through the ports of a host. Any other port needs `allowed_addresses`.
- Names that always mean one of these (`localhost`, the names of metadata services) are checked as addresses.

The gateway calls a model's URL (`upstream_refusal`) and returns the answer to the client: link-local and metadata addresses
would give away the credentials of the gateway's machine, loopback ones lead to Kong's own Admin API. No setting opens these, since
`allowed_addresses` says where the operator may go, not the gateway. Scheme and port are free.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from fiddler_kong_operator.settings import ProbeSettings

from .addresses import (
    Address,
    Network,
    RefusedAddress,
    contains,
    forbidden,
    is_loopback,
    is_public,
    networks_of,
    parse_address,
    shown_address,
)

__all__ = [
    "COLLECTOR",
    "FIDDLER",
    "GRPC_HINT",
    "GRPC_PORT",
    "STRICT",
    "WEB_PORTS",
    "Endpoint",
    "EndpointPolicy",
    "Hop",
    "RefusedAddress",
    "is_in_cluster",
    "may_disclose",
    "parse_endpoint",
    "refusal",
    "upstream_refusal",
    "usable_addresses",
]

WEB_PORTS: Final = frozenset({80, 443, 4318, 8080, 8443})
"""Ports that may be probed on private addresses: http, https, OTLP/HTTP and their usual alternatives."""

GRPC_PORT: Final = 4317
GRPC_HINT: Final = "Port 4317 is usually OTLP/gRPC; Kong speaks OTLP/HTTP, which a collector usually serves on port 4318."

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_SHAPE: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")
"""Host and port in forms that every parser reads alike. Python and Kong read the other forms (`a[::1]`, an empty port) differently."""


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """The endpoints that the administrator allows beyond https to public and private addresses: see `settings.ProbeSettings`."""

    allow_http: bool = False
    allowed_addresses: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: ProbeSettings) -> Self:
        """The policy in the settings of the probe."""
        return cls(settings.allow_http, settings.allowed_addresses)


STRICT: Final = EndpointPolicy()
"""The policy that allows nothing more."""


@dataclass(frozen=True, slots=True)
class Hop:
    """A server that the traces pass or reach, as messages name it: the field with its URL, and the server that it must be."""

    field: str
    goal: str


FIDDLER: Final = Hop("fiddler.url", "your Fiddler instance")
COLLECTOR: Final = Hop("fiddler.export.endpoint", "your collector")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a URL leads: scheme, host (without brackets) and port."""

    scheme: str
    host: str
    port: int
    hop: Hop = FIDDLER

    @property
    def in_cluster(self) -> bool:
        """The host is a name inside the cluster."""
        return is_in_cluster(self.host)

    @property
    def service_hint(self) -> str:
        """How to write the host if it is a Service; "" where it cannot be a Service's name."""
        labels = self.host.rstrip(".").split(".")
        if self.in_cluster or ":" in self.host or labels[-1].isdigit() or labels[2:3] not in ([], ["svc"]):
            return ""
        name, namespace = (*labels, "NAMESPACE")[:2]
        return f"If it is a Service, write its name with namespace and .svc: {name}.{namespace}.svc."

    def __str__(self) -> str:
        """`host:port`, as shown in messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@lru_cache(maxsize=1024)
def refusal(url: str, policy: EndpointPolicy, hop: Hop = FIDDLER) -> str | None:
    """Why no traces may go to a URL, as far as the URL itself shows; None where they may."""
    try:
        endpoint = parse_endpoint(url, allow_http=policy.allow_http, hop=hop)
        address = shown_address(endpoint.host)
        if address:
            usable_addresses([address], endpoint, policy.allowed_addresses)
    except RefusedAddress as error:
        return str(error)
    return None


def upstream_refusal(url: str) -> str | None:
    """Why the gateway must not call a model at a URL, as far as the URL itself shows: the end of a sentence. None where it may."""
    try:
        host = urlsplit(url).hostname or ""
        shown = shown_address(host)
    except RefusedAddress as error:
        return str(error)
    except ValueError:
        return None  # no URL at all, which `providers` refuses in its own words
    problem = _upstream_problem(parse_address(shown)) if shown else None
    return f"{host} is {problem}" if problem else None


def _upstream_problem(address: Address) -> str | None:
    if kind := forbidden(address):
        return f"{kind}, which the operator never accepts. Write the address of the model."
    if is_loopback(address):
        return "a loopback address, where Kong's own Admin API listens. Write the name of a Service in front of the model."
    return None


def is_in_cluster(host: str) -> bool:
    """Whether the host is a Service's name as the cluster's DNS knows it: `*.svc` or `*.cluster.local`."""
    return host.lower().rstrip(".").endswith((".svc", ".cluster.local"))


def parse_endpoint(url: str, *, allow_http: bool = False, hop: Hop = FIDDLER) -> Endpoint:
    """The endpoint of a URL that may be probed; RefusedAddress gives the reason for any other."""
    parts = _split(url, hop)
    if parts.scheme not in {"http", "https"}:
        raise RefusedAddress(f"{hop.field} must begin with https://.")
    if "@" in parts.netloc:
        raise RefusedAddress(f"{hop.field} must not hold a user name or password; the key belongs in a Secret.")
    if not parts.hostname:
        raise RefusedAddress(f"{hop.field} has no host name.")
    if not _has_valid_port(parts):
        raise RefusedAddress(f"{hop.field} has a port that is not a number between 1 and 65535.")
    if not _SHAPE.fullmatch(parts.netloc):
        raise RefusedAddress(f"{hop.field} must be a host's name or address, with nothing after it but a colon and a port.")
    endpoint = Endpoint(parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme], hop)
    if endpoint.scheme == "http" and not allow_http and not endpoint.in_cluster:
        raise RefusedAddress(_in_clear(endpoint))
    return endpoint


def may_disclose(address: str, allowed: Iterable[str] = ()) -> bool:
    """Whether a status may show details of a server at this address: authors must not explore a private network with bindings."""
    parsed = parse_address(address)
    return is_public(parsed) or contains(networks_of(allowed), parsed)


def _in_clear(endpoint: Endpoint) -> str:
    """Why http is refused. A name that the cluster's DNS may complete is not said to be outside the cluster."""
    field = endpoint.hop.field
    remedy = "the key would cross the network in clear. Use https, or ask the operator's administrator to set --probe-allow-http."
    if endpoint.service_hint:
        return f"{field} uses http for {endpoint.host}. {endpoint.service_hint} Otherwise {remedy}"
    return f"{field} uses http for {endpoint.host}, which is not inside the cluster (*.svc, *.cluster.local): {remedy}"


def usable_addresses(addresses: Iterable[str], endpoint: Endpoint, allowed: Iterable[str] = ()) -> tuple[str, ...]:
    """The resolved addresses that the operator may connect to; RefusedAddress where none is left.

    `allowed` holds CIDRs that open loopback addresses and any port; addresses refused for good stay refused.
    """
    networks = networks_of(allowed)
    problems = {address: _problem(address, endpoint, networks) for address in addresses}
    usable = tuple(address for address, problem in problems.items() if problem is None)
    if not usable:
        worst = min(problem for problem in problems.values() if problem is not None)
        raise RefusedAddress(f"{endpoint.host} is {worst}")
    return usable


def _split(url: str, hop: Hop) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise RefusedAddress(f"{hop.field} has square brackets around something that is not an IPv6 address.") from None


def _has_valid_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _problem(text: str, endpoint: Endpoint, allowed: tuple[Network, ...]) -> str | None:
    address, must = parse_address(text), f"{endpoint.hop.field} must be {endpoint.hop.goal}."
    if kind := forbidden(address):
        return f"{kind}, which the operator never accepts. {must}"
    if contains(allowed, address):
        return None
    if is_loopback(address):
        return f"a loopback address, which the operator does not accept unless its administrator sets --probe-allowed-addresses. {must}"
    return None if endpoint.port in WEB_PORTS or is_public(address) else _closed_port(endpoint.port)


def _closed_port(port: int) -> str:
    hint = f" {GRPC_HINT}" if port == GRPC_PORT else ""
    return (
        f"a private address, where port {port} is not probed.{hint} Use one of the ports {', '.join(map(str, sorted(WEB_PORTS)))}, "
        "or ask the operator's administrator to set --probe-allowed-addresses."
    )
