"""The rest of a plugin's config -> operations of `spec.overrides`: one for each field that differs from Kong's default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from fiddler_kong_operator.kube.objects import Manifest

from .parts import Part
from .shown import is_placeholder, looks_like_key

__all__ = ["Operation", "leftover"]

_SECRETIVE: Final = "may hold a key, which an override would show: set it by hand, or leave it out."
_PLACEHOLDER: Final = "holds a placeholder, which nothing fills in here: add an override with the value itself."


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation of an override, and the place in the file of its value."""

    pointer: str
    value: Any
    place: str

    def below(self, pointer: str) -> Operation:
        """The same operation inside another object."""
        return replace(self, pointer=f"{pointer}{self.pointer}")

    @property
    def manifest(self) -> Manifest:
        """As a binding has it."""
        return {"op": "add", "path": self.pointer, "value": self.value}


def leftover(part: Part, defaults: Mapping[str, Any], pointer: str = "") -> Iterator[Operation]:
    """An operation for each field that was not taken and differs from its default. A possible key or a placeholder is reported instead."""
    for name, value in part.rest():
        where, default = f"{pointer}/{_escaped(name)}", defaults.get(name)
        if isinstance(value, dict) and not _fault(name, None):
            inner = Part(value, part.place_of(name), part.report)
            yield from leftover(inner, default if isinstance(default, dict) else {}, where)
        elif value != default:
            fault = _fault(name, value)
            if fault:
                part.lose(name, fault)
            else:
                yield Operation(where, value, part.place_of(name))


def _fault(name: str, value: Any) -> str | None:
    texts = [name, *_texts(value)]
    if any(map(looks_like_key, texts)):
        return _SECRETIVE
    return _PLACEHOLDER if any(map(is_placeholder, texts)) else None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
