"""In-flight writes: the watch event of our own write must not requeue the binding it was made for.

A watch shows about half of the writes before their answer arrives. Each of these events would cost a pass that finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fiddler_kong_operator.kube.objects import ObjectKey

__all__ = ["InFlightWrites"]


class InFlightWrites:
    """For each object: the binding that writes it now, and the content it writes (a child's digest, a binding's status)."""

    def __init__(self) -> None:
        """No write is under way."""
        self._writes: dict[ObjectKey, list[tuple[ObjectKey, Any]]] = {}

    @contextmanager
    def writing(self, key: ObjectKey, content: Any, author: ObjectKey) -> Iterator[None]:
        """Expect the object to get this content while the context lasts. Two bindings may write the same object at once."""
        write = (author, content)
        self._writes.setdefault(key, []).append(write)
        try:
            yield
        finally:
            self._writes[key].remove(write)
            if not self._writes[key]:
                del self._writes[key]

    def authors_of(self, key: ObjectKey, content: Any) -> frozenset[ObjectKey]:
        """The bindings that write exactly this content to the object now."""
        return frozenset(author for author, expected in self._writes.get(key, ()) if expected == content)
