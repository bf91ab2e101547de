"""What was measured at each rest, what must hold of it, and the table that shows it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from statistics import median
from typing import Final

__all__ = ["ENOUGH", "Checkpoint", "Vitals", "grown", "growth", "head", "held_on_to", "row"]

WARM_UP: Final = 2
"""Rests before the one that later ones are compared with: modules are read, pools and caches filled, the first time they are needed."""

SPARE: Final[dict[str, int]] = {
    "tasks": 0,
    "objects": 0,
    "delayed": 0,
    "files": 0,
    "idle": 24,  # aiohttp keeps a connection for 15 to 30 s after its last request; a burst makes one for each write under way at once
    "threads": 8,  # the probe's resolver keeps the threads that it made when look-ups met, at most --probe-concurrency
}
"""What may be there beyond that rest's figure."""

ALLOWED_GROWTH: Final = 2.0
"""Mebibytes by which the median of the last third may exceed that of the middle one. CPython takes memory in arenas of 1 MiB, glibc in
heaps of its own for each thread, and a busier round than any before leaves such pieces behind, full of holes. What the store remembers of
deleted objects grows as well, up to its bound, and Kong's Events stay for an hour. 0.8 were seen in ten minutes."""

ENOUGH: Final = 9
"""Rests from which medians of thirds say something."""


@dataclass(frozen=True)
class Vitals:
    """What a process holds at one moment."""

    rss: float
    """Mebibytes resident."""
    tasks: int
    """Of asyncio."""
    objects: int
    """In the store, Events left out."""
    delayed: int
    """Keys that will be looked at again without an event."""
    files: int
    """Descriptors other than sockets."""
    idle: int
    """Sockets beyond those that have a purpose all the time, such as a watch."""
    threads: int

    def exceeds(self, other: Vitals) -> list[str]:
        """Figures, by name, that are above the other's by more than is spare."""
        own, theirs = asdict(self), asdict(other)
        return [name for name, spare in SPARE.items() if own[name] > theirs[name] + spare]


@dataclass(frozen=True)
class Checkpoint:
    """One round, and the rest after it."""

    number: int
    seconds: float
    """Of the round, its rest included."""
    writes: int
    probes: int
    faults: int
    """Requests to the API server that were broken, watches ended, and probes answered wrongly."""
    bystanders: int
    """Bindings that nothing called for a write about."""
    vitals: Vitals


def held_on_to(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """What is left of a round that should have gone with it, as sentences."""
    return [
        f"round {checkpoint.number}: {getattr(checkpoint.vitals, name)} {name}, after {getattr(reference.vitals, name)}"
        for reference in checkpoints[WARM_UP : WARM_UP + 1]
        for checkpoint in checkpoints[WARM_UP + 1 :]
        for name in checkpoint.vitals.exceeds(reference.vitals)
    ]


def growth(checkpoints: Sequence[Checkpoint]) -> float:
    """Mebibytes by which the median of memory in the last third exceeds that in the middle third; ValueError where there are too few."""
    if len(checkpoints) < ENOUGH:
        raise ValueError(f"{len(checkpoints)} rests say nothing about growth")
    third = len(checkpoints) // 3
    middle, last = checkpoints[-2 * third : -third], checkpoints[-third:]
    return median(c.vitals.rss for c in last) - median(c.vitals.rss for c in middle)


def grown(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """A sentence where memory has grown by more than is allowed; few rounds say nothing."""
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
    """Columns to the right."""
    return " ".join(f"{cell:.1f}".rjust(10) if isinstance(cell, float) else str(cell).rjust(10) for cell in cells)
