"""Drift: the time until each of 60 owned objects is repaired that another client deletes or edits at once.

The lower limit on this machine is "by hand": the benchmark repairs each object as soon as its own fault is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.manifests import NAMESPACE, binding_name
from benchmarks.sightings import Sightings, watching
from benchmarks.stand import Stand
from fiddler_kong_operator.kube.client import WatchEvent
from fiddler_kong_operator.kube.objects import Kind
from fiddler_kong_operator.plan.kinds import INGRESS, KONG_PLUGIN, SERVICE

__all__ = ["Drift", "measure", "measure_by_hand", "repair_ingress"]

FAULTS: Final = 60
_OTHER: Final = "another-client"
_EDITS: Final[dict[Kind, dict[str, Any]]] = {
    KONG_PLUGIN: {"config": {"model": {"name": _OTHER}}},
    SERVICE: {"spec": {"externalName": f"{_OTHER}.example.com"}},
}
"""The edits of another client, by kind."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Seconds from sending each fault until the watch shows it repaired."""

    seconds: tuple[float, ...]

    @property
    def slowest(self) -> float:
        """The time of the slowest repair."""
        return max(self.seconds)


async def measure(stand: Stand, bindings: int) -> Drift:
    """Send all faults at once, spread evenly over the four sorts of fault and over the bindings."""
    async with watching(stand, KONG_PLUGIN, SERVICE, INGRESS) as sightings:
        damages = (_deleted_plugin, _edited_plugin, _deleted_ingress, _edited_service)
        faults = [damages[i % 4](stand, sightings, name) for i, name in enumerate(_victims(bindings))]
        return Drift(tuple(await asyncio.gather(*faults)))


async def measure_by_hand(stand: Stand, bindings: int) -> Drift:
    """The same faults, repaired by the benchmark."""
    kinds = ((KONG_PLUGIN, "opentelemetry"), (KONG_PLUGIN, "openai-ai-proxy"), (INGRESS, "openai"), (SERVICE, "openai"))
    chosen = [(name, *kinds[i % 4]) for i, name in enumerate(_victims(bindings))]
    return Drift(tuple(await asyncio.gather(*(_by_hand(stand, kind, f"{name}-{suffix}") for name, kind, suffix in chosen))))


async def repair_ingress(stand: Stand, sightings: dict[Kind, Sightings], number: int) -> float:
    """Seconds from the deletion of a binding's Ingress until the watch shows it again."""
    return await _deleted_ingress(stand, sightings, binding_name(number))


def _victims(bindings: int) -> list[str]:
    """The binding that each fault hits, spread evenly over all."""
    return [binding_name(i * bindings // FAULTS % bindings) for i in range(FAULTS)]


async def _by_hand(stand: Stand, kind: Kind, name: str) -> float:
    """Delete and create again what `measure` deletes; edit the rest and revert the edit."""
    found = await stand.api.get(kind, NAMESPACE, name)
    sent = asyncio.get_running_loop().time()
    if kind == INGRESS or name.endswith("-opentelemetry"):
        await stand.api.delete(kind, NAMESPACE, name, uid=found["metadata"]["uid"])
        kept = {field: found["metadata"][field] for field in ("name", "namespace", "labels", "ownerReferences")}
        await stand.api.create(kind, {**found, "metadata": kept})
    else:
        edit = _EDITS[kind]
        await stand.api.merge_patch(kind, NAMESPACE, name, edit, manager=_OTHER)
        await stand.api.merge_patch(kind, NAMESPACE, name, {content: found[content] for content in edit})
    return asyncio.get_running_loop().time() - sent


async def _deleted_plugin(stand: Stand, sightings: dict[Kind, Sightings], name: str) -> float:
    return await _deleted(stand, sightings, KONG_PLUGIN, f"{name}-opentelemetry")


async def _deleted_ingress(stand: Stand, sightings: dict[Kind, Sightings], name: str) -> float:
    return await _deleted(stand, sightings, INGRESS, f"{name}-openai")


async def _edited_plugin(stand: Stand, sightings: dict[Kind, Sightings], name: str) -> float:
    plugin = f"{name}-openai-ai-proxy"
    repaired = sightings[KONG_PLUGIN].expect(plugin, _after_fault(lambda item: item["config"]["model"]["name"] == _OTHER))
    return await _timed(stand.api.merge_patch(KONG_PLUGIN, NAMESPACE, plugin, _EDITS[KONG_PLUGIN], manager=_OTHER), repaired)


async def _edited_service(stand: Stand, sightings: dict[Kind, Sightings], name: str) -> float:
    service = f"{name}-openai"
    repaired = sightings[SERVICE].expect(service, _after_fault(lambda item: item["spec"]["externalName"].startswith(_OTHER)))
    return await _timed(stand.api.merge_patch(SERVICE, NAMESPACE, service, _EDITS[SERVICE], manager=_OTHER), repaired)


async def _deleted(stand: Stand, sightings: dict[Kind, Sightings], kind: Kind, name: str) -> float:
    uid = (await stand.api.get(kind, NAMESPACE, name))["metadata"]["uid"]
    repaired = sightings[kind].expect(name, lambda event: event.type == "ADDED")
    return await _timed(stand.api.delete(kind, NAMESPACE, name, uid=uid), repaired)


def _after_fault(faulty: Callable[[dict[str, Any]], bool]) -> Callable[[WatchEvent], bool]:
    """Matches the first event without the fault after an event with it."""
    damaged = False

    def sees(event: WatchEvent) -> bool:
        nonlocal damaged
        now = faulty(event.object)
        damaged |= now
        return damaged and not now

    return sees


async def _timed(request: Coroutine[Any, Any, object], seen: asyncio.Future[float]) -> float:
    sent = asyncio.get_running_loop().time()
    await request
    return await asyncio.wait_for(seen, 60) - sent
