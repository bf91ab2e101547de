"""The operator's reconcilers over a cache that was filled before, for commands that run single passes in their own process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed, Requeue
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.kinds import BINDING
from fiddler_kong_operator.plan.workload import Workload
from fiddler_kong_operator.probe.schedule import ProbeSchedule
from fiddler_kong_operator.settings import ArrivalsSettings, ProbeSettings, Settings
from fiddler_kong_operator.write.applier import Applier

from .arrivals import ArrivalsDesk
from .binding import BindingReconciler
from .gateway import GatewayReconciler
from .gateway_outcomes import GatewayOutcomes
from .installations import Installations
from .report import Reporter

__all__ = ["Passes"]


class Passes:
    """Passes over bindings and gateways. They neither ask Fiddler nor post Events."""

    def __init__(
        self, client: Client, feed: Feed, own: str | None, endpoints: EndpointPolicy, requeue: Requeue, clock: Callable[[], float]
    ) -> None:
        """`own` is the name of the installation, None for that of each binding; `clock` is monotonic."""
        cache, applier = feed.cache, Applier(client, feed)
        reader = Reader(feed, client, endpoints=endpoints, clock=cache.clock)
        self.outcomes = GatewayOutcomes(lambda workload: _requeue_tenants(cache, workload, requeue))
        """Why settings could not be written."""
        kind = Installations if own else _Whichever
        installations = kind(own or "rehearsal", cache, applier, _ignore, clock)
        probes = ProbeSchedule(_never_ask, ProbeSchedule.pace(ProbeSettings()), _ignore, clock=clock)
        arrivals = ArrivalsDesk(_never_ask, Settings(arrivals=ArrivalsSettings(interval=0)), _ignore, clock)
        reporter = Reporter(applier, self.outcomes, arrivals, _ignore, clock, installations.own)
        self._bindings = BindingReconciler(reader, applier, probes, reporter, installations, clock)
        self._gateways = GatewayReconciler(client, feed, reader, self.outcomes, installations, clock)

    async def run(self, key: ObjectKey) -> float | None:
        """One pass over a binding or a gateway; returns the seconds until the next one, if any is due. Raises as the reconcilers do."""
        return await (self._bindings if key.kind == BINDING.name else self._gateways).reconcile(key)


class _Whichever(Installations):
    """The installation that serves the binding at hand: several may be at work, each in namespaces of its own, and share a gateway."""

    def rival(self, workload: Workload) -> None:
        """None: it does not see bindings of other installations."""
        del workload

    async def wait(self, key: ObjectKey) -> float:
        """No time: the binding is its own."""
        del key
        return 0.0


def _requeue_tenants(cache: Cache, workload: ObjectKey, requeue: Requeue) -> None:
    requeue(frozenset(cache.indexes.wanted_by[workload]), Lane.BACKGROUND, 0.0)


def _ignore(*_: object) -> None:
    """These passes post no Events and start no probes."""


async def _never_ask(*_: Any) -> NoReturn:
    raise AssertionError("these passes probe nothing")
