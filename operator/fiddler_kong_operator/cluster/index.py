"""A map from a key to a set of values that costs nothing but its one value while there is only one: most buckets here have one."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Generic, TypeVar

__all__ = ["Index"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


class Index(Generic[K, V]):
    """A reverse index. Values must not be sets themselves."""

    def __init__(self) -> None:
        """Empty."""
        self._buckets: dict[K, V | set[V]] = {}

    def __getitem__(self, key: K) -> Collection[V]:
        """The values of a key; empty where there are none. Not to be held over a change."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return ()
        return bucket if isinstance(bucket, set) else (bucket,)

    def __contains__(self, key: object) -> bool:
        """Whether the key has any value."""
        return key in self._buckets

    def add(self, key: K, value: V) -> None:
        """Add a value."""
        bucket = self._buckets.get(key)
        if bucket is None:
            self._buckets[key] = value
        elif isinstance(bucket, set):
            bucket.add(value)
        elif bucket != value:
            self._buckets[key] = {bucket, value}

    def discard(self, key: K, value: V) -> None:
        """Remove a value, if it is there."""
        bucket = self._buckets.get(key)
        if isinstance(bucket, set):
            bucket.discard(value)
            if not bucket:
                del self._buckets[key]
        elif bucket == value:
            del self._buckets[key]

    def move(self, value: V, old: Iterable[K], new: Iterable[K]) -> None:
        """Make the value stand under the new keys instead of the old ones."""
        before, after = set(old), set(new)
        for key in before - after:
            self.discard(key, value)
        for key in after - before:
            self.add(key, value)
