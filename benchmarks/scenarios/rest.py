"""At rest: nothing changes for a while."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from benchmarks.contender import Operator

__all__ = ["Rest", "measure"]


_SETTLING: Final = 15.0
"""Seconds until the operator has looked at every binding once more: it does so 10 s after a binding's last write, since Kong's controller
has told by then if Kong refuses the change."""


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
    """Measure for that many seconds without changing anything, once the last changes have settled."""
    await asyncio.sleep(_SETTLING)
    stand = operator.stand
    mark, exports, before = stand.log.mark(), stand.exports(), operator.usage
    await asyncio.sleep(seconds)
    after = operator.usage
    cpu = 100 * (after.cpu_seconds - before.cpu_seconds) / seconds
    return Rest(cpu, after.resident_mib, len(stand.writes(mark)), stand.exports() - exports)
