"""Restart: the operator is stopped and started again while nothing changes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from benchmarks.contender import Operator
from benchmarks.stand import BenchmarkError, Stand

__all__ = ["Restart", "measure"]

_WATCHED: Final = 5.0
"""Seconds, after it has reconciled everything, in which writes are still counted."""

_PATIENCE: Final = 120.0


@dataclass(frozen=True, slots=True)
class Restart:
    """Seconds from the start until it leads and has reconciled every binding, and its writes until shortly after."""

    seconds: float
    writes: int


async def measure(stand: Stand, running: Operator) -> Restart:
    """Stop the running operator and start another."""
    running.stop()
    mark, started = stand.log.mark(), time.time()
    operator = Operator(stand, name="operator-again")
    operator.start()
    while (looked_at := operator.looked_at()) is None:
        if time.time() - started > _PATIENCE:
            raise BenchmarkError(f"the operator did not reconcile every binding after a restart; see {stand.cluster.logs}")
        await asyncio.sleep(0.05)
    await asyncio.sleep(_WATCHED)
    return Restart(looked_at - started, len(stand.writes(mark)))
