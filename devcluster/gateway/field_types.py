"""The building blocks of Kong's schemas: one function for each type of field.

`format` names a check of `formats.py`; in Kong that is a function, which its Admin API does not show.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Schema", "Version", "array_of", "boolean", "field", "number", "record", "string"]

Schema = dict[str, Any]
Version = tuple[int, ...]


def field(kind: str, **more: Any) -> Schema:
    """A field of any type."""
    return {"type": kind, "required": False, **more}


def string(**more: Any) -> Schema:
    """A string."""
    return field("string", **more)


def array_of(elements: Schema | None = None, **more: Any) -> Schema:
    """A list, of strings by default."""
    return field("array", elements=elements or {"type": "string"}, **more)


def record(fields: dict[str, Schema], **more: Any) -> Schema:
    """A record; its fields in Kong's form, a list of one-key objects."""
    return field("record", fields=[{name: schema} for name, schema in fields.items()], **more)


def number(default: float | None = None, between: tuple[float, float] | None = None, kind: str = "number", **more: Any) -> Schema:
    """A number, or an integer with `kind`."""
    preset: Schema = {} if default is None else {"default": default}
    return field(kind, **preset, **({"between": list(between)} if between else {}), **more)


def boolean(*, default: bool | None = None, required: bool = False) -> Schema:
    """A boolean."""
    return field("boolean", **({} if default is None else {"default": default}) | {"required": required})
