"""Fills the cache and requeues what each change concerns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane

from .cache import Store

__all__ = ["Feed"]

logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Feed:
    """The sink that fills a store and passes on whom each change concerns."""

    store: Store
    requeue: Callable[[frozenset[ObjectKey], Lane], None]
    on_bug: Callable[[str], None]
    """Called with the kind of an object whose event failed unexpectedly."""

    def event(self, kind: Kind, event_type: str | None, raw: Manifest) -> None:
        """An object as listed (None) or changed (ADDED, MODIFIED, DELETED)."""
        try:
            keys = self.store.apply_event(kind, event_type, raw)
        except Exception:  # the edge: an object of one namespace that nobody foresaw must not blind the operator to all others
            logger.exception("%s: a bug in the operator, please report it; the object is not seen", kind.key(raw))
            self.on_bug(kind.name)
        else:
            self._tell(keys, Lane.URGENT if event_type else Lane.BACKGROUND)

    def relisted(self, kind: Kind, namespace: str | None, seen: AbstractSet[ObjectKey], resource_version: str) -> None:
        """A list is complete; what it did not show and is not newer than its version is gone."""
        self._tell(self.store.relisted(kind, namespace, seen, resource_version), Lane.BACKGROUND)

    def installed(self, kind: Kind, *, installed: bool) -> None:
        """The kind's definition is (not) there."""
        self._tell(self.store.set_installed(kind, installed=installed), Lane.BACKGROUND)

    def observe(self, raw: Manifest) -> None:
        """The answer to a write."""
        self._tell(self.store.observe(raw))

    def _tell(self, keys: frozenset[ObjectKey], lane: Lane = Lane.URGENT) -> None:
        if keys:
            self.requeue(keys, lane)
