"""Random faults around the operator: between it and the API server, and at one of the trace endpoints."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from anyio.from_thread import BlockingPortal

from fiddler_kong_sink.faults import Fault as SinkFault
from tests.faults.script import Answer, Cut, EndAtOnce, Fault, Late, Rule
from tests.faults.traffic import Call
from tests.soak.estate import Estate
from tests.soak.subject import WatchingProxy

__all__ = ["Weather"]


Matches = Callable[[Call], bool]


def _writes(call: Call) -> bool:
    return call.is_write


def _reads(call: Call) -> bool:
    return call.verb in {"get", "list"}


def _watches(call: Call) -> bool:
    return call.verb == "watch"


FAULTS: Final[tuple[tuple[Matches, Fault], ...]] = (
    (_writes, Answer(409)),
    (_writes, Answer(429, retry_after=1)),
    (_writes, Answer(500)),
    (_writes, Answer(503)),
    (_writes, Cut()),
    (_reads, Answer(429, retry_after=1)),
    (_reads, Answer(500)),
    (_reads, Cut()),
    (_watches, Answer(503)),
    (_watches, EndAtOnce()),
)

ENDS: Final[tuple[tuple[str, int | None], ...]] = (
    ("", None),
    ("", 410),
    ("fiddlerkongbindings", None),
    ("fiddlerkongbindings", 410),
    *((resource, error) for resource in ("secrets", "kongplugins", "services", "ingresses", "deployments") for error in (None, 410, 500)),
)
"""Open watches to end (all for ""), and how: like a load balancer, or with an ERROR event. A 500 for the bindings is left
out: kopf gives up, and the process ends for a restart."""

TROUBLES: Final = (
    SinkFault(mode="401"),
    SinkFault(mode="429", retry_after=1),
    SinkFault(mode="500"),
    SinkFault(mode="503"),
    SinkFault(mode="slow", delay=3),
    SinkFault(mode="cut"),
    SinkFault(mode="close"),
    SinkFault(mode="html"),
)

PAUSE: Final = 1.5
"""Seconds without answers of the API server."""

MOST: Final = 4
"""Most consecutive requests that one fault hits."""


class Weather:
    """Changes the faults at each `turn`, until `clear`. `faults` counts the hits so far."""

    def __init__(self, estate: Estate, proxy: WatchingProxy, portal: BlockingPortal, rng: random.Random) -> None:
        self._estate = estate
        self._proxy = proxy
        self._portal = portal
        self._rng = rng
        self._rules: list[Rule] = []
        self._ended = 0

    @property
    def faults(self) -> int:
        """Number of broken requests and ended watches."""
        return self._ended + sum(len(rule.met) for rule in self._rules)

    def turn(self) -> None:
        """Choose another fault for the next requests; at times end watches, or change the endpoint's fault."""
        matches, fault = self._rng.choice(FAULTS)
        rule = Rule(matches, fault, skip=self._rng.randrange(3), times=self._rng.randint(1, MOST))
        self._rules.append(self._proxy.script.add(rule))
        if self._rng.random() < 0.1:
            self._pause()
        if self._rng.random() < 0.3:
            self._end_watches()
        if self._rng.random() < 0.3:
            self.trouble()

    def trouble(self) -> None:
        """Make the endpoint fail."""
        self._estate.troubled.faults.set(self._rng.choice(TROUBLES))

    def clear(self) -> None:
        """Remove all faults."""
        self._proxy.script.clear()
        self._estate.troubled.faults.clear()

    def _pause(self) -> None:
        """Stop the answers of the API server for a moment."""
        end = time.monotonic() + PAUSE

        def meanwhile(call: Call) -> bool:
            return call.verb != "watch" and time.monotonic() < end

        self._rules.append(self._proxy.script.add(Rule(meanwhile, Late(PAUSE), times=None)))

    def _end_watches(self) -> None:
        resource, error = self._rng.choice(ENDS)
        before = self._proxy.open_watches
        self._portal.call(self._proxy.end_watches, resource, error)
        self._ended += before if not resource else 1
