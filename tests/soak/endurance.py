"""Repeated rounds: churn and faults, restoring everything, a rest, and a measurement of the operator's resources."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from anyio.from_thread import BlockingPortal

from fiddler_kong_sink.journal import Delivery
from tests.soak.audit import AuditTail
from tests.soak.churn import Churn
from tests.soak.estate import Estate
from tests.soak.subject import PROBE_INTERVAL, Subject
from tests.soak.verdict import WARM_UP, Checkpoint, Vitals, grown, head, leaked, row
from tests.soak.weather import Weather

__all__ = ["PERMANENT", "Endurance"]

SILENCE: Final = 2.0
"""Seconds without a write after which the operator is considered idle."""

QUIET: Final = 5.0
"""Seconds of observation after that: at least one probe of each endpoint."""

BREATH: Final = 0.25
"""Seconds between two changes, since users are slower than the machine."""

LATE_FIGURES: Final = 60.0
"""Seconds in which a figure must return to its former value: running probes and idle connections end by then."""

PERMANENT: Final = 9
"""Connections without a watch that may exist at any time. Seven are used in turn: aiohttp takes the one that has been idle longest, and
each request keeps one for another 15 s, in which the Lease is renewed four times and Kong Operator's two kinds are looked for three times.
One is for reading the figures, one of a probe."""


@dataclass
class Endurance:
    """A running soak. `tell` is called with each line of the table."""

    estate: Estate
    subject: Subject
    portal: BlockingPortal
    seed: int
    tell: Callable[[str], None]
    hands: int
    """Changes in one round."""
    large: Collection[int]
    """The changes, counted from 0, with a large one: a namespace is deleted, a gateway is rolled out, or loses settings."""
    checkpoints: list[Checkpoint] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Writes without a cause, with their round."""

    def __post_init__(self) -> None:
        """Start counting."""
        self._rng = random.Random(self.seed)  # noqa: S311 - a soak that can be repeated
        self._audit = AuditTail(self.estate.stage.cluster.layout.audit_log)
        self._worn: dict[str, float] = {}
        self._probes = self._failed = 0
        for sink in (self.estate.steady, self.estate.troubled):
            sink.listen(self._count)

    def run(self, seconds: float, fewest: int) -> None:
        """Run rounds for that many seconds, and at least `fewest`."""
        self.tell(f"seed {self.seed} (SOAK_SEED), {len(self.estate.population.members)} bindings; logs in {self.estate.stage.cluster.logs}")
        self._until(lambda: not self.estate.unready(), "the first rest")
        self._await_silence()
        self._contents = self.estate.contents()
        self._audit.take()
        self.tell(head())
        end = time.monotonic() + seconds
        for number in itertools.count(1):
            if number > fewest and time.monotonic() > end:
                return
            self.checkpoints.append(self._round(number))
            self.tell(row(self.checkpoints[-1]))

    def findings(self) -> list[str]:
        """Every problem so far."""
        return [*self.problems, *self.subject.complaints(), *leaked(self.checkpoints), *grown(self.checkpoints)]

    def until_connections_have_ended(self) -> int:
        """Wait until at most `PERMANENT` connections are idle; returns their number."""
        left: list[int] = [0]

        def ended() -> bool:
            left[0] = self.subject.vitals().idle
            return left[0] <= PERMANENT

        self._within(ended)
        return left[0]

    def _round(self, number: int) -> Checkpoint:
        begun, probes = time.monotonic(), self._probes
        churn, weather = self._live(number)
        churn.restore()
        self._rest()
        loud = self._quiet()
        writes = self._audit.take()
        self.problems += [f"round {number}, at rest: {write}" for write in writes[len(writes) - loud :]]
        self.problems += [f"round {number}, without a cause: {write}" for write in churn.calls.uncaused(writes)]
        self.subject.proxy.exchanges.clear()
        return Checkpoint(
            number=number,
            seconds=time.monotonic() - begun,
            writes=len(writes),
            probes=self._probes - probes,
            faults=weather.faults + self._take_failed(),
            bystanders=churn.calls.bystanders,
            vitals=self._vitals(),
        )

    def _live(self, number: int) -> tuple[Churn, Weather]:
        """Make the changes of a round, with faults."""
        churn = Churn(self.estate, self._rng, self._worn)
        weather = Weather(self.estate, self.subject.proxy, self.portal, self._rng)
        large = (churn.undo_settings, churn.delete_namespace, churn.roll_out)
        weather.trouble()
        for hand in range(self.hands):
            weather.turn()
            churn.act()
            if hand in self.large:
                large[(number + hand) % 3]()
            time.sleep(BREATH)
        weather.clear()
        return churn, weather

    def _rest(self) -> None:
        """Wait until everything is as before and no writes come."""
        self._until(lambda: not self.estate.unready(), "every binding Ready again")
        try:
            self._until(lambda: self.estate.contents() == self._contents, "everything as before")
        except AssertionError as error:
            raise AssertionError(f"before and now: {self._differences()}") from error
        self._await_silence()

    def _await_silence(self) -> None:
        before, since = self._audit.read(), [time.monotonic()]

        def silent() -> bool:
            nonlocal before
            now = self._audit.read()
            if now != before:
                before, since[0] = now, time.monotonic()
            return time.monotonic() - since[0] >= SILENCE

        self._until(silent, "silence")

    def _quiet(self) -> int:
        """Observe until new figures are available; returns the number of writes meanwhile."""
        before = self._audit.read()
        end = time.monotonic() + max(QUIET, 2 * PROBE_INTERVAL, self.subject.freshens_in)
        self._until(lambda: time.monotonic() >= end, "the end of the quiet")
        return self._audit.read() - before

    def _vitals(self) -> Vitals:
        """The operator's resources. If they exceed former values, wait for them to come down."""
        found = [self.subject.vitals()]
        if len(self.checkpoints) > WARM_UP:
            reference = self.checkpoints[WARM_UP].vitals

            def came_down() -> bool:
                found[0] = self.subject.vitals()
                return not found[0].exceeds(reference)

            if found[0].exceeds(reference):
                self._within(came_down)
        return found[0]

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for a condition, and fail if the operator has ended, since it is not restarted."""

        def still() -> bool:
            self.subject.check()
            return holds()

        self.estate.until(still, what)

    def _within(self, holds: Callable[[], bool]) -> None:
        """Wait for a condition for a limited time without failing: the final measurement decides."""
        end = time.monotonic() + LATE_FIGURES
        self._until(lambda: holds() or time.monotonic() > end, "a figure")

    def _differences(self) -> dict[str, tuple[Any, Any]]:
        now, before = self.estate.contents(), self._contents
        return {key: (before.get(key), now.get(key)) for key in before.keys() | now.keys() if before.get(key) != now.get(key)}

    def _count(self, delivery: Delivery) -> None:
        self._probes += 1
        self._failed += bool(delivery.fault)

    def _take_failed(self) -> int:
        taken, self._failed = self._failed, 0
        return taken
