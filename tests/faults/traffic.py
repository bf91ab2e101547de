"""Parses one request of the operator to the API server: verb, resource, object. No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

__all__ = ["Call", "read_call"]

_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_LEADING: Final = {"api": 2, "apis": 3}
"""Path segments before the namespace or the resource: `api/v1`, `apis/<group>/<version>`."""


@dataclass(frozen=True)
class Call:
    """One request. `verb` is get, list, watch, create, update, patch, delete, or dry-run; an apply is a `patch`."""

    verb: str
    resource: str
    """Plural, such as `kongplugins`; empty for a path that is not a resource."""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    body: Any = None

    @property
    def is_write(self) -> bool:
        """Whether it writes an object other than the operator's Lease."""
        return self.verb in _VERBS.values() and not self.is_lease

    @property
    def is_lease(self) -> bool:
        """Whether it belongs to leader election."""
        return self.resource == "leases"

    def __str__(self) -> str:
        """`create kongplugins assistant-opentelemetry`; an Event, which has a random name, is shown by its reason."""
        what = "/".join(filter(None, [self.resource, self.subresource]))
        return f"{self.verb} {what} {self._object}"

    @property
    def _object(self) -> str:
        if self.resource == "events":
            return str((self.body or {}).get("reason"))
        return self.name or str(((self.body or {}).get("metadata") or {}).get("name", "")) if self.is_write else self.name


def read_call(method: str, target: str, body: bytes = b"") -> Call:
    """Parse a method, a path with its query, and a body."""
    parts = urlsplit(target)
    segments = [segment for segment in parts.path.split("/") if segment]
    rest = segments[_LEADING.get(segments[0], 0) :] if segments else []
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    resource, name, subresource = (*rest, "", "", "")[:3]
    return Call(_verb(method, name, parts.query), resource, namespace, name, subresource, _parsed(body))


def _verb(method: str, name: str, query: str) -> str:
    if "dryRun" in parse_qs(query):
        return "dry-run"
    if method != "GET":
        return _VERBS.get(method, method.lower())
    if "watch" in parse_qs(query):
        return "watch"
    return "get" if name else "list"


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
