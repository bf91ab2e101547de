"""A `pre-function` -> `sessions` and `attributes`, where its Lua is that of Fiddler's integration page or the operator's own.

No other Lua is ever carried over: nothing of a binding runs as code in the gateway.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from pydantic import ValidationError

from fiddler_kong_operator.api import Attribute
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.plugins.pre_function import build_access, build_attributes_access, build_attributes_stamp, build_stamp

from .kong_file import Plugin

__all__ = ["NOTHING", "Stamps", "read_stamps"]

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
"""The page's Lua of the header_filter phase, in one line: the variable is set on every span."""

_TEXT: Final = r'"((?:[^"\\]|\\\d{3})*)"'
_NAMES: Final = re.compile(rf"^local NAMES = \{{\n((?:  {_TEXT},\n)+)\}}$", re.MULTILINE)
_VALUES: Final = re.compile(rf'^    (?:{_TEXT}|usable\(kong\.request\.get_header\("([A-Za-z0-9-]+)"\)\) or false),$', re.MULTILINE)
_NUMBER: Final = re.compile(r"\\(\d{3})")
"""The operator's Lua for attributes: their names, and a value or a header for each."""

_FOREIGN: Final = (
    "is Lua that is neither the integration page's nor the operator's, and is never carried over. Keep it in a KongPlugin of your own; "
    "beside a pre-function on the operator's Service, one that is global does not run."
)


@dataclass(frozen=True, slots=True)
class Stamps:
    """The conversation id and the attributes that a plugin stamps on the spans."""

    headers: tuple[str, ...] = ()
    """Those that carry the conversation id, the preferred one first."""
    attributes: tuple[Attribute, ...] = ()

    @property
    def fields(self) -> Manifest:
        """The fields of a binding's spec."""
        shown = [attribute.model_dump(mode="json", by_alias=True, exclude_none=True) for attribute in self.attributes]
        return {
            "sessions": {"mode": "Header", "headers": list(self.headers)} if self.headers else {"mode": "Disabled"},
            **({"attributes": shown} if shown else {}),
        }


NOTHING: Final = Stamps()


def read_stamps(plugin: Plugin) -> Stamps:
    """The stamps of a plugin that a binding can carry; all other Lua is reported."""
    chunks = {phase: plugin.config.texts(phase) for phase in _PHASES}
    plugin.config.lose_rest("is not carried over: the operator's plugin has no such field.")
    stamping = (*chunks["header_filter"], *chunks["log"])
    sent = [headers for chunk in chunks["access"] if (headers := _headers(chunk))] if any(map(_is_stamp, stamping)) else []
    pairs = (_attributes(access, stamp) for access, stamp in product(chunks["access"], dict.fromkeys(stamping)))
    found = Stamps(next(iter(sent), ()), next(filter(None, pairs), ()))
    for phase, texts in chunks.items():
        for index, chunk in enumerate(texts):
            if not _is_known(phase, chunk, found):
                plugin.config.report.lose(f"{plugin.config.place}.{phase}[{index}]", _FOREIGN)
    return found


def _is_known(phase: str, chunk: str, found: Stamps) -> bool:
    if phase == "access":
        ours = found.attributes and _is_same(chunk, build_attributes_access(found.attributes))
        return bool(ours or (found.headers and _headers(chunk) == found.headers))
    ours = found.attributes and _is_same(chunk, build_attributes_stamp(found.attributes))
    return phase in ("header_filter", "log") and bool(ours or (found.headers and _is_stamp(chunk)))


def _attributes(access: str, stamp: str) -> tuple[Attribute, ...]:
    """The attributes that two chunks stamp; none unless both are exactly the Lua that the operator builds for these attributes."""
    block = _NAMES.search(stamp)
    names, values = re.findall(_TEXT, block[1]) if block else [], _VALUES.findall(access)
    try:
        found = _validated(names, values)
    except (ValidationError, ValueError):
        return ()
    ours = found and _is_same(access, build_attributes_access(found)) and _is_same(stamp, build_attributes_stamp(found))
    return found if ours else ()


def _validated(names: Sequence[str], values: Sequence[tuple[str, str]]) -> tuple[Attribute, ...]:
    pairs = zip(names, values, strict=True)
    return tuple(
        Attribute.model_validate({"name": _unquoted(name), **({"fromHeader": header} if header else {"value": _unquoted(value)})})
        for name, (value, header) in pairs
    )


def _unquoted(text: str) -> str:
    return _NUMBER.sub(lambda found: chr(int(found[1])), text)


def _is_same(chunk: str, built: str) -> bool:
    return chunk.strip() == built.strip()


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
