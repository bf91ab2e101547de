"""Prometheus metrics of a controller, and the server of `/metrics`.

The metrics live in their own registry, to which product code adds its metrics.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, Literal

from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fiddler_kong_operator import __version__, names

from .objects import ObjectKey
from .page import PageServer
from .poller import Observer
from .queue import WorkQueue

__all__ = ["PREFIX", "Metrics", "MetricsServer", "ReconcileResult"]

logger: Final = logging.getLogger(__name__)

PREFIX: Final = names.APPLICATION.replace("-", "_")
"""Namespace of all metric names."""

ReconcileResult = Literal["success", "transient", "stale", "refused", "bug", "not_leader"]

Read = Callable[[], Iterable[Metric]]
"""Called in the event loop at each scrape: it must be quick. Another thread iterates the result, so the iteration must be thread-safe."""

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Buckets of durations; a request may take 30 seconds."""


class Metrics:
    """The metrics every controller has, for one process and one event loop."""

    def __init__(self) -> None:
        """All counters are zero; `collect` and the `watch_` methods add metrics that are read at each scrape."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # or each counter has a timestamp beside it; the switch is process-wide
        self.registry = CollectorRegistry()
        self._reads: list[Read] = []
        ProcessCollector(registry=self.registry)
        self._reconcile_seconds = self.histogram("reconcile_duration_seconds", "Duration of a reconciliation.", "kind")
        self._reconciled = self.counter("reconcile", "Reconciliations.", "kind", "result")
        self._request_seconds = self.histogram("api_request_duration_seconds", "Time to an API server's response headers.", "verb", "kind")
        self._requests = self.counter("api_requests", "Requests to the API server; code 0 stands for no response.", "verb", "kind", "code")
        self._bugs = self.counter("bugs", "Unexpected exceptions.", "kind")
        build = Gauge("build_info", "The running version.", ["version"], namespace=PREFIX, registry=self.registry)
        build.labels(__version__).set(1)

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """A new counter; `_total` is added to its name."""
        return Counter(name, text, labels, namespace=PREFIX, registry=self.registry)

    def histogram(self, name: str, text: str, *labels: str) -> Histogram:
        """A new histogram of seconds."""
        return Histogram(name, text, labels, namespace=PREFIX, registry=self.registry, buckets=_SECONDS)

    def collect(self, read: Read) -> None:
        """Add metrics that are read at each scrape. If that raises, they are missing from that scrape and a bug is counted."""
        self._reads.append(read)

    def watch_queue(self, queue: WorkQueue[ObjectKey]) -> None:
        """Add the figures of the queue."""
        self.collect(lambda: _queue_metrics(queue))

    def watch_informers(self, informers: Callable[[], Iterable[Observer]]) -> None:
        """Add the number of forbidden watches by kind."""
        self.collect(lambda: [_forbidden_metric(informers())])

    def watch_leader(self, leading: Callable[[], bool]) -> None:
        """Add whether this process leads."""
        self.collect(lambda: [_gauge("leader", "1 if this process holds the lease.", float(leading()))])

    def count_reconciliation(self, kind: str, result: ReconcileResult, seconds: float) -> None:
        """Note one reconciliation of an object of that kind."""
        self._reconcile_seconds.labels(kind).observe(seconds)
        self._reconciled.labels(kind, result).inc()

    def count_request(self, verb: str, kind: str, status: int, seconds: float) -> None:
        """Note one request: a `RequestObserver` of the client."""
        self._request_seconds.labels(verb, kind).observe(seconds)
        self._requests.labels(verb, kind, str(status)).inc()

    def count_bug(self, kind: str) -> None:
        """Note an unexpected exception; `kind` is the kind of the object in work, or the part of the program."""
        self._bugs.labels(kind).inc()

    @property
    def bugs(self) -> int:
        """Number of unexpected exceptions so far."""
        return int(sum(s.value for family in self._bugs.collect() for s in family.samples if s.name.endswith("_total")))

    def take(self) -> Callable[[], bytes]:
        """Read the values that change, quickly. The result renders the page of `/metrics` from them, in any thread. Neither raises."""
        return partial(generate_latest, _Page(self.registry, [self._attempt(read) for read in self._reads], self._attempt))

    def _attempt(self, read: Read) -> Iterable[Metric]:
        try:
            return read()
        except Exception:  # the edge: one broken metric must not hide the others
            self.count_bug("metrics")
            logger.exception("a bug in the operator, please report it; some metrics are missing")
            return ()


class _Page(Collector):
    """The metrics of one scrape: those of the registry, and those that `take` has read for it."""

    def __init__(self, registry: Collector, taken: Sequence[Iterable[Metric]], attempt: Callable[[Read], Iterable[Metric]]) -> None:
        self._registry = registry
        self._taken = taken
        self._attempt = attempt

    def collect(self) -> Iterator[Metric]:
        yield from self._registry.collect()
        for part in self._taken:
            yield from self._attempt(partial(tuple, part))


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _forbidden_metric(informers: Iterable[Observer]) -> Metric:
    metric = GaugeMetricFamily(f"{PREFIX}_watches_forbidden", "Watches that the API server forbids, by kind.", labels=["kind"])
    numbers: dict[str, int] = {}
    for informer in informers:
        numbers[informer.kind.name] = numbers.get(informer.kind.name, 0) + informer.forbidden
    for kind, number in numbers.items():
        metric.add_metric([kind], number)
    return metric


def _queue_metrics(queue: WorkQueue[ObjectKey]) -> list[Metric]:
    depth = GaugeMetricFamily(f"{PREFIX}_queue_depth", "Keys that wait, by lane.", labels=["lane"])
    for lane, number in queue.depth.items():
        depth.add_metric([lane.value], number)
    oldest = _gauge("queue_oldest_seconds", "Time for which the oldest waiting key has waited.", queue.oldest_age)
    return [depth, oldest, _gauge("queue_delayed", "Keys that are queued later.", queue.delayed)]


class MetricsServer(PageServer):
    """Serves GET /metrics; an async context manager. One page is rendered at a time, in another thread."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        """Port 0 switches it off."""
        super().__init__("/metrics", self._page, host, port, "--metrics-port")
        self._metrics = metrics
        self._turn = asyncio.Lock()

    async def _page(self) -> web.Response:
        async with self._turn:
            body = await asyncio.to_thread(self._metrics.take())
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
