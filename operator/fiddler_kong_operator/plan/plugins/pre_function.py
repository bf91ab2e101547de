"""The `pre-function` plugin: stamps the client's conversation id, and the binding's attributes, on the spans. One for all routes.

For the conversation id it has the effect of the code on Fiddler's integration page. In addition, the Lua (`plan/lua`) never fails a request
and never stamps a value that would break an export batch. Request headers are read in `access`; spans are stamped in `header_filter`, as on
the page, and again in `log` for those made since (streamed answers). Both come before the `opentelemetry` plugin exports.

The conversation id and the attributes have chunks of their own, so that neither costs a request anything where it is not wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from fiddler_kong_operator.api import Attribute, BindingSpec

from .contract import PluginInstance, PluginKind

__all__ = ["MAX_LENGTH", "PRE_FUNCTION", "build_access", "build_attributes_access", "build_attributes_stamp", "build_stamp", "quoted"]

MAX_LENGTH: Final = 256
"""Longest value of a header that is stamped; a longer one is ignored. A call without an id becomes a session of its own."""

_TYPE: Final = "pre-function"
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_SPECIAL: Final = re.compile(r"[^A-Za-z0-9 ._:/+-]")
_LUA: Final = files("fiddler_kong_operator.plan") / "lua"


def _text(name: str) -> str:
    return (_LUA / f"{name}.lua").read_text(encoding="utf-8")


_ACCESS: Final = _text("access").replace("@MAX_LENGTH@", str(MAX_LENGTH))
_ACCESS_ID: Final = _ACCESS.replace("@REMEMBER@", _text("conversation_access"))
_ACCESS_ATTRIBUTES: Final = _ACCESS.replace("@REMEMBER@", _text("attributes_access"))
_STAMP: Final = _text("stamp")
_STAMP_ID: Final = _STAMP.replace("@REMEMBERED@", "fiddler_conversation_id").replace("@STAMP@", _text("conversation_stamp"))
_STAMP_ATTRIBUTES: Final = _STAMP.replace("@REMEMBERED@", "fiddler_attributes").replace("@STAMP@", _text("attributes_stamp"))


def build_access(headers: Iterable[str]) -> str:
    """The Lua of the access phase for the conversation id: the first usable value among these headers.

    ValueError for a header's name that is not letters, digits and `-`, beginning with a letter.
    """
    return _ACCESS_ID.replace("@IDS@", "\n    or ".join(map(_sent, headers)))


def build_stamp() -> str:
    """The Lua of the header_filter and log phases for the conversation id."""
    return _STAMP_ID


def build_attributes_access(attributes: Iterable[Attribute]) -> str:
    """The Lua of the access phase for attributes. ValueError as for `build_access` and `quoted`."""
    return _ACCESS_ATTRIBUTES.replace("@VALUES@", ",\n    ".join(map(_value, attributes)))


def build_attributes_stamp(attributes: Iterable[Attribute]) -> str:
    """The Lua of the header_filter and log phases for attributes. ValueError as for `quoted`."""
    return _STAMP_ATTRIBUTES.replace("@NAMES@", ",\n  ".join(quoted(attribute.name) for attribute in attributes))


def quoted(text: str) -> str:
    """The text as a Lua string, with all but plain characters escaped by their decimal codes. ValueError unless it is printable ASCII."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError("a text in the Lua must be printable ASCII")
    return '"' + _SPECIAL.sub(lambda found: f"\\{ord(found[0]):03d}", text) + '"'


def _value(attribute: Attribute) -> str:
    if attribute.from_header is not None:
        return f"{_sent(attribute.from_header)} or false"
    return quoted(attribute.value or "")


def _sent(header: str) -> str:
    """The expression for the usable value of a request header."""
    if not _HEADER.fullmatch(header):
        raise ValueError("the name of a header in the Lua must be letters, digits and '-', beginning with a letter")
    return f'usable(kong.request.get_header("{header}"))'


def _instances(spec: BindingSpec) -> tuple[PluginInstance, ...]:
    access, stamps = [], []
    if spec.sessions.mode == "Header":
        access.append(build_access(spec.sessions.headers))
        stamps.append(build_stamp())
    if spec.attributes:
        access.append(build_attributes_access(spec.attributes))
        stamps.append(build_attributes_stamp(spec.attributes))
    return (PluginInstance(_TYPE, {"access": access, "header_filter": stamps, "log": list(stamps)}),)


PRE_FUNCTION: Final = PluginKind(
    type=_TYPE,
    instances=_instances,
    wanted=lambda spec: spec.sessions.mode == "Header" or bool(spec.attributes),
    runs_lua=True,
)
