"""The `pre-function` plugin: stamps the client's conversation id on the spans, so that Fiddler sees one session. One for all routes.

It has the effect of the code on Fiddler's integration page. In addition, the Lua (`plan/lua`) never fails a request and never stamps an id
that would break an export batch. The request header is read in `access`; spans are stamped in `header_filter`, as on the page, and again in
`log` for those made since (streamed answers). Both come before the `opentelemetry` plugin exports.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

from fiddler_kong_operator.api import BindingSpec

from .contract import PluginInstance, PluginKind

__all__ = ["MAX_ID_LENGTH", "PRE_FUNCTION", "build_access", "build_stamp"]

MAX_ID_LENGTH: Final = 256
"""Longest conversation id that is stamped; a longer one is ignored, and the call becomes a session of its own."""

_TYPE: Final = "pre-function"
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_LUA: Final = files("fiddler_kong_operator.plan") / "lua"
_ACCESS: Final = (_LUA / "access.lua").read_text(encoding="utf-8")
_STAMP: Final = (_LUA / "stamp.lua").read_text(encoding="utf-8")


def build_access(header: str) -> str:
    """The Lua of the access phase for one request header; ValueError for a name that is more than letters, digits and `-`."""
    if not _HEADER.fullmatch(header):
        raise ValueError("the session header's name must be letters, digits and '-', beginning with a letter")
    return _ACCESS.replace("@SESSION_HEADER@", header).replace("@MAX_LENGTH@", str(MAX_ID_LENGTH))


def build_stamp() -> str:
    """The Lua of the header_filter and log phases."""
    return _STAMP


def _instances(spec: BindingSpec) -> tuple[PluginInstance, ...]:
    config = {"access": [build_access(spec.sessions.header)], "header_filter": [build_stamp()], "log": [build_stamp()]}
    return (PluginInstance(_TYPE, config),)


PRE_FUNCTION: Final = PluginKind(
    type=_TYPE,
    instances=_instances,
    wanted=lambda spec: spec.sessions.mode == "Header",
    runs_lua=True,
)
