"""The keys of a Kong file, and the Secrets they go into. A key shows in no repr."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from fiddler_kong_operator.kube.objects import Manifest

from .parts import Part
from .shown import is_placeholder

__all__ = ["Key", "Secrets", "read_key", "split_prefix"]

_PREFIXED: Final = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,30} )?(.*)", re.DOTALL)
_USABLE: Final = re.compile(r"[!-~]+")
_MISSING: Final = "Create the Secret `{name}` with the bare key in `{entry}`."


@dataclass(frozen=True, slots=True)
class Key:
    """A key that a binding refers to."""

    owner: str
    """`fiddler`, or a provider."""
    text: str = field(repr=False)
    place: str = field(compare=False)
    problem: str = ""
    """Why the text is no key: it is a placeholder, for example."""
    entry: str = "api-key"


def split_prefix(text: str) -> tuple[str, str]:
    """A header's value as the word before a key, with its space, and the rest. The word may be missing."""
    found = _PREFIXED.fullmatch(text)
    return (found[1] or "", found[2]) if found else ("", text)


def read_key(part: Part, name: str, bare: str | None, owner: str, entry: str = "api-key") -> Key:
    """The key in a field: `bare` is its value without a prefix."""
    return Key(owner, bare or "", part.place_of(name), _problem(bare or "", entry), entry)


def _problem(bare: str, entry: str) -> str:
    if not bare:
        return "there is no key."
    if is_placeholder(bare):
        return "this is a placeholder or a reference to a vault, not a key."
    usable = _USABLE.fullmatch(bare) or entry == "service-account.json"
    return "" if usable else "this holds characters that no key has."


class Secrets:
    """The Secrets of one binding, named after it, so that they do not overwrite those of another binding."""

    def __init__(self, binding: str, namespace: str) -> None:
        self._binding, self._namespace = binding, namespace
        self._names: dict[tuple[str, str, str], str] = {}
        self._data: dict[str, dict[str, str]] = {}
        self.missing: dict[Key, str] = {}
        """Each key that the file does not have, with a sentence to report."""

    def ref(self, key: Key) -> dict[str, str]:
        """The reference to a key. Equal keys of one owner are in one Secret."""
        known = (key.owner, key.entry, key.text)
        name = self._names.get(known) or self._place(key)
        self._names[known] = name
        if key.problem:
            self.missing[key] = f"{key.problem} {_MISSING.format(name=name, entry=key.entry)}"
        return {"name": name, "key": key.entry}

    @property
    def manifests(self) -> list[Manifest]:
        """The Secrets, keys included."""
        return [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": self._namespace},
                "type": "Opaque",
                "stringData": data,
            }
            for name, data in self._data.items()
            if data
        ]

    @property
    def complete(self) -> list[Manifest]:
        """The Secrets in which no key is missing."""
        lacking = {self._names[key.owner, key.entry, key.text] for key in self.missing}
        return [manifest for manifest in self.manifests if manifest["metadata"]["name"] not in lacking]

    def resolved(self, node: Any) -> Any:
        """A part of a binding with a reference in place of each key."""
        if isinstance(node, Key):
            return self.ref(node)
        if isinstance(node, dict):
            return {name: self.resolved(item) for name, item in node.items()}
        return [self.resolved(item) for item in node] if isinstance(node, list) else node

    def _place(self, key: Key) -> str:
        """The first Secret of the owner that has room for the entry."""
        number, name = 1, f"{self._binding}-{key.owner}"
        while key.entry in self._data.get(name, {}) or name in self._taken(key):
            number += 1
            name = f"{self._binding}-{key.owner}-{number}"
        data = self._data.setdefault(name, {})
        if not key.problem:
            data[key.entry] = key.text
        return name

    def _taken(self, key: Key) -> set[str]:
        """The Secrets in which the entry of that name belongs to another key, with a value or without."""
        return {name for (owner, entry, _), name in self._names.items() if (owner, entry) == (key.owner, key.entry)}
