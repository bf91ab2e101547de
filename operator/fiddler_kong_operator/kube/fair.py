"""Keys that wait: in a group first come, first served; the groups in turn, so that whoever has thousands of keys holds up nobody else.

Where what is taken takes long, turns alone do not suffice: one group's keys may then hold everything. `RationedTurns` counts these.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["RationedTurns", "Turns"]

K = TypeVar("K", bound=Hashable)


class Turns(Generic[K]):
    """Each key at most once, with the time it came. Everything costs O(1), `oldest` O(number of groups)."""

    def __init__(self, group: Callable[[K], Hashable]) -> None:
        """`group` says to whom a key belongs, always the same."""
        self._group = group
        self._groups: OrderedDict[Hashable, OrderedDict[K, float]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        """Number of keys."""
        return self._length

    def __contains__(self, key: K) -> bool:
        """Whether the key waits."""
        return key in self._groups.get(self._group(key), ())

    def put(self, key: K, moment: float) -> None:
        """Have the key wait, unless it does; a new group comes last in turn."""
        waiting = self._groups.setdefault(self._group(key), OrderedDict())
        self._length += key not in waiting
        waiting.setdefault(key, moment)

    def drop(self, key: K) -> None:
        """Take the key out, if it waits."""
        group = self._group(key)
        waiting = self._groups.get(group)
        if waiting and waiting.pop(key, None) is not None:
            self._length -= 1
            if not waiting:
                del self._groups[group]

    def take(self) -> K:
        """The first key of the group whose turn it is; KeyError where none waits."""
        group, waiting = self._groups.popitem(last=False)
        key, _ = waiting.popitem(last=False)
        self._length -= 1
        if waiting:
            self._groups[group] = waiting
        return key

    def clear(self) -> None:
        """Drop all."""
        self._groups.clear()
        self._length = 0

    @property
    def oldest(self) -> float | None:
        """When the key came that has waited longest; None where none waits."""
        return min((next(iter(waiting.values())) for waiting in self._groups.values()), default=None)


class RationedTurns(Generic[K]):
    """Turns of which no group has more than its ration: keys that may be taken, or were and are not yet given back. All costs O(1)."""

    def __init__(self, group: Callable[[K], Hashable], ration: int) -> None:
        """`group` says to whom a key belongs, always the same; `ration` is at least 1."""
        self._group = group
        self._ration = ration
        self._used: Counter[Hashable] = Counter()
        self._turns: Turns[K] = Turns(group)
        self._others: dict[Hashable, OrderedDict[K, float]] = {}

    def __len__(self) -> int:
        """Number of keys that may be taken."""
        return len(self._turns)

    def put(self, key: K, moment: float) -> None:
        """Have the key wait, unless it does; a key that is taken must have been given back."""
        group = self._group(key)
        if key in self._turns:
            return
        if self._used[group] < self._ration:
            self._used[group] += 1
            self._turns.put(key, moment)
        else:
            self._others.setdefault(group, OrderedDict()).setdefault(key, moment)

    def drop(self, key: K) -> None:
        """Take the key out, if it waits."""
        group = self._group(key)
        if key in self._turns:
            self._turns.drop(key)
            self._let_next(group)
        elif waiting := self._others.get(group):
            waiting.pop(key, None)
            if not waiting:
                del self._others[group]

    def take(self) -> K:
        """The first key of the group whose turn it is, to be given back; KeyError where none may be taken."""
        return self._turns.take()

    def give_back(self, key: K) -> None:
        """What the key was taken for is over."""
        self._let_next(self._group(key))

    def _let_next(self, group: Hashable) -> None:
        waiting = self._others.get(group)
        if waiting:
            key, moment = waiting.popitem(last=False)
            self._turns.put(key, moment)
            if not waiting:
                del self._others[group]
        else:
            self._used[group] -= 1
            if not self._used[group]:
                del self._used[group]
