"""Rollout: N bindings are created at once for a gateway that lacks the tracing settings."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.manifests import GATEWAY, NAMESPACE
from benchmarks.scenarios.cold import count_writes
from benchmarks.stand import Stand
from fiddler_kong_operator.plan.kinds import DEPLOYMENT

__all__ = ["Rollout", "measure"]

_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class Rollout:
    """How often the gateway's pods were replaced, and the costs until all bindings were Ready."""

    rollouts: int
    seconds: float
    """Seconds from the first creation until the last write."""
    writes: Mapping[str, int]


async def measure(stand: Stand, bindings: int) -> Rollout:
    """Create the bindings while the operator runs; each has its own application."""
    before, began = await _revision(stand), time.time()
    await stand.populate(range(bindings), distinct=True)
    await stand.until_ready(bindings, quiet=4.0)
    writes = stand.writes()
    return Rollout(await _revision(stand) - before, max(write.at for write in writes) - began, count_writes(writes))


async def _revision(stand: Stand) -> int:
    deployment = await stand.api.get(DEPLOYMENT, NAMESPACE, GATEWAY)
    return int(deployment["metadata"]["annotations"][_REVISION])
