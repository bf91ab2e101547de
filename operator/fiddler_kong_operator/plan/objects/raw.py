"""Reads raw JSON that may be malformed: a file may hold anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fiddler_kong_operator.kube.objects import Manifest

__all__ = ["mapping", "mappings"]


def mapping(parent: Mapping[str, Any], name: str) -> Manifest:
    """The object under a name; {} where there is none."""
    found = parent.get(name)
    return found if isinstance(found, dict) else {}


def mappings(parent: Manifest, name: str) -> list[Any]:
    """The objects in the list under a name; [] where there is none."""
    found = parent.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
