"""The last guard: collects every text of a file that is surely a key, so that no output with such a text in it is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from .secrets import split_prefix
from .shown import is_placeholder

__all__ = ["Guard"]

_SECRETIVE: Final = re.compile(
    r"(.*[_-])?(key|secret|token|password|passwd|authorization)|(header|param)_value|.*key_id|.*_json", re.IGNORECASE
)
_SHORTEST: Final = 8


class Guard:
    """Knows the keys of a file."""

    def __init__(self, content: Any) -> None:
        self._keys = frozenset(key.lower() for key in _keys(content, secretive=False))

    def holds(self, text: str) -> bool:
        """Whether no key is in a text. Case does not matter, because names are put into lower case."""
        lowered = text.lower()
        return not any(key in lowered for key in self._keys)


def _keys(node: Any, *, secretive: bool) -> Iterator[str]:
    if isinstance(node, dict):
        for name, item in node.items():
            yield from _keys(item, secretive=_SECRETIVE.fullmatch(name) is not None)
    elif isinstance(node, list):
        for item in node:
            yield from _keys(item, secretive=secretive)
    elif secretive and isinstance(node, str) and not is_placeholder(node):
        yield from (text for text in (node, split_prefix(node)[1]) if len(text) >= _SHORTEST)
