"""The operator as one object: what is observed, what decides, what writes, and how these wake each other."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Coroutine, Iterable, Mapping
from typing import Any

import kopf

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.informer import Reflector
from fiddler_kong_operator.kube.metrics import Metrics
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.kube.queue import Lane, WorkQueue
from fiddler_kong_operator.kube.recorder import Recorder
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.kinds import INFORMED
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.kinds import BINDING, DEPLOYMENT
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.probe.otlp import TraceProber
from fiddler_kong_operator.probe.schedule import ProbeSchedule
from fiddler_kong_operator.reconcile.binding import BindingReconciler
from fiddler_kong_operator.reconcile.gateway import GatewayOutcomes, GatewayReconciler
from fiddler_kong_operator.settings import Settings
from fiddler_kong_operator.write.applier import Applier

from .health import Health
from .metrics import BindingMetrics
from .sweep import BindingSweep
from .workers import Workers

__all__ = ["Operator", "first_of"]


class Operator:
    """Everything one process holds. `observe` is fed by kopf (bindings), the store's feed by the reflectors (all other kinds)."""

    def __init__(self, settings: Settings, client: Client, metrics: Metrics) -> None:
        """Put together; nothing runs yet."""
        scopes: tuple[str | None, ...] = settings.namespaces or (None,)
        clock = time.monotonic
        self._settings = settings
        self._client = client
        self._metrics = metrics
        self._queue: WorkQueue[ObjectKey] = WorkQueue(group=lambda key: key.namespace)
        self._cache = Cache()
        self._feed = Feed(self._cache, self._requeue, metrics.count_bug)
        self._reflectors = _reflectors(client, self._feed, scopes)
        self._sweep = BindingSweep(client, self._feed, scopes, settings.sweep_interval, random.random)
        self._prober = TraceProber(settings.probe)
        product = BindingMetrics(metrics, lambda: (binding.status for _, binding in self._cache.values(BINDING, Binding)))
        metrics.watch_queue(self._queue)
        self._probes = ProbeSchedule(self._prober.ask, settings.probe, self._wake, on_probe=product.count_probe)
        self._recorder = Recorder(client, clock, metrics.count_bug)
        endpoints = EndpointPolicy(settings.probe.allow_http, settings.probe.allowed_addresses)
        reader = Reader(self._cache, client, namespaces=settings.namespaces, endpoints=endpoints)
        outcomes = GatewayOutcomes(self._wake_tenants)
        bindings = BindingReconciler(reader, Applier(client, self._feed), self._probes, outcomes, self._recorder.record, clock)
        gateways = GatewayReconciler(client, self._feed, reader, outcomes, clock)
        self._workers = Workers(self._queue, bindings.reconcile, gateways.reconcile, settings.workers, metrics)
        self._health = Health(lambda: self._reflectors, self._queue.working_since, clock)
        self._tasks: list[asyncio.Task[None]] = []
        self._started = False

    async def list_everything(self, head_start: float = 0.0) -> None:
        """Start the reflectors and wait until every kind, the bindings too, has been listed once: the barrier before any write.

        kopf has a `head_start` of that many seconds at most; listed before it watches, the bindings would have to be listed again.
        Raises Transient where the bindings' definition was only installed meanwhile.
        """
        await self._sweep.first(head_start)
        if self._sweep.definition_came_late:
            raise Transient(f"{names.PLURAL}.{names.GROUP} was installed after the start; the process has to start again to watch it")
        self._run({"sweep": self._sweep.run()} | {f"reflector {reflector.name}": reflector.run() for reflector in self._reflectors})
        listed = asyncio.gather(*(reflector.synced.wait() for reflector in self._reflectors))
        await first_of(listed, self.failure())

    def start(self) -> None:
        """Begin to reconcile; only as leader, after `list_everything`."""
        self._wake(self._cache.keys(BINDING))
        self._wake(self._cache.keys(DEPLOYMENT))
        self._run({"probes": self._probes.run(), "events": self._recorder.run()})
        self._workers.start()
        self._started = True

    async def first_look(self) -> int:
        """After `start`: wait until nothing waits to be looked at, and return the number of bindings."""
        await self._queue.join()
        return len(self._cache.keys(BINDING))

    @property
    def started(self) -> bool:
        """Whether it reconciles, or has."""
        return self._started

    async def failure(self) -> None:
        """Wait until one of the tasks behind the workers ends, which only a bug can make it, and raise what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled():
                raise RuntimeError(f"the task {task.get_name()!r} has ended") from task.exception()
        await asyncio.get_running_loop().create_future()  # everything is being taken down

    async def stop(self) -> None:
        """Drain the workers, then end everything else. May be called before `start`."""
        await self._workers.stop(self._settings.drain_timeout)
        await self._recorder.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._prober.close()

    def observe(self, event_type: str | None, raw: dict[str, Any]) -> None:
        """Take a binding as observed by kopf; `event_type` is None where it was listed."""
        self._feed.event(BINDING, event_type, raw)

    def rewatched(self) -> None:
        """Take the news that kopf watches bindings from now on: what there is, and what was deleted before, is looked for."""
        self._sweep.due()

    async def connection(self) -> kopf.ConnectionInfo:
        """The API server and our credentials, for kopf's own requests."""
        login = await self._client.login()
        return kopf.ConnectionInfo(
            server=login.server,
            ca_path=login.ca_file,
            ca_data=login.ca_data,
            insecure=not login.verify,
            token=login.token,
            certificate_path=login.cert_file,
            private_key_path=login.key_file,
        )

    def problems(self) -> list[str]:
        """What is stuck; empty while healthy."""
        return self._health.problems()

    def report(self) -> dict[str, Any]:
        """Figures for /healthz."""
        waiting = {f"waiting_{lane.value}": depth for lane, depth in self._queue.depth.items()}
        held = {
            "delayed": self._queue.delayed,
            "objects": len(self._cache),
            "probes": len(self._probes),
            "tasks": len(asyncio.all_tasks()),
        }
        return {**waiting, "oldest_waiting_seconds": round(self._queue.oldest_age, 3), **held, "bugs": self._metrics.bugs}

    def _run(self, runs: Mapping[str, Coroutine[Any, Any, None]]) -> None:
        self._tasks += [asyncio.create_task(run, name=name) for name, run in runs.items()]

    def _wake(self, keys: Iterable[ObjectKey]) -> None:
        for key in keys:
            self._queue.add(key)

    def _requeue(self, keys: Iterable[ObjectKey], lane: Lane) -> None:
        for key in keys:
            self._queue.add(key, lane)

    def _wake_tenants(self, workload: ObjectKey) -> None:
        self._wake(self._cache.indexes.wanted_by[workload])


def _reflectors(client: Client, feed: Feed, scopes: tuple[str | None, ...]) -> tuple[Reflector, ...]:
    """One for each kind and scope. Cluster-scoped kinds are watched only with the whole cluster: Roles cannot permit it otherwise."""
    places = ((kind, scope) for kind in INFORMED for scope in scopes if kind.namespaced or scope is None)
    return tuple(Reflector(client, kind, scope, feed) for kind, scope in places)


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
