"""A map from a key to a set of values that costs next to nothing while these are few: most buckets here have one, or a binding's six."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Final, Generic, TypeVar

__all__ = ["Index"]

FEW: Final = 8
"""Values up to which a bucket is a list, made anew at each change; a set of six takes seven times the memory."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


class Index(Generic[K, V]):
    """A reverse index. Values must be neither sets nor lists themselves."""

    def __init__(self) -> None:
        """Empty."""
        self._buckets: dict[K, V | list[V] | set[V]] = {}

    def __getitem__(self, key: K) -> Collection[V]:
        """The values of a key; empty where there are none. Not to be held over a change."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return ()
        return bucket if isinstance(bucket, (set, list)) else (bucket,)

    def __contains__(self, key: object) -> bool:
        """Whether the key has any value."""
        return key in self._buckets

    def add(self, key: K, value: V) -> None:
        """Add a value."""
        bucket = self[key]
        if not bucket:
            self._buckets[key] = value
        elif isinstance(bucket, set):
            bucket.add(value)
        elif value not in bucket:
            self._buckets[key] = {*bucket, value} if len(bucket) >= FEW else [*bucket, value]

    def discard(self, key: K, value: V) -> None:
        """Remove a value, if it is there."""
        bucket = self[key]
        if isinstance(bucket, set):
            bucket.discard(value)
            if not bucket:
                del self._buckets[key]
        elif value in bucket:
            rest = [held for held in bucket if held != value]
            if rest:
                self._buckets[key] = rest
            else:
                del self._buckets[key]

    def move(self, value: V, old: Iterable[K], new: Iterable[K]) -> None:
        """Make the value stand under the new keys instead of the old ones."""
        before, after = set(old), set(new)
        for key in before - after:
            self.discard(key, value)
        for key in after - before:
            self.add(key, value)
