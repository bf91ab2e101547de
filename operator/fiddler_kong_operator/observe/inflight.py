"""Writes under way, so that the event of one's own write, where it comes before the answer, is no news to its author.

About half of the writes of a busy operator are seen by a watch first. Each would cost a pass over the binding that finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import Child

__all__ = ["ExpectedWrites"]


class ExpectedWrites:
    """By object: the digest that a write under way gives it, and the binding it is written for."""

    def __init__(self) -> None:
        """None."""
        self._by_key: dict[ObjectKey, tuple[bytes, ObjectKey]] = {}

    @contextmanager
    def writing(self, key: ObjectKey, digest: bytes, author: ObjectKey) -> Iterator[None]:
        """While this lasts, the object is expected to become that. Nobody else writes it for the same binding meanwhile."""
        self._by_key[key] = (digest, author)
        try:
            yield
        finally:
            del self._by_key[key]

    def author_of(self, child: Child) -> ObjectKey | None:
        """Who is writing just this."""
        digest, author = self._by_key.get(child.key, (b"", None))
        return author if digest == child.digest else None
