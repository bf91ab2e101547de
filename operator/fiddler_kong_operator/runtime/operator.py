"""Wires the operator together: observers, reconcilers, writers, and how they requeue bindings and workloads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, Final

from fiddler_kong_operator.kube.backoff import Doubling
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.informer import Informer
from fiddler_kong_operator.kube.metrics import Metrics
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.kube.poller import Observer, Poller
from fiddler_kong_operator.kube.queue import Lane, WorkQueue
from fiddler_kong_operator.kube.recorder import Recorder
from fiddler_kong_operator.kube.resync import Resync
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.kinds import INFORMED
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import BINDING, SECRET
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.probe.arrivals import SpanReader
from fiddler_kong_operator.probe.otlp import TraceProber
from fiddler_kong_operator.probe.schedule import ProbeSchedule
from fiddler_kong_operator.reconcile.arrivals import ArrivalsDesk
from fiddler_kong_operator.reconcile.binding import BindingReconciler
from fiddler_kong_operator.reconcile.gateway import GatewayReconciler
from fiddler_kong_operator.reconcile.gateway_outcomes import GatewayOutcomes
from fiddler_kong_operator.reconcile.installations import WITHOUT_LEASE, Installations
from fiddler_kong_operator.reconcile.report import Reporter
from fiddler_kong_operator.settings import Settings
from fiddler_kong_operator.write.applier import Applier

from .health import find_stuck
from .metrics import BindingMetrics
from .workers import Workers

__all__ = ["Operator", "first_of"]

RETRIES: Final = Doubling(cap=60.0)
"""Pauses between failed passes, of a minute at most: a pass must not wait longer for a webhook that is up again."""


class Operator:
    """Everything one process holds. kopf calls `observe` for bindings; informers feed the cache with all other kinds."""

    def __init__(self, settings: Settings, client: Client, metrics: Metrics) -> None:
        """Nothing runs yet: call `list_bindings`, `list_others`, then `start`, in the end `stop`."""
        scopes: tuple[str | None, ...] = settings.namespaces or (None,)
        clock = time.monotonic
        self._settings = settings
        self._client = client
        self.namespaces = settings.namespaces
        """The namespaces in which kopf watches the bindings; () for all."""
        self._metrics = metrics
        self._queue: WorkQueue[ObjectKey] = WorkQueue(group=lambda key: key.namespace, backoff=RETRIES)
        self._cache = Cache(client.clock)
        self._feed = Feed(self._cache, self._requeue, metrics.count_bug)
        self._observers = _observers(client, self._feed, settings)
        self._resync = Resync(client, BINDING, scopes, self._feed, settings.resync_interval)
        self._prober, self._spans = TraceProber(settings.probe), SpanReader(settings.probe)
        product = BindingMetrics(metrics, settings.metrics_bindings)
        product.watch_bindings(lambda: (binding for _, binding in self._cache.values(BINDING, Binding)))
        metrics.watch_queue(self._queue)
        metrics.watch_informers(lambda: self._observers)
        pace = ProbeSchedule.pace(settings.probe)
        self._probes = ProbeSchedule(self._prober.ask, pace, self._requeue, on_ask=product.count_probe)
        product.watch_probes(self._probes.states)
        self._arrivals = ArrivalsDesk(self._spans.ask, settings, self._requeue, clock, on_ask=product.count_look)
        self._recorder = Recorder(client, clock, metrics.count_bug)
        endpoints = EndpointPolicy.of(settings.probe)
        reader = Reader(self._feed, client, namespaces=settings.namespaces, endpoints=endpoints, clock=client.clock)
        outcomes = GatewayOutcomes(self._requeue_tenants, product.count_rollout)
        applier, announce = Applier(client, self._feed), self._recorder.record
        installations = Installations(settings.lease_namespace or WITHOUT_LEASE, self._cache, applier, announce, clock)
        reporter = Reporter(applier, outcomes, self._arrivals, announce, clock, installations.own, on_failure=product.count_failure)
        bindings = BindingReconciler(reader, applier, self._probes, reporter, installations, clock)
        gateways = GatewayReconciler(client, self._feed, reader, outcomes, installations, clock)
        self._workers = Workers(self._queue, bindings.reconcile, gateways.reconcile, settings.workers, metrics)
        self._tasks: list[asyncio.Task[None]] = []
        self.started = False
        """Whether `start` was called."""
        self._stopping = False

    async def list_bindings(self) -> None:
        """Wait until the bindings have been listed once. Start kopf only after this: it looks for their definition only once.

        kopf ends where it may not list a namespace. An informer takes its place there, and waits for the permission.
        """
        await self._resync.once()
        refused = sorted(filter(None, self._resync.refused))
        self.namespaces = tuple(namespace for namespace in self._settings.namespaces if namespace not in refused)
        self._observers += tuple(Informer(self._client, BINDING, namespace, self._feed) for namespace in refused)

    async def list_others(self) -> None:
        """Start to observe, and wait until every other kind has been listed once: the barrier before any write."""
        self._run({"resync": self._resync.run()} | {f"informer {observer.name}": observer.run() for observer in self._observers})
        listed = asyncio.gather(*(observer.synced.wait() for observer in self._observers))
        await first_of(listed, self.failure())

    def start(self) -> None:
        """Begin to reconcile; only as leader, once everything has been listed."""
        self.started = True
        for kind in (BINDING, *(row.kind for row in WORKLOADS.values())):
            self._requeue(self._cache.keys(kind), Lane.BACKGROUND)
        self._run({"probes": self._probes.run(), "arrivals": self._arrivals.run(), "events": self._recorder.run()})
        self._workers.start()

    async def first_look(self) -> int:
        """After `start`: wait until the queue is empty, and return the number of bindings."""
        await self._queue.join()
        return len(self._cache.keys(BINDING))

    async def failure(self) -> None:
        """Wait until a task ends before `stop`, which only a bug can cause, and raise RuntimeError with its error as the cause."""
        done, _ = await asyncio.wait([*self._tasks, *self._workers.tasks], return_when=asyncio.FIRST_COMPLETED)
        if self._stopping:
            await asyncio.get_running_loop().create_future()
        ended = done.pop()
        raise RuntimeError(f"the task {ended.get_name()!r} has ended") from None if ended.cancelled() else ended.exception()

    async def stop(self) -> None:
        """Drain the workers, then end everything else. May be called before `start`."""
        self._stopping = True
        await self._workers.stop(self._settings.drain_timeout)
        await self._recorder.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._prober.close()
        self._spans.close()

    def observe(self, event_type: str | None, raw: dict[str, Any]) -> None:
        """Observe a binding that kopf has listed (`event_type` is None) or watched; a list calls for a resync."""
        self._feed.event(BINDING, event_type, raw)
        if event_type is None:
            self._resync.due()

    def problems(self) -> list[str]:
        """A sentence for each watch or worker that is stuck; empty while healthy."""
        watches = ((observer.name, observer.last_activity) for observer in self._observers)
        return find_stuck(watches, self._queue.working_since(), time.monotonic())

    def report(self) -> dict[str, Any]:
        """Figures for /healthz."""
        waiting = {f"waiting_{lane.value}": depth for lane, depth in self._queue.depth.items()}
        ages = {"delayed": self._queue.delayed, "oldest_waiting_seconds": round(self._queue.oldest_age, 3)}
        asked = {"probes": len(self._probes), "arrivals": len(self._arrivals)}
        held = {"objects": len(self._cache), **asked, "tasks": len(asyncio.all_tasks())}
        forbidden = [observer.name for observer in self._observers if observer.forbidden]
        return {**waiting, **ages, **held, "bugs": self._metrics.bugs, "forbidden": forbidden}

    def _run(self, runs: Mapping[str, Coroutine[Any, Any, None]]) -> None:
        self._tasks += [asyncio.create_task(run, name=name) for name, run in runs.items()]

    def _requeue(self, keys: Iterable[ObjectKey], lane: Lane = Lane.URGENT, delay: float = 0.0) -> None:
        """Queue keys. Before `start`, which queues everything, nothing is queued: in a replica that waits for the lease it would age."""
        for key in keys if self.started else ():
            if delay:
                self._queue.add_after(key, delay, lane)
            else:
                self._queue.add(key, lane)

    def _requeue_tenants(self, workload: ObjectKey) -> None:
        """The outcome of a write to a gateway concerns all its bindings: they wait in the background, so that people's changes go first."""
        self._requeue(self._cache.indexes.wanted_by[workload], Lane.BACKGROUND)


def _observers(client: Client, feed: Feed, settings: Settings) -> tuple[Observer, ...]:
    """One for each kind and scope; a single one for Secrets where they are not listed but read by name.

    A Role cannot permit cluster-scoped kinds; without a ClusterRole they count as not readable.
    """
    cluster = not settings.namespaces or settings.read_cluster_kinds
    observers: list[Observer] = []
    for row in INFORMED:
        if row.kind == SECRET and settings.secrets.access == "get":
            observers.append(Poller(client, SECRET, feed, partial(feed.cache.wanted, SECRET), settings.secrets.interval))
            continue
        scopes = settings.namespaces if row.kind.namespaced and settings.namespaces else (None,)
        if row.kind.namespaced or cluster:
            observers += [Informer(client, row.kind, scope, feed, optional=row.optional) for scope in scopes]
        else:
            feed.forbidden(row.kind, None, f"{row.kind.name} is watched only in the whole cluster or with --read-cluster-kinds")
    return tuple(observers)


async def first_of(*waits: Awaitable[object]) -> None:
    """Wait until the first of them ends, cancel the others, and raise what it raised."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
