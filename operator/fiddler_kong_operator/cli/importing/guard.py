"""The last guard: every text of a file that is surely a key, so that nothing with one in it is printed, wherever else it stands."""

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
        """Whether there is no key in a text, in whatever case: names are made lower."""
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
