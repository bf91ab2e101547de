"""JSON of the API server. It takes free-form values (a KongPlugin's `config`) nested up to 10,000 deep, which Python's parser refuses.

Anybody who may create a KongPlugin could so make the whole kind unreadable. What lies deeper than anything this project looks at is left
out where it stands in the way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["DEEPEST", "parse_json"]

DEEPEST: Final = 100
"""Levels that are kept; a value below becomes null. Kong's own schemas have fewer than ten."""

_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{\]}]', re.DOTALL)


def parse_json(text: bytes) -> Any:
    """The value; ValueError for what is no JSON."""
    try:
        return json.loads(text)
    except RecursionError:
        return json.loads(b"".join(_kept(text)))


def _kept(text: bytes) -> Iterator[bytes]:
    """The text with each value below `DEEPEST` levels replaced by null."""
    depth = start = 0
    for token in _TOKEN.finditer(text):
        if token.group() in b"[{":
            depth += 1
            if depth == DEEPEST + 1:
                yield text[start : token.start()] + b"null"
        elif token.group() in b"]}":
            depth -= 1
            if depth == DEEPEST:
                start = token.end()
    yield text[start:]
