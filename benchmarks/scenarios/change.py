"""One change at rest: the time from a change of a binding's spec until its plugin has changed.

The lower limit on this machine is "by hand": the benchmark itself sees the binding's event and sends the known write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.manifests import NAMESPACE, binding, binding_name
from benchmarks.sightings import Sightings, watching
from benchmarks.stand import Stand
from benchmarks.statistics import percentile
from fiddler_kong_operator.kube.client import WatchEvent
from fiddler_kong_operator.kube.objects import Kind
from fiddler_kong_operator.plan.kinds import BINDING, KONG_PLUGIN

__all__ = ["Change", "change_one", "measure", "measure_by_hand"]

_CHANGES: Final = 200
_PAUSE: Final = 0.05
"""Seconds between two changes, in which the status is written."""


@dataclass(frozen=True, slots=True)
class Change:
    """Seconds from sending each change until the watch shows the changed child."""

    seconds: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """p50 in milliseconds."""
        return 1000 * percentile(self.seconds, 0.5)

    @property
    def slow_ms(self) -> float:
        """p99 in milliseconds."""
        return 1000 * percentile(self.seconds, 0.99)


async def measure(stand: Stand, bindings: int) -> Change:
    """Change one binding after the other."""
    async with watching(stand, KONG_PLUGIN) as sightings:
        plugins = sightings[KONG_PLUGIN]
        return Change(tuple([await change_one(stand, plugins, i % bindings, 1000 + i) for i in range(min(_CHANGES, 4 * bindings))]))


async def measure_by_hand(stand: Stand, bindings: int) -> Change:
    """The same changes, written to the children by the benchmark."""
    async with watching(stand, BINDING, KONG_PLUGIN) as sightings:
        return Change(tuple([await _one_by_hand(stand, sightings, i % bindings, 1000 + i) for i in range(min(_CHANGES, 4 * bindings))]))


async def _one_by_hand(stand: Stand, sightings: dict[Kind, Sightings], number: int, tokens: int) -> float:
    name = binding_name(number)
    noticed = sightings[BINDING].expect(name, lambda _: True)
    seen = sightings[KONG_PLUGIN].expect(f"{name}-openai-ai-proxy", _has_tokens(tokens))
    sent = asyncio.get_running_loop().time()
    change = asyncio.create_task(stand.api.merge_patch(BINDING, NAMESPACE, name, {"spec": {"routes": _routes(stand, number, tokens)}}))
    await noticed
    options = {"model": {"options": {"max_tokens": tokens}}}
    await stand.api.merge_patch(KONG_PLUGIN, NAMESPACE, f"{name}-openai-ai-proxy", {"config": options})
    taken = await asyncio.wait_for(seen, 30) - sent
    await change
    await asyncio.sleep(_PAUSE)
    return taken


def _routes(stand: Stand, number: int, tokens: int) -> list[dict[str, Any]]:
    routes: list[dict[str, Any]] = binding(number, stand.url)["spec"]["routes"]
    routes[0]["llm"]["options"]["maxTokens"] = tokens
    return routes


async def change_one(stand: Stand, plugins: Sightings, number: int, tokens: int) -> float:
    """Seconds from setting `maxTokens` of a binding until the watch shows its plugin with it."""
    seen = plugins.expect(f"{binding_name(number)}-openai-ai-proxy", _has_tokens(tokens))
    sent = asyncio.get_running_loop().time()
    await stand.api.merge_patch(BINDING, NAMESPACE, binding_name(number), {"spec": {"routes": _routes(stand, number, tokens)}})
    taken = await asyncio.wait_for(seen, 30) - sent
    await asyncio.sleep(_PAUSE)
    return taken


def _has_tokens(tokens: int) -> Callable[[WatchEvent], bool]:
    return lambda event: bool(event.object.get("config", {}).get("model", {}).get("options", {}).get("max_tokens") == tokens)
