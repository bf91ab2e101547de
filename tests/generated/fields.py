"""The fields of a binding's spec, read from the generated structural schema, for strategies, mutations and oracles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.crd import build_schema

__all__ = ["LEAVES", "SCHEMA", "Schema", "node_at", "present"]

Schema = dict[str, Any]

SCHEMA: Final[Schema] = build_schema(BindingSpec)


def _leaves(node: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    if node.get("type") == "object" and "properties" in node:
        for name, child in node["properties"].items():
            yield from _leaves(child, f"{path}.{name}" if path else name)
    elif node.get("type") == "array":
        yield from _leaves(node["items"], f"{path}[]")
    else:
        yield path, node


LEAVES: Final[dict[str, Schema]] = dict(_leaves(SCHEMA, ""))
"""Schema of every leaf field, by its path: `routes[].llm.model`."""


def node_at(path: str) -> Schema:
    """The schema at a path, `routes[]` being one route."""
    node = SCHEMA
    for step in filter(None, path.replace("[]", ".[]").split(".")):
        node = node["items"] if step == "[]" else node["properties"][step]
    return node


def present(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of every field that the author of a spec wrote, without defaults."""
    if path in LEAVES:
        yield path, value
    elif isinstance(value, list):
        for item in value:
            yield from present(item, f"{path}[]")
    else:
        for name, item in value.items():
            yield from present(item, f"{path}.{name}" if path else name)
