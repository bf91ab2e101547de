"""Which texts of a Kong file may be shown: no text that could be a key is ever printed, wherever it is in the file."""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ["is_placeholder", "looks_like_key", "shown_name"]

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_SHORTEST_KEY: Final = 16
_DIGITS_OF_A_KEY: Final = 2
_PLACEHOLDER: Final = re.compile(r"\$\{|\{\{|\{vault://|<[^<>]*>")


def looks_like_key(text: str) -> bool:
    """Whether a text could be a key: long, with digits and letters in it, or after a word such as `Bearer`."""
    digits = sum(character.isdigit() for character in text)
    prefixed = text.lower().startswith(("bearer ", "basic ", "sk-", "-----begin"))
    return prefixed or (len(text) >= _SHORTEST_KEY and digits >= _DIGITS_OF_A_KEY and any(map(str.isalpha, text)))


def is_placeholder(value: Any) -> bool:
    """Whether a value only stands for another one: `${NAME}`, decK's `${{ env "DECK_NAME" }}`, `{vault://...}`, `<your key>`."""
    return isinstance(value, str) and _PLACEHOLDER.search(value) is not None


def shown_name(name: str) -> str:
    """The name of a field as a place shows it."""
    return name if _PLAIN.fullmatch(name) and not looks_like_key(name) else "(a field)"
