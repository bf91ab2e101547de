"""How many intermediate certificates Kong accepts in the chain of a server that it sends traces to (`lua_ssl_verify_depth`)."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.plan.workload import Container

from .version import KongVersion

__all__ = ["RAISED", "VERIFY_DEPTH", "verify_depth"]

VERIFY_DEPTH: Final = "KONG_LUA_SSL_VERIFY_DEPTH"

RAISED: Final = (KongVersion((3, 13, 0, 7)), KongVersion((3, 14, 0, 7)), KongVersion((3, 15, 0, 1)))
"""The versions that raised the default, one for each minor version; Kong's changelogs say so."""

_EARLIER: Final = 1
_LATER: Final = 5


def verify_depth(container: Container, version: KongVersion | None) -> int | None:
    """The number that holds in a gateway's container: its own setting, else its version's default; None where that cannot be read.

    A ConfigMap or Secret that may have the setting is not opened.
    """
    entry = next(reversed(container.entries(VERIFY_DEPTH)), None)
    if (entry and entry.from_source) or container.hidden_sources(VERIFY_DEPTH):
        return None
    value = (entry.value or "").strip() if entry else ""
    if value:
        return int(value) if value.isascii() and value.isdigit() else None
    return _default(version) if version else None


def _default(version: KongVersion) -> int | None:
    if version.minor > RAISED[-1].minor:
        return _LATER
    raised = next((raised for raised in RAISED if raised.minor == version.minor), None)
    if raised is None or version.before(raised):
        return _EARLIER
    return _LATER if len(version.parts) == len(raised.parts) else None
