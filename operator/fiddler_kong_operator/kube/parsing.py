"""Parses the API server's JSON. Free-form values (a KongPlugin's `config`) may be nested 10,000 deep, which Python's parser refuses.

A user who may create a KongPlugin or a binding could make the whole kind unreadable: even if parsing succeeded, copying or validating would
fail, and since Python 3.12 a higher recursion limit does not help. So this module cuts off every value that is nested deeper than this
project reads, before the text is parsed.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

import orjson

__all__ = ["DEEPEST", "parse_json", "shallow"]

DEEPEST: Final = 100
"""Levels that are kept; a value below becomes null. Kong's own schemas have fewer than ten."""

_STRING: Final = rb'"[^"\\]*(?:\\.[^"\\]*)*"?'
"""The closing quote is optional: a search for a missing one, from each quote on, would take quadratic time."""

_STRINGS: Final = re.compile(_STRING, re.DOTALL)
_TOKEN: Final = re.compile(_STRING + rb"|([\[{])|([\]}])", re.DOTALL)
_OPENING, _CLOSING = 1, 2
"""Groups of `_TOKEN`."""

_BRACKETS: Final = b"[{]}"
_OTHERS: Final = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_STEPS: Final = bytes.maketrans(_BRACKETS, b"\x01\x01\xff\xff")
"""Maps a bracket to the signed byte by which it changes the depth."""


def parse_json(text: bytes) -> Any:
    """Parse at most `DEEPEST` levels; ValueError for text that is no JSON."""
    return orjson.loads(shallow(text))


def shallow(text: bytes) -> bytes:
    """Replace each value below `DEEPEST` levels by null, in JSON or lines of it; returns the text itself where there is none."""
    return b"".join(_kept(text)) if _is_deep(text) else text


def _is_deep(text: bytes) -> bool:
    """Whether any value is nested deeper than `DEEPEST`. Takes a tenth of the time of parsing, unless strings hold unbalanced brackets."""
    brackets = text.translate(None, _OTHERS)
    for _ in range(DEEPEST // 2):  # each turn takes off one or two levels, from within
        fewer = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not fewer:
            return False
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    return len(brackets) > DEEPEST and _depth(text) > DEEPEST


def _depth(text: bytes) -> int:
    steps = _STRINGS.sub(b"", text).translate(_STEPS, _OTHERS)
    return max(accumulate(array("b", steps)), default=0)


def _kept(text: bytes) -> Iterator[bytes]:
    depth = start = 0
    for token in _TOKEN.finditer(text):
        if token.lastindex == _OPENING:
            depth += 1
            if depth == DEEPEST + 1:
                yield text[start : token.start()] + b"null"
        elif token.lastindex == _CLOSING:
            depth -= 1
            if depth == DEEPEST:
                start = token.end()
    yield text[start:]
