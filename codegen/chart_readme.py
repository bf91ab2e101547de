"""The chart's README.md: a text by hand, and a table of the values with their comments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from codegen.text import HEADER, table

__all__ = ["build_readme"]

TEXT: Final = Path(__file__).resolve().parent / "chart.readme.md"


def build_readme(values: str, schema: dict[str, Any]) -> str:
    """The page for values.yaml and its schema; ValueError names a value without a comment."""
    root = yaml.compose(values, Loader=yaml.SafeLoader)
    rows = _rows(root, schema, values.splitlines()) if root else ()
    return f"<!-- {HEADER} -->\n\n{TEXT.read_text()}{table(('Value', 'Default', 'Meaning'), rows)}"


def _rows(node: yaml.Node, schema: dict[str, Any], lines: list[str], path: str = "") -> Iterator[tuple[str, str, str]]:
    """A row for each value, and for a group of values that has a comment of its own."""
    for key, value in node.value:
        name, inner = f"{path}{key.value}", _resolve(schema, schema["properties"][key.value])
        comment = _comment(lines, key.start_mark.line)
        if "properties" in inner and (not comment or _explained(value, lines)):
            yield from [(f"`{name}`", "", comment)] if comment else ()
            yield from _rows(value, inner, lines, f"{name}.")
        elif comment:
            yield f"`{name}`", f"`{json.dumps(yaml.safe_load(yaml.serialize(value)))}`", comment
        else:
            raise ValueError(f"the value {name} has no comment")


def _explained(node: yaml.Node, lines: list[str]) -> bool:
    """Whether a key inside a mapping has a comment."""
    inside = node.value if isinstance(node, yaml.MappingNode) else ()
    return any(_comment(lines, key.start_mark.line) or _explained(value, lines) for key, value in inside)


def _resolve(root: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema that a `$ref` names, with the definitions at hand for those inside."""
    name = schema.get("$ref", "").rpartition("/")[2]
    definitions = root.get("definitions", {})
    return (definitions[name] if name else schema) | {"definitions": definitions}


def _comment(lines: list[str], line: int) -> str:
    """The comment right above a line."""
    words: list[str] = []
    while line and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        words.insert(0, lines[line].strip().removeprefix("#").strip())
    return " ".join(words)
