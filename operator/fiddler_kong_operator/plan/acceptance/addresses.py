"""Which IP addresses the operator and the gateways may connect to: the part of `endpoint` that knows addresses only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

__all__ = [
    "Address",
    "Network",
    "RefusedAddress",
    "contains",
    "forbidden",
    "is_loopback",
    "is_public",
    "networks_of",
    "parse_address",
    "shown_address",
]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_METADATA: Final = tuple(
    ip_network(cidr)
    for cidr in (
        "169.254.0.0/16",  # AWS, Azure, Google, Oracle, DigitalOcean, OpenStack and others
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's host agent
        "192.0.0.192/32",  # Oracle, classic
        "fd00:ec2::/32",  # AWS
        "fd20:ce::/32",  # Google
        "fd00:42::/32",  # Scaleway
        "fd00:c1::/32",  # Oracle
    )
)
_NUMERIC: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
"""A last label that makes a host an IPv4 address in some notation (WHATWG URL, "ends in a number")."""

_LOCAL_NAMES: Final = frozenset(
    {
        "localhost",
        "localhost.localdomain",
        "loopback",
        "ip6-localhost",  # Debian, and every pod's hosts file
        "ip6-loopback",
        "ipv6-localhost",  # SUSE
        "ipv6-loopback",
        "localhost4",  # Red Hat
        "localhost4.localdomain4",
        "localhost6",
        "localhost6.localdomain6",
    }
)
_LOCAL_ENDINGS: Final = (".localhost", ".localhost.localdomain")
_METADATA_NAMES: Final = frozenset(
    {
        "metadata.goog",  # Google
        "metadata.tencentyun.com",
        "api.metadata.cloud.ibm.com",
        "metadata.platformequinix.com",
        "rancher-metadata",
    }
)
_METADATA_LABELS: Final = frozenset({"metadata", "instance-data"})
"""First labels of the names that Google, AWS and Azure give their services: alone (by a search domain) or below `internal`."""

_THIS_NETWORK: Final = IPv4Network("0.0.0.0/8")
_COMPATIBLE: Final = IPv6Network("::/96")
_NAT64_WELL_KNOWN: Final = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")
"""RFC 8215; prefixes of any length in it are in use, so both the shortest and the longest are looked at."""


class RefusedAddress(ValueError):
    """Nothing is sent there. The text is one sentence that holds no address, so that it stays the same while DNS rotates."""


def parse_address(text: str) -> Address:
    """The address in a text, without the zone that IPv6 may name. ValueError where there is none."""
    return ip_address(text.partition("%")[0])


def networks_of(cidrs: Iterable[str]) -> tuple[Network, ...]:
    """The networks that these CIDRs mean."""
    return tuple(ip_network(cidr, strict=False) for cidr in cidrs)


def is_public(address: Address) -> bool:
    """Whether an address, and each IPv4 address that it carries, is reachable from the whole Internet."""
    return all(form.is_global for form in _forms(address))


def shown_address(host: str) -> str | None:
    """The address that a host shows without any resolver: its own, or that of a name with a fixed meaning; None for other names.

    Refuses the notations that only some resolvers read as an address: decimal, octal, hexadecimal or shortened IPv4.
    """
    name = host.lower().rstrip(".")
    if name in _LOCAL_NAMES or name.endswith(_LOCAL_ENDINGS):
        return "127.0.0.1"
    if _is_metadata_service(name):
        return "169.254.169.254"
    try:
        return str(parse_address(host))
    except ValueError:
        if _NUMERIC.fullmatch(name.rpartition(".")[2]):
            raise RefusedAddress(f"{host} is neither a name nor an address in its usual form. Write the host's name.") from None
        return None


def forbidden(address: Address) -> str | None:
    """The kind of an address that nothing may be sent to, with its article; None for an ordinary host's and for loopback."""
    return next((kind for kind in map(_forbidden, _forms(address)) if kind), None)


def is_loopback(address: Address) -> bool:
    """Whether an address, or an IPv4 address that it carries, is the machine itself."""
    return any(form.is_loopback for form in _forms(address))


def _is_metadata_service(name: str) -> bool:
    first, _, rest = name.partition(".")
    return name in _METADATA_NAMES or (first in _METADATA_LABELS and (not rest or f".{rest}".endswith(".internal")))


def _forms(address: Address) -> tuple[Address, ...]:
    return (address, *_embedded(address))


def _forbidden(address: Address) -> str | None:
    if contains(_METADATA, address):
        return "the address of a cloud's metadata service or link-local"
    if address.is_link_local:
        return "a link-local address"
    if address.is_multicast:
        return "a multicast address"
    if address.is_unspecified or (isinstance(address, IPv4Address) and address in _THIS_NETWORK):
        return "an unspecified address"
    if address.is_reserved and not address.is_loopback and not _carries_ipv4(address):
        return "a reserved address"
    return None


def _carries_ipv4(address: Address) -> bool:
    return any(True for _ in _embedded(address))


def _embedded(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that packets to an IPv6 address may end at (RFC 4291, 3056, 6052, 4380)."""
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if address in _COMPATIBLE and int(address) > 1:
        yield _lowest(address)
    if address in _NAT64_WELL_KNOWN:
        yield _lowest(address)
    if address in _NAT64_LOCAL:
        yield from (form for form in (_lowest(address), _after_48_bits(address)) if form not in _THIS_NETWORK)


def _lowest(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)


def _after_48_bits(address: IPv6Address) -> IPv4Address:
    """Where a /48 prefix has it: bits 48-63 and 72-87 (RFC 6052, 2.2)."""
    high, low = (int(address) >> 64) & 0xFFFF, (int(address) >> 40) & 0xFFFF
    return IPv4Address(high << 16 | low)


def contains(networks: Iterable[Network], address: Address) -> bool:
    """Whether any of the networks holds the address."""
    return any(address.version == network.version and address in network for network in networks)
