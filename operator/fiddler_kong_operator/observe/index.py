"""A reverse index: a map from a key to the set of values that refer to it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

__all__ = ["Index"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


class Index(Generic[K, V]):
    """Holds no empty sets: a key without values takes no memory."""

    def __init__(self) -> None:
        """Empty."""
        self._values: dict[K, set[V]] = {}

    def __getitem__(self, key: K) -> AbstractSet[V]:
        """The values of a key. Valid until the next change of the index."""
        return self._values.get(key, frozenset())

    def __contains__(self, key: object) -> bool:
        """Whether the key has a value."""
        return key in self._values

    def move(self, value: V, old: Iterable[K], new: Iterable[K]) -> None:
        """Store the value under the keys `new` instead of the keys `old`."""
        before, after = set(old), set(new)
        for key in before - after:
            values = self._values.get(key, set())
            values.discard(value)
            if not values:
                self._values.pop(key, None)
        for key in after - before:
            self._values.setdefault(key, set()).add(value)
