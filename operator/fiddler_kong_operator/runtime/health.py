"""Finds watches and workers that are stuck, for /healthz."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from fiddler_kong_operator.kube.objects import ObjectKey

__all__ = ["Health", "Watch"]

SILENCE: Final = 660.0
"""Seconds without any sign of a watch (an event, a bookmark, a re-list) after which it counts as stuck: twice its longest life."""

STUCK: Final = 300.0
"""Seconds one reconciliation may take before the worker counts as stuck; every request inside has a far shorter limit."""


class Watch(Protocol):
    """A watched kind."""

    @property
    def name(self) -> str:
        """The kind and its namespace, for the message."""

    @property
    def last_activity(self) -> float:
        """Time of the last answer on the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Health:
    """Judges watches and workers by their last sign of life."""

    watches: Callable[[], Iterable[Watch]]
    working_since: Callable[[], Mapping[ObjectKey, float]]
    """Start, on the clock, of each reconciliation under way."""
    clock: Callable[[], float]

    def problems(self) -> list[str]:
        """One sentence for each watch or worker that is stuck; empty while all is well."""
        now = self.clock()
        silent = [
            f"the watch of {w.name} has been silent for {now - w.last_activity:.0f} s"
            for w in self.watches()
            if now - w.last_activity > SILENCE
        ]
        stuck = [f"{key} has been in work for {now - since:.0f} s" for key, since in self.working_since().items() if now - since > STUCK]
        return silent + stuck
