"""One field of a plugin's configuration: which values Kong takes, and in which minor versions the field exists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

__all__ = [
    "BOOLEAN",
    "HEADER",
    "HOST_PART",
    "INTEGER",
    "KNOWN_MINORS",
    "NUMBER",
    "STRING",
    "Field",
    "Minor",
    "choice",
    "dotted",
    "integer",
    "list_of",
    "map_of",
    "number",
    "record",
]

Minor = tuple[int, ...]
"""Major and minor number of a Kong version."""

KNOWN_MINORS: Final[tuple[Minor, ...]] = ((3, 13), (3, 14), (3, 15))
"""The versions whose schemas the tables follow, oldest first."""

Kind = Literal["string", "header", "host part", "boolean", "integer", "number", "list", "map", "record"]

_TYPES: Final[Mapping[Kind, type | tuple[type, ...]]] = {
    "string": str,
    "header": str,
    "host part": str,
    "integer": (int, float),
    "number": (int, float),
    "list": list,
    "map": dict,
    "record": dict,
}

_PATTERNS: Final[Mapping[Kind, re.Pattern[str]]] = {
    "header": re.compile(r"[A-Za-z0-9_-]+"),
    "host part": re.compile(r"[A-Za-z0-9.-]+"),
}

_WORDS: Final[Mapping[Kind, str]] = {
    "string": "a string that is not empty",
    "header": "the name of a header: letters, digits, - and _",
    "host part": "a part of a host's name: letters, digits, - and .",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "list": "a list",
    "map": "an object",
    "record": "an object",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field and its rule. Bounds are inclusive, except `above`; a choice in `newer` exists from that version on."""

    kind: Kind
    least: float | None = None
    most: float | None = None
    above: float | None = None
    choices: tuple[str | int, ...] = ()
    newer: Mapping[str, Minor] = field(default_factory=dict)
    fields: Mapping[str, Field] = field(default_factory=dict)
    """Of a record."""
    items: Field | None = None
    """Of a list, or the values of a map."""
    shortest: int = 0
    """The number of items that a list must have at least."""
    required: bool = False
    since: Minor = KNOWN_MINORS[0]
    until: Minor = KNOWN_MINORS[-1]

    def exists_in(self, minor: Minor) -> bool:
        """Whether this version has the field."""
        return self.since <= minor <= self.until

    def accepts(self, value: Any, minor: Minor) -> bool:
        """Whether Kong of this version takes the value; the fields and items inside it are not looked at."""
        return self._fits_kind(value) and (self._is_offered(value, minor) if self.choices else self._is_within(value))

    def demand(self, minor: Minor) -> str:
        """The demand on a value, in words that follow "must be"."""
        if self.choices:
            return f"one of {', '.join(str(value) for value in self.choices if self._is_offered(value, minor))}"
        if self.least is not None and self.most is not None:
            return f"{_WORDS[self.kind]} between {self.least:g} and {self.most:.10g}"
        if self.least is not None:
            return f"{_WORDS[self.kind]} of at least {self.least:g}"
        if self.shortest:
            return f"{_WORDS[self.kind]} that is not empty"
        return f"{_WORDS[self.kind]} above {self.above:g}" if self.above is not None else _WORDS[self.kind]

    @property
    def is_object(self) -> bool:
        """Whether other fields can be inside it, under names."""
        return self.kind in ("record", "map")

    def inside(self, name: str) -> Field | None:
        """The field of that name in a record or map, or the item of a list; None where there can be none."""
        return self.fields.get(name, self.items)

    def _is_offered(self, value: str | int, minor: Minor) -> bool:
        return value in self.choices and self.newer.get(str(value), minor) <= minor

    def _fits_kind(self, value: Any) -> bool:
        if self.kind == "boolean" or isinstance(value, bool):
            return self.kind == "boolean" and isinstance(value, bool)
        fits = isinstance(value, _TYPES[self.kind]) and value != ""
        if not fits or (self.kind == "list" and len(value) < self.shortest):
            return False
        pattern = _PATTERNS.get(self.kind)
        return pattern.fullmatch(value) is not None if pattern else self.kind != "integer" or float(value).is_integer()

    def _is_within(self, value: Any) -> bool:
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
        )


STRING: Final = Field(kind="string")
HEADER: Final = Field(kind="header")
HOST_PART: Final = Field(kind="host part")
"""Kong makes a provider's address from it. Its schema takes any string, and with one such as `10.0.0.1/` calls another host."""
BOOLEAN: Final = Field(kind="boolean")
INTEGER: Final = Field(kind="integer")
NUMBER: Final = Field(kind="number")


def dotted(minor: Minor) -> str:
    """The version as people write it, such as 3.13."""
    return ".".join(map(str, minor))


def integer(least: float | None = None, most: float | None = None, *, above: float | None = None) -> Field:
    """An integer within bounds."""
    return Field(kind="integer", least=least, most=most, above=above)


def number(least: float | None = None, most: float | None = None, *, above: float | None = None) -> Field:
    """A number within bounds."""
    return Field(kind="number", least=least, most=most, above=above)


def choice(*values: str, newer: Mapping[str, Minor] = MappingProxyType({})) -> Field:
    """One of several words; those of `newer` exist only from a version on."""
    return Field(kind="string", choices=(*values, *newer), newer=newer)


def list_of(items: Field, shortest: int = 0) -> Field:
    """A list of at least that many items."""
    return Field(kind="list", items=items, shortest=shortest)


def map_of(items: Field) -> Field:
    """Values of one kind under any names."""
    return Field(kind="map", items=items)


def record(**fields: Field) -> Field:
    """Named fields."""
    return Field(kind="record", fields=fields)
