"""Numbers of this process."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Numbers"]


class Numbers:
    """Counters and gauges of this process by name, for one event loop. A name may carry labels: `writes{kind="Secret"}`."""

    def __init__(self) -> None:
        """Nothing counted yet."""
        self._values: dict[str, float] = {}

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""
        key = _labelled(name, labels)
        self._values[key] = self._values.get(key, 0) + by

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._values[_labelled(name, labels)] = value

    def read(self) -> dict[str, float]:
        """Everything, sorted by name."""
        return dict(sorted(self._values.items()))


def _labelled(name: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name
