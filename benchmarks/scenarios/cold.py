"""Cold convergence: N bindings exist, the contender starts, and every binding gets its objects and its status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.contender import Contender
from devcluster import Write

__all__ = ["Cold", "count_writes", "measure"]


@dataclass(frozen=True, slots=True)
class Cold:
    """Seconds from the contender's first list until the API server received its last write, and the costs."""

    seconds: float
    cpu_seconds: float
    """CPU time of the contender's process, including its start."""
    peak_mib: float
    writes: Mapping[str, int]
    """Requests by `verb resource`."""

    @property
    def requests(self) -> int:
        """All write requests."""
        return sum(self.writes.values())


async def measure(contender: Contender, bindings: int) -> Cold:
    """Start the contender and wait until all bindings are Ready."""
    contender.start()
    await contender.stand.until_ready(bindings)
    writes, usage = contender.stand.writes(), contender.usage
    return Cold(max(write.at for write in writes) - contender.listing_at(), usage.cpu_seconds, usage.peak_mib, count_writes(writes))


def count_writes(writes: Iterable[Write]) -> Mapping[str, int]:
    """Requests by `verb resource/subresource`, the most frequent first."""
    return dict(Counter(f"{w.verb} {'/'.join(filter(None, [w.resource, w.subresource]))}" for w in writes).most_common())
