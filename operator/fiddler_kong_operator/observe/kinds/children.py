"""Ownership facts of the objects that bindings own, the same for every owned kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey, seconds_of
from fiddler_kong_operator.observe.interning import share
from fiddler_kong_operator.observe.records import Indexes, Records
from fiddler_kong_operator.plan.objects.digest import content_digest, content_shape, controllers
from fiddler_kong_operator.plan.snapshot import Child

from .contract import changed

__all__ = ["child_triggers", "index_child", "is_managed", "reduce_child", "written_at"]


def is_managed(raw: Manifest) -> bool:
    """Whether an object carries our managed-by label."""
    return (raw["metadata"].get("labels") or {}).get(names.MANAGED_BY_LABEL) == names.APPLICATION


def reduce_child(key: ObjectKey, raw: Manifest, known: Child | None = None, now: float = 0.0) -> Child:
    """Ownership and digest of an object, and when it changed: `now` (seconds since the epoch) where it differs from `known`.

    managedFields alone do not tell that: their times do not move where a write only removes fields (seen on 1.36).
    """
    metadata = raw["metadata"]
    binding = (metadata.get("labels") or {}).get(names.BINDING_LABEL) if is_managed(raw) else None
    uid, digest, owner = metadata.get("uid", ""), content_digest(raw), next(iter(controllers(metadata)), None)
    if known and known.uid != uid:
        known = None
    unchanged = known is not None and known.digest == digest
    changed_at = 0.0 if known is None else known.applied_at if unchanged else now
    return Child(
        key=key,
        uid=uid,
        resource_version=metadata.get("resourceVersion", ""),
        owner_uid=share(owner) if owner else None,
        binding=share(binding) if binding else None,
        digest=digest,
        defaulted_from=known.defaulted_from if known and unchanged else None,
        applied_at=max(changed_at, written_at(metadata)),
        deleting="deletionTimestamp" in metadata,
        written=any(_our_entries(metadata)),
        writer=_last_writer(metadata),
        shape=share(content_shape(raw)),  # bindings differ in values, not in which fields their children have
    )


def written_at(metadata: Mapping[str, Any]) -> float:
    """When our field manager last wrote an object (seconds since the epoch, from managedFields); 0 where it never did."""
    return max((seconds_of(entry.get("time")) for entry in _our_entries(metadata)), default=0.0)


def _last_writer(metadata: Mapping[str, Any]) -> str | None:
    entries = (entry for entry in metadata.get("managedFields") or () if not entry.get("subresource"))
    named = ((seconds_of(entry.get("time")), entry.get("manager") or "") for entry in entries)
    newest = max(((time, manager != names.FIELD_MANAGER, manager) for time, manager in named), default=None)
    return share(newest[2]) or None if newest else None


def _our_entries(metadata: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    entries = metadata.get("managedFields") or ()
    return (entry for entry in entries if entry.get("manager") == names.FIELD_MANAGER and not entry.get("subresource"))


def index_child(indexes: Indexes, key: ObjectKey, old: Child | None, new: Child | None) -> None:
    """Move an object in the index of owners."""
    indexes.owned_by.move(key, _owners(old), _owners(new))


def _owners(child: Child | None) -> tuple[str, ...]:
    return (child.owner_uid,) if child and child.owner_uid else ()


def child_triggers(records: Records, key: ObjectKey, old: Child | None, new: Child | None) -> Iterator[ObjectKey]:
    """The owners of a changed object, and the bindings that refer to it or would create one of its name."""
    if not changed(old, new, "applied_at", "written", "writer", "defaulted_from"):
        return
    for child in (old, new):
        owner = records.owner(child) if child else None
        if owner:
            yield owner
    yield from records.indexes.wanted_by[key]
    yield from records.claimants(key)
