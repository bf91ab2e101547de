"""Reads what the API server tells every user about itself: its version, and the kinds that it serves. No permission is needed."""

from __future__ import annotations

import json
from typing import Any, Final

from fiddler_kong_operator.errors import Gone, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.errors import Call
from fiddler_kong_operator.kube.objects import Kind, Manifest
from fiddler_kong_operator.plan.objects.raw import mapping, mappings

from .kinds import SERVER

__all__ = ["has_field", "read_version", "read_versions"]

SCHEMAS: Final = 16 << 20
"""Bytes of the schemas of one API group, at most."""


async def read_version(client: Client) -> str:
    """The version of the API server."""
    return str((await _read(client, "/version")).get("gitVersion") or "unknown")


async def read_versions(client: Client, kind: Kind) -> tuple[str, ...]:
    """The versions of the kind's group that the cluster serves; Gone where it does not know the group."""
    return tuple(str(version.get("version")) for version in mappings(await _read(client, f"/apis/{kind.group}"), "versions"))


async def has_field(client: Client, kind: Kind, field: str) -> bool:
    """Whether the kind has this field at the top level; Gone where the cluster does not know the kind."""
    document = await _read(client, f"/openapi/v3/apis/{kind.api_version}")
    schemas = mapping(mapping(document, "components"), "schemas")
    own = [schema for name, schema in schemas.items() if name.endswith(f".{kind.name}")]
    if not own:
        raise Gone(f"the cluster does not know {kind.name}")
    return any(field in mapping(schema, "properties") for schema in own)


async def _read(client: Client, path: str) -> Manifest:
    text = await client.read(Call("get", SERVER, name=path), path, limit=SCHEMAS)
    try:
        found: Any = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Transient(f"{path}: the API server's answer is not JSON")
    return found
