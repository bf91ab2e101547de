"""The fields of a binding's spec, read from the generated structural schema, for strategies, mutations and oracles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.crd import build_schema

__all__ = ["LEAVES", "SCHEMA", "Schema", "fits", "form_of", "node_at", "present"]

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


_RULE: Final = re.compile(r"(!?)self\.matches\(r'\^(.*?)\$'\)")
"""The start of a rule about a text's form, or about one that it must not have."""


def form_of(node: Schema) -> str | None:
    """The pattern that texts of a node match as a whole; None where there is none."""
    return next((pattern for refused, pattern in _patterns(node) if not refused), None)


def fits(text: str, node: Schema) -> bool:
    """Whether a text has the form that the rules of a node demand."""
    return all((re.fullmatch(pattern, text) is None) == bool(refused) for refused, pattern in _patterns(node))


def _patterns(node: Schema) -> Iterator[tuple[str, str]]:
    for rule in node.get("x-kubernetes-validations", ()):
        found = _RULE.match(rule["rule"])
        if found:
            yield found[1], found[2]


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
