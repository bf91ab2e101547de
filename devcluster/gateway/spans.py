"""The spans of one request, and the sampling decision.

The set is the one Fiddler's integration page lists: `kong`, `kong.router`, `kong.access.plugin.ai-proxy`, `kong.dns`, `kong.balancer` and
`chat {model}`. A real Kong with `all` makes more (one for each plugin and phase), all named `kong.*`.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .process_settings import ProcessSettings

__all__ = ["AttributeValue", "Parent", "Span", "Trace", "parent_of"]

AttributeValue = str | bytes | bool | int | float | list[str]
"""Bytes are a string that may be invalid UTF-8: Lua can write such strings, and Kong exports them unchanged."""

_TRACEPARENT: Final = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")
_SAMPLED: Final = 1


@dataclass(frozen=True, slots=True)
class Parent:
    """The caller's span, from its `traceparent`."""

    trace_id: bytes
    span_id: bytes
    sampled: bool


@dataclass(slots=True)
class Span:
    """One span. Times are nanoseconds since the epoch."""

    name: str
    trace_id: bytes
    span_id: bytes
    parent_id: bytes | None
    kind: int
    start: int
    end: int = 0
    error: str | None = None
    attributes: dict[str | bytes, AttributeValue] = field(default_factory=dict)

    def finish(self) -> None:
        """Set the end to now, unless it is set."""
        self.end = self.end or time.time_ns()


def parent_of(traceparent: str | None, propagation: Mapping[str, Any]) -> Parent | None:
    """The parent as `propagation` allows: `extract: []` ignores it, no `extract` at all reads W3C headers."""
    extract = propagation.get("extract")
    found = _TRACEPARENT.match((traceparent or "").strip().lower())
    if found is None or (extract is not None and "w3c" not in extract):
        return None
    trace, span, flags = found.groups()
    return Parent(bytes.fromhex(trace), bytes.fromhex(span), bool(int(flags, 16) & _SAMPLED))


class Trace:
    """The spans of one request, root first. Without tracing it stays empty, and `start` returns spans that are not exported."""

    def __init__(self, settings: ProcessSettings, parent: Parent | None) -> None:
        self._settings, self._parent = settings, parent
        self._id = parent.trace_id if parent else secrets.token_bytes(16)
        self.spans: list[Span] = []

    @property
    def active(self) -> bool:
        """Whether the process makes spans at all."""
        return self._settings.tracing

    def start(self, name: str, instrumentation: str, *, kind: int = 1, parent: Span | None = None) -> Span:
        """Begin a span under `parent`, or under the root. It is kept only if its instrumentation is on."""
        outer = (parent or (self.spans[0] if self.spans else None)) if self.spans else None
        parent_id = outer.span_id if outer else self._parent.span_id if self._parent else None
        span = Span(name, self._id, secrets.token_bytes(8), parent_id, kind, time.time_ns())
        if self.active and self._settings.instruments(instrumentation):
            self.spans.append(span)
        return span

    def add_gen_ai(self, name: str, parent: Span) -> Span:
        """Begin the GenAI span, which Kong Gateway Enterprise has since 3.13 with any instrumentation but `off`."""
        span = Span(name, self._id, secrets.token_bytes(8), parent.span_id, 3, time.time_ns())
        if self.active and self._settings.gen_ai:
            self.spans.append(span)
        return span

    def is_sampled(self, plugin: Mapping[str, Any], random: Callable[[], float]) -> bool:
        """Whether to export: not after a caller's `-00`, otherwise by the sampling rate of the plugin, or else of the process."""
        if self._parent and not self._parent.sampled:
            return False
        rate = plugin.get("sampling_rate")
        return random() < (self._settings.sampling_rate if rate is None else rate)

    def traceparent(self) -> str | None:
        """The `traceparent` for the service."""
        if not self.spans:
            return None
        flags = "00" if self._parent and not self._parent.sampled else "01"
        return f"00-{self._id.hex()}-{self.spans[0].span_id.hex()}-{flags}"
