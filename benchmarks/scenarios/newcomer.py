"""A newcomer: one more binding for a ready gateway, with an application that was not probed before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.scenarios.cold import count_writes
from benchmarks.stand import Stand

__all__ = ["Newcomer", "measure"]


@dataclass(frozen=True, slots=True)
class Newcomer:
    """The writes for one new binding."""

    writes: Mapping[str, int]


async def measure(stand: Stand, bindings: int) -> Newcomer:
    """Create one more binding and wait until it is Ready."""
    mark = stand.log.mark()
    await stand.populate([bindings], distinct=True)
    await stand.until_ready(bindings + 1)
    return Newcomer(count_writes(stand.writes(mark)))
