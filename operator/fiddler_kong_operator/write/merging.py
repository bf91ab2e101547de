"""The JSON merge patch (RFC 7386) that gives a live object exactly the desired content, and leaves alone the fields of other managers.

It covers the fields that `plan.objects.digest.content_digest` counts: every top-level field but metadata and status, our labels, the
annotations of `managed_annotations` and the controlling owner. Labels, annotations and owners that other clients set stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.objects.digest import controllers, managed_annotations, managed_content, same_metadata
from fiddler_kong_operator.plan.snapshot import Child

__all__ = ["difference", "overwriting_patch", "repair_patch", "status_patch"]


def repair_patch(live: Manifest, desired: Manifest, *, keep_data: bool = False) -> Manifest | None:
    """The patch from `live` to `desired`, with uid and resourceVersion of `live` as preconditions; None where nothing differs.

    `keep_data` keeps a Secret's entries beyond the desired ones.
    """
    patch = difference(managed_content(live), managed_content(desired))
    if keep_data:
        patch = _without_removals(patch, "data")
    metadata = _metadata_patch(live["metadata"], desired["metadata"])
    if not patch and not metadata:
        return None
    return {**patch, "metadata": {**metadata, **_pinned(live)}}


def status_patch(live: Manifest, status: Mapping[str, Any]) -> Manifest | None:
    """The patch that gives `live` exactly this status, with the same preconditions; None where nothing differs."""
    patch = difference(live.get("status") or {}, status)
    return {"metadata": _pinned(live), "status": patch} if patch else None


def overwriting_patch(desired: Manifest, child: Child, digest: bytes) -> Manifest:
    """The patch with everything that is wanted, for the very version of an object that has the same shape (`content_shape`) and owner.

    `digest` is that of `desired`. Labels and annotations that are right already are left out: each field costs the API server time.
    """
    named = () if same_metadata(child.digest, digest) else ("labels", "annotations")
    metadata = {name: desired["metadata"][name] for name in named if name in desired["metadata"]}
    return {**managed_content(desired), "metadata": {**metadata, "uid": child.uid, "resourceVersion": child.resource_version}}


def difference(live: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch between two JSON objects; lists are replaced whole, and null means absent: RFC 7386 can say no more."""
    patch: dict[str, Any] = {name: None for name in live if name not in desired}
    for name, wanted in desired.items():
        found = live.get(name)
        if isinstance(found, dict) and isinstance(wanted, dict):
            inner = difference(found, wanted)
            if inner:
                patch[name] = inner
        elif not _equal(found, wanted):
            patch[name] = wanted
    return patch


def _pinned(live: Manifest) -> dict[str, Any]:
    return {name: live["metadata"][name] for name in ("uid", "resourceVersion")}


def _equal(found: Any, wanted: Any) -> bool:
    """Equal as JSON, where 1 is not true."""
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_equal, found, wanted))
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(_equal(found[name], wanted[name]) for name in found)
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


def _without_removals(patch: dict[str, Any], name: str) -> dict[str, Any]:
    kept = {entry: value for entry, value in (patch.get(name) or {}).items() if value is not None}
    return {**{field: value for field, value in patch.items() if field != name}, **({name: kept} if kept else {})}


def _metadata_patch(live: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """Sets the wanted labels, annotations and controlling owner, and removes only the managed annotations that are not wanted."""
    patch: dict[str, Any] = {}
    labels = _missing(live.get("labels") or {}, desired.get("labels") or {})
    wanted = desired.get("annotations") or {}
    annotations = _missing(live.get("annotations") or {}, wanted) | {n: None for n in managed_annotations(live) if n not in wanted}
    if labels:
        patch["labels"] = labels
    if annotations:
        patch["annotations"] = annotations
    if controllers(live) != controllers(desired):
        patch["ownerReferences"] = _with_owners(live.get("ownerReferences") or (), desired.get("ownerReferences") or ())
    return patch


def _with_owners(live: Iterable[Any], desired: Sequence[Any]) -> list[Any]:
    """The owners: the desired one in place of the controlling one, since an object has only one; other owners stay."""
    ours = {owner["uid"] for owner in desired}
    return [*(owner for owner in live if not owner.get("controller") and owner.get("uid") not in ours), *desired]


def _missing(live: Mapping[str, str], desired: Mapping[str, str]) -> dict[str, str | None]:
    return {name: value for name, value in desired.items() if live.get(name) != value}
