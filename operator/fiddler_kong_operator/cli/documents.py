"""YAML or JSON files of Kubernetes objects -> documents. No error of this module repeats the content of a file, which may hold keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from fiddler_kong_operator.kube.objects import Manifest

__all__ = ["LEGACY_BOOLEANS", "Document", "DocumentError", "read_documents"]

_LEGACY: Final = "tag:fiddler-kong,2026:legacy-boolean"
LEGACY_BOOLEANS: Final = re.compile(r"^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF)$")
"""Words that are booleans in YAML 1.1, which kubectl reads, and text in YAML 1.2."""


_MOST_COPIES: Final = 100_000
"""Values that the aliases of a file may stand for in all: aliases of aliases make a short file endlessly large."""

_DEEPEST: Final = 100
"""Levels of brackets in brackets. The time that PyYAML takes grows with their square."""


class DocumentError(ValueError):
    """The file cannot be read as Kubernetes objects."""


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file, and the places (line, word) where a word without quotes would be a boolean to kubectl."""

    manifest: Manifest = field(repr=False)
    legacy_booleans: tuple[tuple[int, str], ...] = ()

    @property
    def kind(self) -> str:
        """The object's kind; "" where it has none."""
        return str(self.manifest.get("kind") or "")

    @property
    def name(self) -> str:
        """The object's name; "" where it has none."""
        return str(self.metadata.get("name") or "")

    @property
    def namespace(self) -> str:
        """The object's namespace; "" where it names none."""
        return str(self.metadata.get("namespace") or "")

    @property
    def metadata(self) -> Manifest:
        """The object's metadata; empty where it is no mapping."""
        metadata = self.manifest.get("metadata")
        return metadata if isinstance(metadata, dict) else {}


class _Loader(yaml.SafeLoader):
    """YAML 1.2's booleans and numbers, no timestamps, no duplicate keys, so that each value is read as it looks.

    YAML 1.1 would read the `1e-06` of a JSON file as text.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.legacy_booleans: list[tuple[int, str]] = []
        self._composed = 0
        self._copied = 0
        self._sizes: dict[yaml.Node, int] = {}
        """The number of values in each composed node, with every alias resolved."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node; DocumentError where aliases stand for too much."""
        alias, before = self.check_event(yaml.AliasEvent), self._composed
        node: yaml.Node | None = super().compose_node(parent, index)
        if node is None:
            return None
        self._composed += self._sizes.get(node, 1) if alias else 1
        if alias:
            self._copied += self._sizes.get(node, 1)
        else:
            self._sizes[node] = self._composed - before
        if self._copied > _MOST_COPIES:
            raise DocumentError("the aliases of the file stand for too many values; write them out")
        return node

    def fetch_flow_collection_start(self, token: type[yaml.Token]) -> None:
        """A bracket; DocumentError where it is in too many others."""
        if self.flow_level >= _DEEPEST:
            raise DocumentError("the file is nested too deeply")
        super().fetch_flow_collection_start(token)

    def plain_value(self, node: yaml.ScalarNode) -> object:
        """A number, true or false; DocumentError where an explicit tag does not fit the value."""
        try:
            value: object = yaml.SafeLoader.yaml_constructors[node.tag](self, node)
        except (ValueError, KeyError):
            raise DocumentError(f"line {node.start_mark.line + 1}: a value is not what its tag says, or a number is too long") from None
        return value

    def legacy_boolean(self, node: yaml.ScalarNode) -> str:
        self.legacy_booleans.append((node.start_mark.line + 1, node.value))
        return str(node.value)

    def unique_mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        """Field names are text, as in JSON: Python would take `1` and `true` for one name."""
        seen: set[str] = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise DocumentError(f"line {line}: the name of a field must be text")
            if key.value in seen:
                raise DocumentError(f"line {line}: a field is given twice in the same object")
            seen.add(key.value)
            if key.tag == _LEGACY:
                self.legacy_boolean(key)
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"), list("-+.0123456789")
)
_Loader.add_implicit_resolver(_LEGACY, LEGACY_BOOLEANS, list("yYnNoO"))
_Loader.add_constructor(_LEGACY, _Loader.legacy_boolean)
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.unique_mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", yaml.SafeLoader.yaml_constructors[None])
for _name in ("int", "float", "bool"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name}", _Loader.plain_value)


def read_documents(text: str) -> list[Document]:
    """The objects of a file, those inside a `List` included; DocumentError where it is not YAML or contains something else."""
    try:
        return list(_documents(_Loader(text)))
    except yaml.MarkedYAMLError as error:
        raise DocumentError(_where(error)) from None
    except yaml.YAMLError:
        raise DocumentError("the file holds a character that YAML does not allow") from None
    except RecursionError:
        raise DocumentError("the file is nested too deeply") from None


def _documents(loader: _Loader) -> Iterator[Document]:
    while loader.check_data():  # type: ignore[no-untyped-call]
        value, found = loader.get_data(), tuple(loader.legacy_booleans)
        loader.legacy_booleans.clear()
        yield from _unlisted(value, found)


def _unlisted(value: Any, found: tuple[tuple[int, str], ...]) -> list[Document]:
    if value is None:
        return []
    if not isinstance(value, dict):
        raise DocumentError("each document must be a Kubernetes object (apiVersion, kind, metadata, ...)")
    if value.get("kind") == "List" and isinstance(value.get("items"), list):
        return [document for item in value["items"] for document in _unlisted(item, found)]
    return [Document(_json_only(value), found)]


def _json_only(value: Manifest) -> Manifest:
    try:
        parsed: Manifest = json.loads(json.dumps(value, allow_nan=False))
        json.dumps(parsed, ensure_ascii=False).encode()
    except (TypeError, ValueError):
        raise DocumentError(
            "a value cannot be written as JSON (binary, NaN, infinite, half a character, or an object within itself)"
        ) from None
    return parsed


def _where(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{place}this is not YAML; check indentation, quotes and colons there"
