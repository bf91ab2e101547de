"""The Gateway API's kinds: the operator with and without them in the cluster, in turns; the bindings use none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.contender import Operator
from benchmarks.scenarios import change, cold, rest, rotation
from benchmarks.scenarios.change import Change
from benchmarks.scenarios.cold import Cold
from benchmarks.scenarios.rest import Rest
from benchmarks.scenarios.rotation import Rotation
from benchmarks.stand import Stand

__all__ = ["Side", "measure", "order"]

_REST_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Side:
    """The results of one cluster, with or without the kinds."""

    cold: Cold
    rest: Rest
    change: Change
    rotation: Rotation


def order(turn: int) -> tuple[bool, bool]:
    """The two sides of a pair in the order of their runs, True with the kinds. It changes at each turn, so that a drift cancels out."""
    return (False, True) if turn % 2 == 0 else (True, False)


async def measure(stand: Stand, bindings: int) -> Side:
    """Start the operator on a stand that has the bindings already."""
    operator = Operator(stand)
    started = await cold.measure(operator, bindings)
    rested = await rest.measure(operator, _REST_SECONDS)
    changed = await change.measure(stand, bindings)
    return Side(started, rested, changed, await rotation.measure(stand, bindings, "sk-bench-second"))
