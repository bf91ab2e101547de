"""A queue that serves groups of keys in turn, so that a group with thousands of keys does not delay the others."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["FairQueue"]

K = TypeVar("K", bound=Hashable)


class FairQueue(Generic[K]):
    """Keys in groups, each key at most once. Groups take turns; within a group, the first to come is the first served.

    With a `limit`, no group has more than that many keys taken and not yet released, so that slow work on one group's keys leaves room for
    the others. All operations are O(1); `len` and `oldest` are O(number of groups).
    """

    def __init__(self, group: Callable[[K], Hashable], limit: int | None = None) -> None:
        """`group` returns the group of a key, always the same one. With a `limit`, call `release` once for each key taken."""
        self._group = group
        self._limit = limit
        self._waiting: dict[Hashable, OrderedDict[K, float]] = {}
        self._turns: OrderedDict[Hashable, None] = OrderedDict()
        self._taken: Counter[Hashable] = Counter()

    def __len__(self) -> int:
        """Number of keys that wait."""
        return sum(map(len, self._waiting.values()))

    def __contains__(self, key: K) -> bool:
        """Whether the key waits."""
        return key in self._waiting.get(self._group(key), ())

    @property
    def ready(self) -> bool:
        """Whether `take` has a key to return."""
        return bool(self._turns)

    @property
    def oldest(self) -> float | None:
        """The earliest time among the keys that wait; None if there are none."""
        return min((next(iter(keys.values())) for keys in self._waiting.values()), default=None)

    def put(self, key: K, moment: float) -> None:
        """Add a key at the end of its group, with the time it came; a key that waits already keeps its place."""
        group = self._group(key)
        self._waiting.setdefault(group, OrderedDict()).setdefault(key, moment)
        self._enter(group)

    def take(self) -> K:
        """Remove and return the first key of the next group; KeyError unless `ready`."""
        group, _ = self._turns.popitem(last=False)
        key, _ = self._waiting[group].popitem(last=False)
        if self._limit is not None:
            self._taken[group] += 1
        self._enter(group)
        return key

    def discard(self, key: K) -> None:
        """Remove a key if it waits."""
        group = self._group(key)
        if self._waiting.get(group, OrderedDict()).pop(key, None) is not None:
            self._enter(group)

    def release(self, key: K) -> None:
        """Note that the work on a taken key has ended: its group may have another one taken."""
        group = self._group(key)
        self._taken[group] -= 1
        if not self._taken[group]:
            del self._taken[group]
        self._enter(group)

    def clear(self) -> None:
        """Remove all keys that wait."""
        self._waiting.clear()
        self._turns.clear()

    def _enter(self, group: Hashable) -> None:
        """Give the group a turn if it may have one; remove it if it is empty."""
        if not self._waiting.get(group):
            self._waiting.pop(group, None)
            self._turns.pop(group, None)
        elif self._limit is None or self._taken[group] < self._limit:
            self._turns.setdefault(group)
