"""The JSON merge patch (RFC 7386) that makes a live object carry exactly what is wanted, and leaves alone what is not ours to say.

Ours are the fields `plan.snapshot.content_digest` counts: every top-level field but metadata and status, our labels, the `konghq.com/`
annotations and the owner. Other people's labels and annotations stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fiddler_kong_operator.plan.snapshot import Manifest

__all__ = ["difference", "repair_patch"]

_NOT_CONTENT: Final = ("apiVersion", "kind", "metadata", "status")
_KONG: Final = "konghq.com/"


def repair_patch(live: Manifest, desired: Manifest) -> Manifest | None:
    """The patch from `live` to `desired`, with uid and resourceVersion of `live` as preconditions; None where nothing differs."""
    patch = difference(_content(live), _content(desired))
    metadata = _metadata_patch(live["metadata"], desired["metadata"])
    if not patch and not metadata:
        return None
    pinned = {name: live["metadata"][name] for name in ("uid", "resourceVersion")}
    return {**patch, "metadata": {**metadata, **pinned}}


def difference(live: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch between two JSON objects; lists are replaced whole, which is all that RFC 7386 can do."""
    patch: dict[str, Any] = {name: None for name in live if name not in desired}
    for name, wanted in desired.items():
        found = live.get(name)
        if isinstance(found, dict) and isinstance(wanted, dict):
            inner = difference(found, wanted)
            if inner:
                patch[name] = inner
        elif found != wanted or name not in live:
            patch[name] = wanted
    return patch


def _content(manifest: Manifest) -> dict[str, Any]:
    return {name: value for name, value in manifest.items() if name not in _NOT_CONTENT and value is not None}


def _metadata_patch(live: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """Wanted labels and annotations are set; of those there already, only Kong's that are not wanted go."""
    patch: dict[str, Any] = {}
    labels = _missing(live.get("labels") or {}, desired.get("labels") or {})
    annotations = _missing(live.get("annotations") or {}, desired.get("annotations") or {})
    annotations |= {
        name: None for name in live.get("annotations") or {} if name.startswith(_KONG) and name not in (desired.get("annotations") or {})
    }
    if labels:
        patch["labels"] = labels
    if annotations:
        patch["annotations"] = annotations
    if _owners(live) != _owners(desired):
        patch["ownerReferences"] = desired.get("ownerReferences") or []
    return patch


def _missing(live: Mapping[str, str], desired: Mapping[str, str]) -> dict[str, str | None]:
    return {name: value for name, value in desired.items() if live.get(name) != value}


def _owners(metadata: Mapping[str, Any]) -> list[Any]:
    return [owner.get("uid") for owner in metadata.get("ownerReferences") or () if owner.get("controller")]
