"""The measurements at each rest, their limits, and the table that shows them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from statistics import median
from typing import Final

__all__ = ["ENOUGH", "Checkpoint", "Vitals", "grown", "growth", "head", "leaked", "row"]

WARM_UP: Final = 2
"""Rests before the reference: modules are loaded, pools and caches filled, at their first use."""

SPARE: Final[dict[str, int]] = {
    "tasks": 0,
    "objects": 0,
    "delayed": 0,
    "files": 0,
    "idle": 24,  # aiohttp keeps a connection for 15 to 30 s after its last request; a burst opens one for each concurrent write
    "threads": 8,  # the probe's resolver keeps the threads of concurrent look-ups, at most --probe-concurrency
}
"""Tolerated excess over the reference's figures."""

ALLOWED_GROWTH: Final = 2.0
"""MiB by which the median of the last third may exceed that of the middle one. CPython allocates arenas of 1 MiB, glibc
heaps for each thread, and the busiest round so far leaves such pieces behind, fragmented. The cache's tombstones of
deleted objects also grow, up to their bound, and Kong's Events stay for an hour. 0.8 was seen in ten minutes."""

ENOUGH: Final = 9
"""Fewest rests for a meaningful median of thirds."""


@dataclass(frozen=True)
class Vitals:
    """The resources of a process at one moment."""

    rss: float
    """Resident memory in MiB."""
    tasks: int
    """Tasks of asyncio."""
    objects: int
    """Objects in the cache, without Events."""
    delayed: int
    """Keys with a scheduled requeue."""
    files: int
    """Descriptors other than sockets."""
    idle: int
    """Sockets without a permanent purpose such as a watch."""
    threads: int

    def exceeds(self, other: Vitals) -> list[str]:
        """Figures, by name, that exceed the other's by more than the tolerance."""
        own, theirs = asdict(self), asdict(other)
        return [name for name, spare in SPARE.items() if own[name] > theirs[name] + spare]


@dataclass(frozen=True)
class Checkpoint:
    """One round, and the rest after it."""

    number: int
    seconds: float
    """Duration of the round, including its rest."""
    writes: int
    probes: int
    faults: int
    """Broken requests to the API server, ended watches, and wrong answers to probes."""
    bystanders: int
    """Bindings without a cause for any write."""
    vitals: Vitals


def leaked(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """Resources that a round should have released, as sentences."""
    return [
        f"round {checkpoint.number}: {getattr(checkpoint.vitals, name)} {name}, after {getattr(reference.vitals, name)}"
        for reference in checkpoints[WARM_UP : WARM_UP + 1]
        for checkpoint in checkpoints[WARM_UP + 1 :]
        for name in checkpoint.vitals.exceeds(reference.vitals)
    ]


def growth(checkpoints: Sequence[Checkpoint]) -> float:
    """MiB by which the median of memory in the last third exceeds that in the middle third; ValueError for too few rests."""
    if len(checkpoints) < ENOUGH:
        raise ValueError(f"{len(checkpoints)} rests say nothing about growth")
    third = len(checkpoints) // 3
    middle, last = checkpoints[-2 * third : -third], checkpoints[-third:]
    return median(c.vitals.rss for c in last) - median(c.vitals.rss for c in middle)


def grown(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """A sentence if memory has grown by more than the limit; none after too few rounds."""
    found = growth(checkpoints) if len(checkpoints) >= ENOUGH else 0.0
    return [f"memory has grown by {found:.1f} MiB"] if found > ALLOWED_GROWTH else []


def head() -> str:
    """The first line of the table."""
    return _line([field.name for field in fields(Checkpoint)][:-1] + [field.name for field in fields(Vitals)])


def row(checkpoint: Checkpoint) -> str:
    """A round's line."""
    *round_, _ = astuple(checkpoint)
    return _line([*round_, *astuple(checkpoint.vitals)])


def _line(cells: Sequence[object]) -> str:
    """Right-aligned columns."""
    return " ".join(f"{cell:.1f}".rjust(10) if isinstance(cell, float) else str(cell).rjust(10) for cell in cells)
