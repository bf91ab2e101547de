"""Passes events of informers and kopf, and answers of the API server, to the cache, and requeues the keys that each change concerns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane

from .cache import Cache
from .kinds import WATCHED
from .kinds.contract import Urgency

__all__ = ["Feed", "Requeue"]

logger: Final = logging.getLogger(__name__)

Requeue = Callable[[frozenset[ObjectKey], Lane, float], None]
"""Adds keys to a lane of the work queue after that many seconds."""


@dataclass(frozen=True, slots=True)
class Feed:
    """The sink of informers and kopf. Changes found by a list go to the background lane: a person's edit overtakes them."""

    cache: Cache
    requeue: Requeue
    on_bug: Callable[[str], None]
    """Called with the kind of an object whose event failed unexpectedly."""

    def event(self, kind: Kind, event_type: str | None, raw: Manifest) -> None:
        """Take an object as listed (None) or changed (ADDED, MODIFIED, DELETED)."""
        try:
            before = self.cache.lookup(kind.key(raw))
            keys = self.cache.apply_event(kind, event_type, raw)
            urgency = self._urgency(kind, before, raw) if event_type else Urgency(Lane.BACKGROUND)
        except Exception:  # the edge: one unforeseen object must not blind the operator to all others
            self.on_bug(kind.name)
            logger.exception("%s: a bug in the operator, please report it; the object is not seen", kind.key(raw))
        else:
            self._requeue(keys, urgency.lane, delay=urgency.delay)

    def relisted(self, kind: Kind, namespace: str | None, seen: AbstractSet[ObjectKey], resource_version: str) -> None:
        """Take the end of a list: objects that are not in it, and are not newer than it, were deleted."""
        self._requeue(self.cache.relisted(kind, namespace, seen, resource_version), Lane.BACKGROUND)

    def installed(self, kind: Kind, *, installed: bool) -> None:
        """Take whether the kind's definition exists."""
        self._requeue(self.cache.set_installed(kind, installed=installed), Lane.BACKGROUND)

    def forbidden(self, kind: Kind, namespace: str | None, problem: str | None) -> None:
        """Take why the kind cannot be watched in a namespace (None: in all); a problem of None says that it can."""
        self._requeue(self.cache.set_forbidden(kind, namespace, problem), Lane.BACKGROUND)

    def observe(self, raw: Manifest, author: ObjectKey | None = None, lane: Lane = Lane.URGENT) -> None:
        """Take the answer to a write or a read that was made for `author`, which is not requeued."""
        self._requeue(self.cache.observe(raw), lane, author)

    def gone(self, key: ObjectKey, uid: str, author: ObjectKey | None = None) -> None:
        """Take the deletion of the object with this uid, found by `author`, which is not requeued."""
        self._requeue(self.cache.gone(key, uid), Lane.URGENT, author)

    def _urgency(self, kind: Kind, before: Any, raw: Manifest) -> Urgency:
        return WATCHED[kind.name].urgency(before, self.cache.lookup(kind.key(raw)))

    def _requeue(self, keys: frozenset[ObjectKey], lane: Lane, author: ObjectKey | None = None, delay: float = 0.0) -> None:
        others = keys - {author}
        if others:
            self.requeue(others, lane, delay)
