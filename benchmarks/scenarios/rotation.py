"""Rotation: the time from a new key in the provider's Secret, which every binding refers to, until every derived Secret has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.manifests import NAMESPACE, PROVIDER_SECRET, binding_name, secret
from benchmarks.sightings import watching
from benchmarks.stand import Stand
from benchmarks.template import encoded_key
from fiddler_kong_operator.kube.client import WatchEvent
from fiddler_kong_operator.plan.kinds import SECRET

__all__ = ["Rotation", "measure"]


@dataclass(frozen=True, slots=True)
class Rotation:
    """Seconds from sending the new key until the watch shows it in the last derived Secret, and the write requests."""

    seconds: float
    requests: int


async def measure(stand: Stand, bindings: int, key: str) -> Rotation:
    """Write a new `key` to the provider's Secret."""
    mark = stand.log.mark()
    async with watching(stand, SECRET) as sightings:
        sees = _holds(encoded_key(key))
        seen = [sightings[SECRET].expect(f"{binding_name(number)}-kong-keys", sees) for number in range(bindings)]
        sent = asyncio.get_running_loop().time()
        await stand.api.merge_patch(SECRET, NAMESPACE, PROVIDER_SECRET, {"data": secret(PROVIDER_SECRET, key)["data"]})
        async with asyncio.timeout(120 + 0.1 * bindings):
            last = max(await asyncio.gather(*seen))
    return Rotation(last - sent, len(stand.writes(mark)))


def _holds(value: str) -> Callable[[WatchEvent], bool]:
    return lambda event: value in (event.object.get("data") or {}).values()
