"""JSON of the API server. It takes free-form values (a KongPlugin's `config`) nested up to 10,000 deep, which Python's parser refuses.

Anybody who may create a KongPlugin or a binding could so make the whole kind unreadable: where the parser did not give up, then copying
or validating would, and raising Python's limit of recursion is no way out since 3.12. So what lies deeper than anything this project
looks at is left out before the text is parsed.
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
"""The closing quote may be missing in what is cut off; to look for it from each quote on would take the square of the length."""

_STRINGS: Final = re.compile(_STRING, re.DOTALL)
_TOKEN: Final = re.compile(_STRING + rb"|([\[{])|([\]}])", re.DOTALL)
_OPENING, _CLOSING = 1, 2
"""Groups of it."""

_BRACKETS: Final = b"[{]}"
_OTHERS: Final = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_STEPS: Final = bytes.maketrans(_BRACKETS, b"\x01\x01\xff\xff")
"""A bracket as the signed byte by which it changes the depth."""


def parse_json(text: bytes) -> Any:
    """The value, at most `DEEPEST` levels of it; ValueError for what is no JSON."""
    return orjson.loads(shallow(text))


def shallow(text: bytes) -> bytes:
    """JSON, or lines of it, with each value below `DEEPEST` levels replaced by null; where there is none, the text itself."""
    return b"".join(_kept(text)) if _is_deep(text) else text


def _is_deep(text: bytes) -> bool:
    """Whether any value lies below `DEEPEST`. Costs a tenth of parsing, unless strings hold brackets that do not match."""
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
