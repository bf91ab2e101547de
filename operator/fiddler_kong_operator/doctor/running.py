"""The plugin of each type that really runs on a route, and the level it comes from: consumer, route, service or global. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from fiddler_kong_operator.kube.objects import ObjectKey

__all__ = ["Level", "Running", "Seat", "Way", "running_plugins"]


class Level(StrEnum):
    """Where a plugin is attached, from the most specific: of one type, Kong runs only the most specific plugin."""

    CONSUMER = "consumer"
    ROUTE = "route"
    SERVICE = "service"
    GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Seat:
    """A plugin in its place: its type, its name as listed, the level, and the object that lists it."""

    type: str
    plugin: str
    level: Level
    on: ObjectKey
    disabled: bool = False

    def __str__(self) -> str:
        """`assistant-opentelemetry on Service ai/assistant-openai (service)`."""
        return f"{self.plugin} on {self.on} ({self.level})" if self.level is not Level.GLOBAL else f"{self.plugin} (global)"


@dataclass(frozen=True, slots=True)
class Running:
    """The plugin of one type that runs, None where only consumers have one; `shadowed` are those that it hides."""

    type: str
    seat: Seat | None
    shadowed: tuple[Seat, ...] = ()
    consumers: tuple[Seat, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """A way of calls through Kong: an Ingress or HTTPRoute, and the Service that it leads to. One of the two may be missing."""

    route: ObjectKey | None
    service: ObjectKey | None
    seats: tuple[Seat, ...] = field(default=())

    def __str__(self) -> str:
        """`Ingress ai/chat -> Service ai/chat`."""
        return " -> ".join(str(key) for key in (self.route, self.service) if key)

    @property
    def running(self) -> tuple[Running, ...]:
        """The plugins that run on it, one entry for each type."""
        return tuple(running_plugins(self.seats))


def running_plugins(seats: Iterable[Seat]) -> Iterator[Running]:
    """The plugin of each type that runs. A plugin that is disabled does not run, and hides none."""
    by_type: dict[str, list[Seat]] = {}
    for seat in sorted(seats, key=lambda seat: (seat.type, list(Level).index(seat.level))):
        if not seat.disabled:
            by_type.setdefault(seat.type, []).append(seat)
    for kind, present in by_type.items():
        consumers = tuple(seat for seat in present if seat.level is Level.CONSUMER)
        others = tuple(seat for seat in present if seat.level is not Level.CONSUMER)
        yield Running(kind, others[0] if others else None, others[1:], consumers)
