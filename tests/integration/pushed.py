"""The configuration that Kong Ingress Controller pushed to the gateway, reduced to one namespace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Pushed"]

Entity = Mapping[str, Any]


@dataclass(frozen=True)
class Pushed:
    """Services with their nested routes, plugins with the name of their target, and upstreams."""

    services: tuple[Entity, ...] = ()
    plugins: tuple[Entity, ...] = ()
    upstreams: tuple[Entity, ...] = ()

    @classmethod
    def of(cls, config: Entity | None, namespace: str) -> Pushed:
        """The part of a configuration whose tags name the namespace."""
        content = config or {}
        parts = {kind: tuple(e for e in content.get(kind) or () if _is_from(e, namespace)) for kind in ("services", "plugins", "upstreams")}
        return cls(**parts)

    @property
    def routes(self) -> tuple[Entity, ...]:
        """Every route."""
        return tuple(route for service in self.services for route in service.get("routes") or ())

    def plugin(self, kind: str) -> Entity:
        """The only plugin of a type; AssertionError if there is none or more than one."""
        found = [plugin for plugin in self.plugins if plugin["name"] == kind]
        assert len(found) == 1, f"{len(found)} plugins of type {kind}"
        return found[0]

    def types(self) -> list[str]:
        """The types of all plugins, sorted."""
        return sorted(plugin["name"] for plugin in self.plugins)

    def attached(self) -> Iterator[tuple[str, str]]:
        """(type, `service NAME`, `route NAME` or the like) of each plugin."""
        for plugin in self.plugins:
            yield (
                plugin["name"],
                next(f"{kind} {plugin[kind]}" for kind in ("route", "service", "consumer", "consumer_group") if kind in plugin),
            )

    def doubles(self) -> list[tuple[str, str]]:
        """Types that occur twice on one service or route: Kong then refuses every configuration."""
        return [place for place, number in Counter(self.attached()).items() if number > 1]


def _is_from(entity: Entity, namespace: str) -> bool:
    return f"k8s-namespace:{namespace}" in (entity.get("tags") or ())
