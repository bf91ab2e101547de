"""Settings that come from a ConfigMap or Secret: the operator opens neither, so it does not know their values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fiddler_kong_operator.plan.workload import Container

from .env import Setting, quoted

__all__ = ["Unread"]


@dataclass(frozen=True, slots=True)
class Unread:
    """Settings of one container that come from `valueFrom`, or may come from `envFrom`; each with a value that would do."""

    container: Container
    settings: tuple[Setting, ...]
    takeable: tuple[Setting, ...]
    """Those that the operator would set with `conflicts: Override`."""
    field: Callable[[str], str]
    """The path of the env entry of that name."""

    def __str__(self) -> str:
        """The sources of the settings: sentences."""
        return " ".join((*self._entries(), *self._sources()))

    @property
    def wanted(self) -> str:
        """`NAME=value` of each."""
        return ", ".join(map(str, self.settings))

    @property
    def choice(self) -> str:
        """Another remedy: a sentence with a space before it, or ""."""
        names = ", ".join(setting.name for setting in self.takeable)
        return f" With gateway.conflicts: Override the operator sets {names} itself." if names else ""

    def _is_entry(self, setting: Setting) -> bool:
        return bool(self.container.entries(setting.name))

    def _entries(self) -> Iterator[str]:
        for setting in filter(self._is_entry, self.settings):
            written = next((entry.written for entry in self.container.entries(setting.name) if entry.written), "")
            origin = f"is {quoted(written)}, which takes in other variables" if written else "comes from valueFrom"
            yield f"{self.field(setting.name)} {origin}."

    def _sources(self) -> Iterator[str]:
        names: dict[str, list[str]] = {}
        for setting in self.settings:
            for source in self.container.hidden_sources(setting.name):
                names.setdefault(source, []).append(setting.name)
        for source, hidden in names.items():
            yield f"{source}, in envFrom of container {self.container.name}, may set {', '.join(hidden)}."
