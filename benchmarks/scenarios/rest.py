"""At rest: nothing changes for a while."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks.contender import Operator

__all__ = ["Rest", "measure"]


@dataclass(frozen=True, slots=True)
class Rest:
    """Over the whole time."""

    cpu_percent: float
    """Of one core."""
    resident_mib: float
    writes: int
    exports: int
    """Probes that the trace endpoint took."""


async def measure(operator: Operator, seconds: float) -> Rest:
    """Look on."""
    stand = operator.stand
    mark, exports, before = stand.log.mark(), stand.exports(), operator.usage
    await asyncio.sleep(seconds)
    after = operator.usage
    cpu = 100 * (after.cpu_seconds - before.cpu_seconds) / seconds
    return Rest(cpu, after.resident_mib, len(stand.writes(mark)), stand.exports() - exports)
