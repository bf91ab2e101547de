"""One change at rest: a binding's spec is changed; how long until its plugin is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.manifests import NAMESPACE, binding, binding_name
from benchmarks.sightings import Sightings, watching
from benchmarks.stand import Stand
from benchmarks.statistics import percentile
from fiddler_kong_operator.cluster.client import WatchEvent
from fiddler_kong_operator.cluster.kinds import BINDING, KONG_PLUGIN

__all__ = ["Change", "measure"]

_CHANGES: Final = 200
_PAUSE: Final = 0.05
"""Seconds of rest between two changes, in which the status follows."""


@dataclass(frozen=True, slots=True)
class Change:
    """Seconds from sending the change until the watch shows the changed child."""

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
    async with watching(stand, KONG_PLUGIN.name) as sightings:
        plugins = sightings[KONG_PLUGIN.name]
        return Change(tuple([await _one(stand, plugins, i % bindings, 1000 + i) for i in range(min(_CHANGES, 4 * bindings))]))


async def _one(stand: Stand, plugins: Sightings, number: int, tokens: int) -> float:
    routes = binding(number, stand.url)["spec"]["routes"]
    routes[0]["llm"]["options"]["maxTokens"] = tokens
    seen = plugins.expect(f"{binding_name(number)}-openai-ai-proxy", _has_tokens(tokens))
    sent = asyncio.get_running_loop().time()
    await stand.api.merge_patch(BINDING, NAMESPACE, binding_name(number), {"spec": {"routes": routes}})
    taken = await asyncio.wait_for(seen, 30) - sent
    await asyncio.sleep(_PAUSE)
    return taken


def _has_tokens(tokens: int) -> Callable[[WatchEvent], bool]:
    return lambda event: bool(event.object.get("config", {}).get("model", {}).get("options", {}).get("max_tokens") == tokens)
