"""Digests of the fields that this project manages: compared, and kept, instead of thousands of objects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import orjson

from fiddler_kong_operator import names

from .raw import mapping

__all__ = [
    "LABELS",
    "content_digest",
    "content_shape",
    "controllers",
    "fixed_fields",
    "managed_annotations",
    "managed_content",
    "same_metadata",
]

LABELS: Final = (names.MANAGED_BY_LABEL, names.BINDING_LABEL, names.ROUTE_LABEL, "konghq.com/secret", "konghq.com/validate")
"""The labels that the operator decides."""

_UNMANAGED: Final = frozenset({"apiVersion", "kind", "metadata", "status"})
_KONG: Final = "konghq.com/"

_DECISIVE: Final = frozenset({
    "kubernetes.io/ingress.class",
    *(
        _KONG + name
        for name in (
            "plugins", "override",
            "protocol", "path", "host-header", "tls-verify",
            "strip-path", "preserve-host", "rewrite", "path-handling", "regex-prefix",
            "protocols", "methods", "headers", "headers-separator", "snis", "host-aliases",
        )
    ),
})  # fmt: skip
"""Annotations that decide which plugins run, where a call goes, or which calls a route takes; some values make Kong refuse everything.

Only the operator may set them on our objects. Other annotations of Kong (buffering, tags, certificates, ...) stay as others set them.
"""
_HALF: Final = 12
"""Bytes for each half of a digest: enough to make a collision infeasible."""


def managed_content(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Every top-level field that this project manages: all but identity, metadata and status, without nulls."""
    return {name: value for name, value in manifest.items() if name not in _UNMANAGED and value is not None}


def managed_annotations(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The annotations that this project manages: the decisive ones, and those of Kong that our field manager has set.

    A desired manifest has no managedFields: there all of Kong's are ours.
    """
    fields = metadata.get("managedFields")
    ours = None if fields is None else _set_by_us(fields)
    return {name: value for name, value in (metadata.get("annotations") or {}).items() if _is_managed(name, ours)}


def _is_managed(annotation: str, ours: AbstractSet[str] | None) -> bool:
    if annotation in _DECISIVE or annotation.startswith(f"{_KONG}headers."):
        return True
    return annotation.startswith(_KONG) and (ours is None or f"f:{annotation}" in ours)


def _set_by_us(managed_fields: Iterable[Mapping[str, Any]]) -> set[str]:
    """The annotations that our field manager owns, in the notation of fieldsV1."""
    ours = (entry.get("fieldsV1") or {} for entry in managed_fields if entry.get("manager") == names.FIELD_MANAGER)
    return {name for fields in ours for name in fields.get("f:metadata", {}).get("f:annotations", {})}


def controllers(metadata: Mapping[str, Any]) -> list[Any]:
    """Uids of the controlling owners: one, or none."""
    return [owner.get("uid") for owner in metadata.get("ownerReferences") or () if owner.get("controller")]


def content_digest(manifest: Mapping[str, Any]) -> bytes:
    """Digest of what this project manages in an object; equal for a desired manifest and the object it became.

    Counts every top-level field but metadata and status (first half), our labels, `managed_annotations`, the controlling owner's uid
    (second half). It leaves out fields that others may add (further labels, annotations) and those that a list omits (`apiVersion` and
    `kind` of built-in kinds). So desired manifests must spell out what the server would default (a Service's `sessionAffinity`, `protocol`,
    `targetPort`).
    """
    meta = manifest.get("metadata") or {}
    labels = meta.get("labels") or {}
    managed = [
        [labels.get(name) for name in LABELS],
        managed_annotations(meta),
        controllers(meta),
    ]
    return _digest(managed_content(manifest)) + _digest(managed)


def same_metadata(one: bytes, other: bytes) -> bool:
    """Whether the metadata halves of two content digests are equal."""
    return one[_HALF:] == other[_HALF:]


def content_shape(manifest: Mapping[str, Any]) -> bytes:
    """Digest of the names of the managed fields, without their values; a list counts as one value.

    If it is equal for two objects, a merge patch with the whole content of one makes the other equal to it: no field has to be removed.
    Fields at the top level and `fixed_fields` count with their value.
    """
    meta = manifest.get("metadata") or {}
    content = {k: _shape(v) if isinstance(v, dict) else v for k, v in managed_content(manifest).items()}
    return _digest([content, fixed_fields(manifest), sorted(managed_annotations(meta))])


def fixed_fields(manifest: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values that a living object keeps: a plugin's type, a Secret's, an Ingress's class; None for what it does not have."""
    return manifest.get("plugin"), manifest.get("type"), mapping(manifest, "spec").get("ingressClassName")


def _shape(value: dict[str, Any]) -> Any:
    return {name: _shape(item) if isinstance(item, dict) else None for name, item in value.items()}


def _digest(content: Any) -> bytes:
    try:
        text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a number beyond 64 bits, or half a surrogate pair
        text = json.dumps(content, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=_HALF).digest()
