"""Turns pydantic's errors about a spec into the words of the API: field and rule, never the value."""

from __future__ import annotations

import re
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .rules import BROKEN

__all__ = ["UNKNOWN_FIELD", "violations"]

Location = tuple[int | str, ...]

UNKNOWN_FIELD: Final = "extra_forbidden"
"""pydantic's error type for an unknown field. `violations` leaves it out, because only some callers ask about it."""

_SUBJECT: Final = re.compile(r"^(?:Input|String|Tuple|List|Dictionary) should")
"""The start of pydantic's messages, which names the Python type."""

_TYPES: Final = {
    "string_type": "must be text: put a number, true or false in quotes",
    "int_type": "must be a whole number, without quotes",
    "float_type": "must be a number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "missing": "must be given",
}
"""The sentences for values of another type, which YAML has made of what was written, and for fields that are left out."""


def violations(error: ValidationError) -> list[str]:
    """One sentence for each error. It begins with the field's path from `spec` on."""
    found = error.errors(include_url=False, include_input=False)
    places = [problem["loc"] for problem in found]
    return [
        f"{_path(_place(problem))}: {_sentence(problem['type'], problem['msg'])}"
        for problem in found
        if problem["type"] != UNKNOWN_FIELD
        and (problem["type"] != "too_short" or not any(_is_inside(place, problem["loc"]) for place in places))
    ]


def _is_inside(place: Location, outer: Location) -> bool:
    """Whether an error is inside a list: pydantic counts only valid items, so one bad item makes the list too short as well."""
    return len(place) > len(outer) and place[: len(outer)] == outer


def _place(problem: ErrorDetails) -> Location:
    """Where the error is; a rule about an object says itself which of its fields is wrong."""
    field = problem["ctx"]["field"] if problem["type"] == BROKEN else ""
    return (*problem["loc"], *filter(None, [field]))


def _path(place: Location) -> str:
    return "spec" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)


def _sentence(kind: str, message: str) -> str:
    if kind in _TYPES:
        return _TYPES[kind]
    text = message.removeprefix("Value error, ").partition(" after validation")[0]
    return _SUBJECT.sub("must", text).replace("should", "must")
