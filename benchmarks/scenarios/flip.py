"""Flip: the gateway loses its pod and gets another, so that the statuses of all bindings change, while a person changes bindings.

A gateway's event is the gateway's: people's changes and repairs must overtake it. So they are compared with the same ones at rest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final

from benchmarks.manifests import GATEWAY, NAMESPACE
from benchmarks.sightings import Sightings, watching
from benchmarks.stand import BenchmarkError, Stand
from benchmarks.statistics import percentile
from fiddler_kong_operator.kube.objects import Kind
from fiddler_kong_operator.plan.kinds import DEPLOYMENT, INGRESS, KONG_PLUGIN

from .change import change_one
from .drift import repair_ingress

__all__ = ["Flip", "Latencies", "measure"]

_AT_REST: Final = 40
"""Changes and repairs at rest."""

_TOKENS: Final = 5000
"""Above the values of other scenarios, since a change to the same value changes nothing."""

_PATIENCE: Final = 300.0
_POLL: Final = 0.5


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds from sending each change, or each deletion of an Ingress, until the watch shows the result."""

    changes: tuple[float, ...]
    repairs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Flip:
    """The same changes and repairs at rest and while all statuses flip, to not ready and back."""

    rest: Latencies
    flipping: Latencies

    @property
    def slower_change(self) -> float:
        """The p95 of changes, as a multiple of that at rest."""
        return percentile(self.flipping.changes, 0.95) / percentile(self.rest.changes, 0.95)

    @property
    def slower_repair(self) -> float:
        """The p95 of repairs, as a multiple of that at rest."""
        return percentile(self.flipping.repairs, 0.95) / percentile(self.rest.repairs, 0.95)


async def measure(stand: Stand, bindings: int) -> Flip:
    """Change and damage one binding after the other, at rest, then until every status has changed twice."""
    numbers = count()
    async with watching(stand, KONG_PLUGIN, INGRESS) as sightings:
        rest = await _sample(stand, sightings, bindings, numbers, lambda done: done < _AT_REST)
        changes: list[float] = []
        repairs: list[float] = []
        for replicas in (0, 1):
            found = await _sample_while(asyncio.create_task(_flip(stand, bindings, replicas)), stand, sightings, bindings, numbers)
            changes += found.changes
            repairs += found.repairs
    return Flip(rest, Latencies(tuple(changes), tuple(repairs)))


async def _sample_while(
    flipped: asyncio.Task[None], stand: Stand, sightings: dict[Kind, Sightings], bindings: int, numbers: count[int]
) -> Latencies:
    found = await _sample(stand, sightings, bindings, numbers, lambda _: not flipped.done())
    await flipped
    return found


async def _sample(
    stand: Stand, sightings: dict[Kind, Sightings], bindings: int, numbers: count[int], more: Callable[[int], bool]
) -> Latencies:
    """One change and one repair after the other, of other bindings each time, while `more` (of those done) says so."""
    changes: list[float] = []
    repairs: list[float] = []
    while more(len(changes)):
        number = next(numbers)
        changes.append(await change_one(stand, sightings[KONG_PLUGIN], number % bindings, _TOKENS + number))
        repairs.append(await repair_ingress(stand, sightings, (number + bindings // 2) % bindings))
    return Latencies(tuple(changes), tuple(repairs))


async def _flip(stand: Stand, bindings: int, replicas: int) -> None:
    """Scale the gateway; returns when the status of every binding was written since."""
    since = stand.log.mark()
    await stand.api.merge_patch(DEPLOYMENT, NAMESPACE, GATEWAY, {"spec": {"replicas": replicas}})
    deadline = time.monotonic() + _PATIENCE
    while len({write.name for write in stand.writes(since) if write.subresource == "status"}) < bindings:
        if time.monotonic() > deadline:
            raise BenchmarkError(f"the statuses did not follow a gateway with {replicas} pods; see {stand.cluster.logs}")
        await asyncio.sleep(_POLL)
