"""Events of Kong Ingress Controller: warnings about any object, and successes on its Pod."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey, seconds_of
from fiddler_kong_operator.observe.interning import share
from fiddler_kong_operator.observe.records import Indexes, Records
from fiddler_kong_operator.plan import kinds
from fiddler_kong_operator.plan.snapshot import Attachable, KongWarning
from fiddler_kong_operator.plan.status.warnings import GRACE

from .attachables import bindings_around
from .contract import WatchedKind

__all__ = ["WARNINGS", "reduce_warning"]

MESSAGE_LIMIT: Final = 2048
"""Characters of a message that are kept: Kong's own have at most 1024, but any client may post a longer Event."""

REPEAT: Final = 30.0
"""Seconds in which a repetition of the same warning triggers nothing."""


def reduce_warning(_key: ObjectKey, raw: Manifest, _known: object = None) -> KongWarning:
    """The object a warning is about, its reason and message, and when it was first and last posted.

    These are the times at which the API server stored the Event. The Event's own times come from another machine's clock.
    """
    about, metadata = raw.get("involvedObject") or {}, raw["metadata"]
    stored = (metadata.get("creationTimestamp"), *(entry.get("time") for entry in metadata.get("managedFields") or ()))
    return KongWarning(
        about=ObjectKey(share(about.get("kind") or ""), share(about.get("namespace") or ""), about.get("name") or ""),
        reason=share(raw.get("reason") or ""),
        message=(raw.get("message") or "")[:MESSAGE_LIMIT],
        last_seen=max(map(seconds_of, stored)),
        first_seen=seconds_of(metadata.get("creationTimestamp")),
        uid=about.get("uid") or "",
    )


def _index(indexes: Indexes, key: ObjectKey, old: KongWarning | None, new: KongWarning | None) -> None:
    indexes.warning_about.move(key, (old.about,) if old else (), (new.about,) if new else ())
    indexes.warnings_of.move(key, (old.reason,) if old else (), (new.reason,) if new else ())


def _triggers(records: Records, _key: ObjectKey, old: KongWarning | None, new: KongWarning | None) -> Iterator[ObjectKey]:
    if old and new and not _is_news(records, old, new):
        return
    for warning in (old, new):
        yield from _concerned(records, warning.about) if warning else ()


def _concerned(records: Records, about: ObjectKey) -> Iterator[ObjectKey]:
    """The owner of the object, and the bindings attached to it."""
    owner, target = records.owner_of(about), records.value(about, Attachable)
    if owner:
        yield owner
    if target:
        yield from bindings_around(records, target)


def _is_news(records: Records, old: KongWarning, new: KongWarning) -> bool:
    """Whether it has other content, is repeated after a while, or after one of the binding's objects was changed."""
    if (old.about, old.reason, old.message) != (new.about, new.reason, new.message):
        return True
    if new.last_seen == old.last_seen:
        return False
    crossed = any(old.last_seen < moment + GRACE <= new.last_seen for moment in _changes(records, new.about))
    return crossed or new.last_seen // REPEAT > old.last_seen // REPEAT


def _changes(records: Records, about: ObjectKey) -> Iterator[float]:
    """When we wrote the objects that may have caused a warning: the object itself, the binding's, and the lists that name the plugin."""
    child = records.child(about)
    owner = child.owner_uid if child else None
    for key in (about, *(records.indexes.owned_by[owner] if owner else ()), *records.indexes.naming[about]):
        found, target = records.child(key), records.value(key, Attachable)
        if found:
            yield found.applied_at
        if target:
            yield target.attached_at


WARNINGS: Final = WatchedKind(
    kind=kinds.EVENT,
    reduce=reduce_warning,
    index=_index,
    triggers=_triggers,
    verbs=("list", "watch", "create"),
    why="Read what Kong's controller reports; report transitions of a binding.",
)
