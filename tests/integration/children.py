"""The visible results of a binding in its namespace: objects, Events, and the number of writes."""

from __future__ import annotations

from typing import Any, Final

from devcluster.audit import Mark, Write
from fiddler_kong_operator import names
from tests.integration.arena import Arena

__all__ = [
    "AI_PROXY",
    "CHILDREN",
    "INGRESS",
    "KEYS",
    "OPENTELEMETRY",
    "PRE_FUNCTION",
    "SERVICE",
    "Key",
    "breaches",
    "children",
    "events",
    "write_lines",
]

Manifest = dict[str, Any]
Key = tuple[str, str]
"""Kind and name."""

KEYS: Final = ("Secret", "assistant-kong-keys")
OPENTELEMETRY: Final = ("KongPlugin", "assistant-opentelemetry")
PRE_FUNCTION: Final = ("KongPlugin", "assistant-pre-function")
AI_PROXY: Final = ("KongPlugin", "assistant-openai-ai-proxy")
SERVICE: Final = ("Service", "assistant-openai")
INGRESS: Final = ("Ingress", "assistant-openai")

CHILDREN: Final[tuple[Key, ...]] = (KEYS, OPENTELEMETRY, PRE_FUNCTION, AI_PROXY, SERVICE, INGRESS)
"""The objects of the quick start's binding."""

_COUNTED: Final = frozenset({"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"})
"""Metadata that the API server assigns."""

_FINALIZERS: Final = ("f:metadata", "f:finalizers")
_REFUSED: Final = 400


def children(arena: Arena, binding: str = "assistant") -> dict[Key, Manifest]:
    """Every object whose name begins with the binding's, without server-assigned metadata."""
    kinds = dict.fromkeys(kind for kind, _ in CHILDREN)
    objects = (item for kind in kinds for item in arena.all_of(kind) if item["metadata"]["name"].startswith(f"{binding}-"))
    return {(item["kind"], item["metadata"]["name"]): _content(item) for item in objects}


def _content(item: Manifest) -> Manifest:
    metadata = {name: value for name, value in item["metadata"].items() if name not in _COUNTED}
    return {**{name: value for name, value in item.items() if name not in {"status", "apiVersion"}}, "metadata": metadata}


def events(arena: Arena, binding: str = "assistant") -> list[str]:
    """The reasons of a binding's Events, oldest first."""
    about = [
        event
        for event in arena.all_of("Event")
        if (event["involvedObject"]["kind"], event["involvedObject"]["name"]) == (names.KIND, binding)
    ]
    return [event["reason"] for event in sorted(about, key=lambda event: int(event["metadata"]["resourceVersion"]))]


def write_lines(arena: Arena, since: Mark) -> list[str]:
    """`patch secrets assistant-kong-keys` for each of the operator's writes in this namespace, in order, without Events."""
    return [_told(write) for write in _here(arena, since) if write.resource != "events"]


def object_lines(arena: Arena, since: Mark) -> list[str]:
    """The same without statuses: a new route costs one until Kong takes its plugins, one until Kong confirms it, and one then."""
    lines = write_lines(arena, since)
    told = [line for line in lines if "/status " not in line]
    assert len(lines) - len(told) <= 3, lines
    return told


def _told(write: Write) -> str:
    what = "/".join(filter(None, [write.resource, write.subresource]))
    return f"{write.verb} {what} {write.name}" + (f" -> {write.code}" if write.code >= _REFUSED else "")


def _here(arena: Arena, since: Mark) -> list[Write]:
    return [write for write in arena.writes(since) if write.namespace == arena.namespace]


def breaches(arena: Arena) -> list[str]:
    """Forbidden writes of the operator: to the test's Secrets, and to fields of a binding other than status and finalizers."""
    done = (write for write in _here(arena, Mark(0)) if write.code < _REFUSED)
    secrets = [str(write) for write in done if write.resource == "secrets" and ("Secret", write.name) in arena.made]
    return secrets + [f"{b['metadata']['name']}: {field}" for b in arena.all_of(names.KIND) for field in _ours_beside_status(b)]


def _ours_beside_status(binding: Manifest) -> list[str]:
    """Fields of a binding, other than status and finalizers, that our field manager owns."""
    entries = [e for e in binding["metadata"].get("managedFields") or () if e["manager"] == names.FIELD_MANAGER]
    paths = [(top, inner) for e in entries if not e.get("subresource") for top, fields in e["fieldsV1"].items() for inner in fields]
    return [".".join(path) for path in paths if path != _FINALIZERS]
