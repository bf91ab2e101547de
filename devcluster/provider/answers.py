"""The answers that every form gives: the same question gets the same answer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Message", "Said", "answer", "count_tokens", "text_of", "vector"]

Message = tuple[str, str]
"""Role (`user` for that of the person who asks) and text."""

_CAPITALS: Final = {"france": "Paris", "germany": "Berlin", "italy": "Rome", "japan": "Tokyo", "spain": "Madrid", "portugal": "Lisbon"}
_FRAME: Final = 3
"""Tokens that a message costs beside its words."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer. `cut` where the limit of tokens has shortened it."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    cut: bool
    id: str


def answer(messages: Sequence[Message], limit: int = 0) -> Said:
    """The answer to a conversation, in at most `limit` tokens; 0 means no limit."""
    words = _reply([text for role, text in messages if role == "user"]).split()
    cut = 0 < limit < len(words)
    words = words[:limit] if cut else words
    prompt = sum(count_tokens(text) + _FRAME for _, text in messages)
    return Said(" ".join(words), prompt, len(words), cut, hashlib.sha256(json.dumps(messages).encode()).hexdigest()[:24])


def _reply(said: list[str]) -> str:
    last = said[-1] if said else ""
    country = next((name for name in _CAPITALS if name in last.lower()), None)
    if country and any("capital" in text.lower() for text in said):
        reply = f"The capital of {country.capitalize()} is {_CAPITALS[country]}."
    else:
        reply = f"You said: {' '.join(last.split()[:12])}."
    return f"{reply} This was turn {len(said)}."


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or a list of parts of which some have a `text`."""
    parts = content if isinstance(content, list) else ()
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in parts if isinstance(part, dict))


def count_tokens(text: str) -> int:
    """The number of tokens of a text: here a token is a word."""
    return max(1, len(text.split()))


def vector(text: str) -> list[float]:
    """The embedding of a text."""
    return [round(byte / 255 - 0.5, 6) for byte in hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8]]
