"""The contract of a form: one provider's own API."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Call", "Form", "Operation", "Place", "Refusal", "Reply", "holds_header", "holds_parameter", "is_same"]


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it arrived. `path` has no query and is not decoded; header names are in lower case, `host` has no port."""

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent. Raises `Refusal` for anything else."""
        try:
            parsed = json.loads(self.content)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise Refusal(400, "the body must be a JSON object")
        return parsed


class Refusal(Exception):
    """The provider does not answer a call; its form puts status and message in its own words."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


Reply = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""An answer's JSON, or the events of a stream in OpenAI's form."""

Operation = Callable[..., Reply]
"""Answers a call; further arguments are the groups of its pattern."""

Place = Callable[[Call, str], bool]
"""Whether a call has a key where the provider looks for it."""


@dataclass(frozen=True, slots=True)
class Form:
    """One provider.

    `host` is a glob. `operations` are regular expressions over `METHOD /path`, each with what answers such calls.
    `places` are the headers, or `?` and a parameter, that may have the key. `unauthorized` refuses all other calls.
    """

    name: str
    host: str
    operations: Mapping[str, Operation]
    places: Mapping[str, Place]
    unauthorized: Refusal
    error: Callable[[Refusal], Mapping[str, Any]]
    """The JSON of a refusal."""

    def admits(self, call: Call, key: str) -> bool:
        """Whether the key is where the provider looks for it."""
        return any(holds(call, key) for holds in self.places.values())


def is_same(given: str, expected: str) -> bool:
    """Compare a key in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def holds_header(name: str, prefix: str = "") -> Mapping[str, Place]:
    """The key in a header, behind a prefix."""
    return {name: lambda call, key: is_same(call.headers.get(name, ""), prefix + key)}


def holds_parameter(name: str) -> Mapping[str, Place]:
    """The key in a parameter of the query."""
    return {f"?{name}": lambda call, key: is_same(call.query.get(name, ""), key)}
