"""Reads an object of a Kong file field by field, by type. A field of another type is reported, and so can be a field that was not read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from .report import Report
from .shown import is_placeholder, shown_name

__all__ = ["Part"]

T = TypeVar("T")

_PLACEHOLDER: Final = "is a placeholder, which nothing fills in here: write the value itself, or set the field of the binding by hand."


class Part:
    """One object of the file. Each field can be taken once; a field that is null counts as absent, as it does for Kong."""

    def __init__(self, value: Mapping[str, Any], place: str, report: Report) -> None:
        self._left = {name: item for name, item in value.items() if item is not None}
        self.place = place
        self.report = report

    def place_of(self, name: str) -> str:
        """The place of a field."""
        return f"{self.place}.{shown_name(name)}" if self.place else shown_name(name)

    def has(self, name: str) -> bool:
        """Whether the field is there and not taken yet."""
        return name in self._left

    def names(self) -> tuple[str, ...]:
        """The fields that were not taken yet."""
        return tuple(self._left)

    def peek(self, name: str) -> Any:
        """The field's value, whatever it is, which can still be taken."""
        return self._left.get(name)

    def take(self, name: str) -> Any:
        """The field's value, whatever it is; None where it is absent."""
        return self._left.pop(name, None)

    def text(self, name: str) -> str | None:
        """A text that is not empty."""
        return self._typed(name, lambda found: found if isinstance(found, str) and found else None, "a text that is not empty")

    def integer(self, name: str) -> int | None:
        """A whole number."""
        return self._typed(name, _integer, "a whole number")

    def number(self, name: str) -> float | None:
        """A number."""
        return self._typed(name, _number, "a number")

    def flag(self, name: str) -> bool | None:
        """True or false."""
        return self._typed(name, lambda found: found if isinstance(found, bool) else None, "true or false")

    def texts(self, name: str) -> list[str]:
        """A list of texts; empty where it is absent."""
        return self._typed(name, _texts, "a list of texts") or []

    def part(self, name: str) -> Part:
        """An object; an empty one where it is absent."""
        found = self._typed(name, lambda found: found if isinstance(found, dict) else None, "an object")
        return Part(found or {}, self.place_of(name), self.report)

    def parts(self, name: str) -> list[Part]:
        """A list of objects."""
        found = self._typed(name, lambda found: found if isinstance(found, list) else None, "a list")
        return [part for index, item in enumerate(found or []) for part in self._item(item, f"{self.place_of(name)}[{index}]")]

    def under(self, defaults: Mapping[str, Any]) -> Part:
        """The same object with defaults for fields that it lacks."""
        return Part({**defaults, **self._left}, self.place, self.report)

    def rest_but(self, *names: str) -> Iterator[tuple[str, Any]]:
        """Take every remaining field except these."""
        for name in [name for name in self._left if name not in names]:
            yield name, self._left.pop(name)

    def rest(self) -> Iterator[tuple[str, Any]]:
        """Take every remaining field."""
        yield from self.rest_but()

    def lose_rest(self, advice: str) -> None:
        """Report every field that was not taken."""
        for name, _ in self.rest():
            self.lose(name, advice)

    def lose(self, name: str, text: str) -> None:
        """Report that a field is not carried over."""
        self.report.lose(self.place_of(name), text)

    def _item(self, item: Any, place: str) -> Iterator[Part]:
        if isinstance(item, dict):
            yield Part(item, place, self.report)
        elif item is not None:
            self.report.lose(place, "must be an object; it was left out.")

    def _typed(self, name: str, read: Callable[[Any], T | None], demand: str) -> T | None:
        value = self.take(name)
        found = None if value is None else read(value)
        if value is not None and found is None:
            self.lose(name, _PLACEHOLDER if is_placeholder(value) else f"must be {demand}; it was left out.")
        return found


def _number(found: Any) -> float | None:
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _integer(found: Any) -> int | None:
    number = _number(found)
    return int(number) if number is not None and (isinstance(number, int) or number.is_integer()) else None


def _texts(found: Any) -> list[str] | None:
    return found if isinstance(found, list) and all(isinstance(item, str) for item in found) else None
