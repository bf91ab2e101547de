"""The log of the latest requests to the trace endpoint and of the latest dropped spans."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from .admission import DropReason
from .spans import ReceivedSpan

__all__ = ["Delivery", "Drop", "Journal"]

_KEPT_ENTRIES: Final = 1000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to `/v1/traces`. The key itself is never kept: `key` is the result of its check.

    `status` is the status of the answer, or None where the sink gave none. A rejected request has no spans, and `error` says why.
    """

    at: datetime
    key: str
    application_header: str
    content_type: str
    content_encoding: str
    user_agent: str
    status: int | None = None
    size: int = 0
    spans: int = 0
    kept: int = 0
    repeated: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    fault: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """One span that was dropped although the sender got the answer 200."""

    at: datetime
    reason: DropReason
    span: ReceivedSpan


class Journal:
    """The latest deliveries and drops, and totals. It notifies listeners and waiters of each change."""

    def __init__(self) -> None:
        self._deliveries: deque[Delivery] = deque(maxlen=_KEPT_ENTRIES)
        self._drops: deque[Drop] = deque(maxlen=_KEPT_ENTRIES)
        self._listeners: list[Callable[[Delivery], None]] = []
        self._changed = asyncio.Event()
        self.drop_counts: Counter[DropReason] = Counter()
        self.delivery_count = 0
        self.refused = 0
        self.revision = 0

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """The latest deliveries, oldest first."""
        return tuple(self._deliveries)

    @property
    def drops(self) -> tuple[Drop, ...]:
        """The latest drops, oldest first."""
        return tuple(self._drops)

    def listen(self, listener: Callable[[Delivery], None]) -> None:
        """Call `listener` with each delivery from now on."""
        self._listeners.append(listener)

    def record(self, delivery: Delivery, drops: tuple[Drop, ...] = ()) -> None:
        """Add a delivery and its dropped spans, and notify listeners and waiters."""
        self._deliveries.append(delivery)
        self._drops.extend(drops)
        self.delivery_count += 1
        self.refused += bool(delivery.error)
        self.drop_counts.update(drop.reason for drop in drops)
        self.touch()
        for listener in self._listeners:
            listener(delivery)

    def clear(self) -> None:
        """Delete all entries and totals. `revision` continues to count."""
        self._deliveries.clear()
        self._drops.clear()
        self.drop_counts.clear()
        self.delivery_count = self.refused = 0
        self.touch()

    def touch(self) -> None:
        """Count a change and notify waiters."""
        self.revision += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self) -> None:
        """Return at the next change."""
        await self._changed.wait()
