"""Sends spans by the configuration of an `opentelemetry` plugin, through one queue for each plugin, as Kong does.

Before Kong 3.14 only status 200 counts as delivered: anything else, 202 and 204 included, is sent again with growing pauses for
`queue.max_retry_time` seconds and then dropped with an error log line. A queue sends one batch at a time, so a batch that cannot be
delivered blocks those behind it. The newest configuration of a plugin also applies to spans that are queued already.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from .otlp import encode_spans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .process_settings import ProcessSettings
    from .spans import AttributeValue, Span

__all__ = ["ExportCounters", "ExportLimits", "Exporter"]

_LOG: Final = logging.getLogger(__name__)
_ANY_SUCCESS_SINCE: Final = (3, 14)


@dataclass(slots=True)
class ExportCounters:
    """Counters of the export. `retried` counts requests, the others count spans."""

    delivered: int = 0
    retried: int = 0
    dropped: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class ExportLimits:
    """Upper bounds in seconds for pauses of the configuration, so that demo and tests do not wait."""

    coalescing_delay: float = 0.2
    retry_time: float = 60.0
    retry_delay: float = 60.0


@dataclass(slots=True)
class _Queue:
    config: Mapping[str, Any]
    settings: ProcessSettings
    spans: list[Span] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class Exporter:
    """The queues of all `opentelemetry` plugins."""

    def __init__(self, session: aiohttp.ClientSession, limits: ExportLimits) -> None:
        self._session, self._limits = session, limits
        self._queues: dict[str, _Queue] = {}
        self._instance = str(uuid.uuid4())
        self.counters = ExportCounters()

    def put(self, plugin: str, config: Mapping[str, Any], settings: ProcessSettings, spans: list[Span]) -> None:
        """Queue the spans of one request for the plugin with this id; spans that do not fit into the queue are dropped."""
        queue = self._queues.setdefault(plugin, _Queue(config, settings))
        queue.config, queue.settings = config, settings
        room = int(config["queue"]["max_entries"]) - len(queue.spans)
        queue.spans += spans[:room]
        self.counters.dropped += len(spans[room:])
        if queue.task is None or queue.task.done():
            queue.task = asyncio.create_task(self._drain(queue))

    async def stop(self) -> None:
        """End all queues and drop their content, like a Kong that is killed."""
        tasks = [queue.task for queue in self._queues.values() if queue.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def describe(self) -> dict[str, Any]:
        """Counters and queue length, for debugging."""
        return asdict(self.counters) | {"queued": sum(len(queue.spans) for queue in self._queues.values())}

    async def _drain(self, queue: _Queue) -> None:
        while queue.spans:
            await asyncio.sleep(min(float(queue.config["queue"]["max_coalescing_delay"]), self._limits.coalescing_delay))
            size = int(queue.config["queue"]["max_batch_size"])
            batch = queue.spans[:size]
            await self._deliver(queue, batch)
            del queue.spans[: len(batch)]

    async def _deliver(self, queue: _Queue, batch: list[Span]) -> None:
        knobs = queue.config["queue"]
        deadline = time.monotonic() + min(float(knobs["max_retry_time"]), self._limits.retry_time)
        pause = float(knobs["initial_retry_delay"])
        while error := await self._send(queue, batch):
            self.counters.last_error = error
            if time.monotonic() + pause > deadline:
                self.counters.dropped += len(batch)
                _LOG.error("opentelemetry: %d spans dropped, they could not be delivered: %s", len(batch), error)
                return
            self.counters.retried += 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, float(knobs["max_retry_delay"]), self._limits.retry_delay)
        self.counters.delivered += len(batch)

    async def _send(self, queue: _Queue, batch: list[Span]) -> str | None:
        config = queue.config
        headers = {"Content-Type": "application/x-protobuf", "User-Agent": f"kong/{queue.settings.text}"} | dict(
            config.get("headers") or {}
        )
        timeout = aiohttp.ClientTimeout(sock_connect=config["connect_timeout"] / 1000, sock_read=config["read_timeout"] / 1000)
        body = encode_spans(batch, self._resource(config, queue.settings))
        try:
            async with self._session.post(
                config["traces_endpoint"], data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                return None if _is_delivered(response.status, queue.settings) else f"response status {response.status}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return f"{type(error).__name__}"

    def _resource(self, config: Mapping[str, Any], settings: ProcessSettings) -> dict[str, AttributeValue]:
        own: dict[str, AttributeValue] = {"service.name": "kong", "service.instance.id": self._instance, "service.version": settings.text}
        return own | dict(config.get("resource_attributes") or {})


def _is_delivered(status: int, settings: ProcessSettings) -> bool:
    any_success = settings.version >= _ANY_SUCCESS_SINCE and status // 100 == 2  # noqa: PLR2004 - the 2xx range
    return status == 200 or any_success  # noqa: PLR2004 - HTTP OK
