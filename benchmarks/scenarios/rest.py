"""At rest: nothing changes for a while."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks.contender import Operator

__all__ = ["Rest", "measure"]


@dataclass(frozen=True, slots=True)
class Rest:
    """Costs while nothing changes."""

    cpu_percent: float
    """Percent of one core."""
    resident_mib: float
    writes: int
    exports: int
    """Probes that the trace endpoint received."""


async def measure(operator: Operator, seconds: float) -> Rest:
    """Measure for that many seconds without changing anything."""
    stand = operator.stand
    mark, exports, before = stand.log.mark(), stand.exports(), operator.usage
    await asyncio.sleep(seconds)
    after = operator.usage
    cpu = 100 * (after.cpu_seconds - before.cpu_seconds) / seconds
    return Rest(cpu, after.resident_mib, len(stand.writes(mark)), stand.exports() - exports)
