"""Free ports on loopback, chosen at start."""

from __future__ import annotations

import secrets
import socket
from typing import Final

from .errors import DevClusterError

__all__ = ["HTTPS", "LOOPBACK", "PROXY_PORTS", "free_ports"]

LOOPBACK: Final = "127.0.0.1"

HTTPS: Final = 443
PROXY_PORTS: Final = {80: 8000, HTTPS: 8443}
"""The ports of Kong's proxy Service, with those of its containers. The stand-in for Kong itself listens on free ones."""

_LOWEST: Final = 20_000
_HIGHEST: Final = 32_000
"""Below Linux' default range for outgoing connections (32768-60999), so that no connection takes a port between choice and use."""

_ATTEMPTS: Final = 1_000


def free_ports(count: int) -> tuple[int, ...]:
    """Return different ports on loopback that were free just now. Another process may still take one: the caller must retry."""
    chosen: list[int] = []
    for _ in range(_ATTEMPTS):
        if len(chosen) == count:
            return tuple(chosen)
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if port not in chosen and _is_free(port):
            chosen.append(port)
    raise DevClusterError(f"No {count} free ports between {_LOWEST} and {_HIGHEST} on {LOOPBACK}.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
