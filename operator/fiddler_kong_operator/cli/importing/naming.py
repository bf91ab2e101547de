"""Names of new objects, made from names in a Kong file: valid, unique, and never a text that could be a key."""

from __future__ import annotations

import re
from typing import Final

from .shown import looks_like_key

__all__ = ["Namer", "slug"]

_OTHERS: Final = re.compile(r"[^a-z0-9]+")


def slug(text: str | None, longest: int) -> str:
    """The text as a DNS label that begins with a letter; "" where nothing is left of it, or where it could be a key."""
    if not text or looks_like_key(text):
        return ""
    return _OTHERS.sub("-", text.lower()).lstrip("-0123456789")[:longest].strip("-")


class Namer:
    """Gives each name once; a second one gets a number."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._given: set[str] = set()

    def name(self, *wishes: str | None) -> str:
        """The slug of the first wish that has one, or `llm`; with a number if that name is taken."""
        base = next(filter(None, (slug(wish, self._longest) for wish in wishes)), "llm")
        name, number = base, 1
        while name in self._given:
            number += 1
            ending = f"-{number}"
            name = f"{base[: self._longest - len(ending)].rstrip('-')}{ending}"
        self._given.add(name)
        return name
