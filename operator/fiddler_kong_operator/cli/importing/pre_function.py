"""A `pre-function` -> the headers of `sessions`, where its Lua is that of Fiddler's integration page or the operator's own.

No other Lua is ever carried over: nothing of a binding runs as code in the gateway.
"""

from __future__ import annotations

import re
from typing import Final

from fiddler_kong_operator.plan.plugins.pre_function import build_access, build_stamp

from .kong_file import Plugin

__all__ = ["read_sessions"]

_PHASES: Final = (
    *("certificate", "rewrite", "access", "header_filter", "body_filter", "log"),
    *("ws_client_frame", "ws_close", "ws_handshake", "ws_upstream_frame"),
)
_COMMENT: Final = re.compile(r"--[^\n]*")
_NAME: Final = "([A-Za-z_][A-Za-z0-9_]*)"
_HEADER: Final = re.compile(r"kong\.request\.get_header\(\"([A-Za-z][A-Za-z0-9-]{0,63})\"\)")

_REMEMBER: Final = re.compile(
    rf'local {_NAME} = kong\.request\.get_header\("([A-Za-z][A-Za-z0-9-]{{0,63}})"\) '
    rf'if \1 and \1 ~= "" then ngx\.ctx\.{_NAME} = \1 end'
)
"""The page's Lua of the access phase, in one line: the client's header goes into a variable of the request."""

_STAMP: Final = re.compile(
    rf"local {_NAME} = ngx\.ctx\.{_NAME} if \1 then local {_NAME} = ngx\.ctx\.KONG_SPANS if \3 then "
    rf'for {_NAME}, {_NAME} in ipairs\(\3\) do \5:set_attribute\("gen_ai\.conversation\.id", \1\) end end end'
)
"""The page's Lua of the header_filter phase, in one line: the variable goes onto every span."""

_FOREIGN: Final = (
    "is Lua that is neither the integration page's nor the operator's, and is never carried over. Keep it in a KongPlugin of your own; "
    "beside a pre-function on the operator's Service, one that is global does not run."
)


def read_sessions(plugin: Plugin) -> tuple[str, ...]:
    """The headers that carry the conversation id, the preferred one first; none where the plugin does something else."""
    chunks = {phase: plugin.config.texts(phase) for phase in _PHASES}
    plugin.config.lose_rest("is not carried over: the operator's plugin has no such field.")
    found = [headers for chunk in chunks["access"] if (headers := _headers(chunk))]
    stamps = any(map(_is_stamp, (*chunks["header_filter"], *chunks["log"])))
    headers = found[0] if found and stamps else ()
    for phase, texts in chunks.items():
        for index, chunk in enumerate(texts):
            if not (headers and _is_known(phase, chunk, headers)):
                plugin.config.report.lose(f"{plugin.config.place}.{phase}[{index}]", _FOREIGN)
    return headers


def _is_known(phase: str, chunk: str, headers: tuple[str, ...]) -> bool:
    return _headers(chunk) == headers if phase == "access" else phase in ("header_filter", "log") and _is_stamp(chunk)


def _headers(chunk: str) -> tuple[str, ...]:
    """The headers of a chunk that remembers the conversation id."""
    line = _one_line(chunk)
    page = _REMEMBER.fullmatch(line)
    if page:
        return (page[2],)
    own = tuple(_HEADER.findall(chunk))
    return own if own and _one_line(build_access(own)) == line else ()


def _is_stamp(chunk: str) -> bool:
    line = _one_line(chunk)
    return line == _one_line(build_stamp()) or _STAMP.fullmatch(line) is not None


def _one_line(chunk: str) -> str:
    """Lua without comments, on one line, with double quotes."""
    return " ".join(_COMMENT.sub("", chunk).replace("'", '"').split())
