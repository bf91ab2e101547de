"""What the API server, or somebody's webhook, makes of objects beyond what was written: no drift to be repaired again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.objects.desired import Desired
from fiddler_kong_operator.plan.snapshot import Child

__all__ = ["MANY", "Settled"]

MANY: Final = 256
"""Objects that are remembered before the first look for those that are gone."""


class Settled:
    """By object: the digest that was wanted and the one that came of it, where these differ."""

    def __init__(self, child: Callable[[ObjectKey], Child | None]) -> None:
        """`child` finds what exists of an object."""
        self._child = child
        self._known: dict[ObjectKey, tuple[bytes, bytes]] = {}
        self._purge_above = MANY

    def __len__(self) -> int:
        """Number of objects remembered."""
        return len(self._known)

    def covers(self, desired: Desired, child: Child) -> bool:
        """Whether an object is as wanted, or as it became the last time just that was written."""
        return child.digest == desired.digest or self._known.get(desired.key) == (desired.digest, child.digest)

    def note(self, desired: Desired, observed: bytes) -> None:
        """Take the digest of the answer to a write."""
        self._known.pop(desired.key, None)
        if observed != desired.digest:
            self._known[desired.key] = (desired.digest, observed)
            self._forget_the_gone()

    def forget(self, key: ObjectKey) -> None:
        """The object was deleted."""
        self._known.pop(key, None)

    def _forget_the_gone(self) -> None:
        """Most objects are deleted by the garbage collector, unnoticed here. Costs O(1) for each that was noted."""
        if len(self._known) > self._purge_above:
            self._known = {key: known for key, known in self._known.items() if self._child(key)}
            self._purge_above = max(MANY, 2 * len(self._known))
