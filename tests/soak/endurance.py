"""Round after round: churn and faults, everything back as it was, rest, and a look at what the operator holds on to."""

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
from tests.soak.verdict import WARM_UP, Checkpoint, Vitals, grown, head, held_on_to, row
from tests.soak.weather import Weather

__all__ = ["PERMANENT", "Endurance"]

SILENCE: Final = 2.0
"""Seconds without a write after which the operator counts as being at rest."""

QUIET: Final = 5.0
"""Seconds it is then watched: at least one probe of each endpoint."""

BREATH: Final = 0.25
"""Seconds between two hands, as people are never as fast as the machine; what the operator does in between is its own affair."""

LATE_FIGURES: Final = 60.0
"""Seconds in which a figure must come down to where it was: a probe under way and a connection that rests are not held for ever."""

PERMANENT: Final = 5
"""Connections without a watch that may be there at any time: up to three that renew the Lease in turn, since aiohttp takes the one that has
rested longest and every renewal keeps it for another 15 s; the one that asks for the figures; that of a probe."""


@dataclass
class Endurance:
    """A soak under way. `tell` is called with each line of the table."""

    estate: Estate
    subject: Subject
    portal: BlockingPortal
    seed: int
    tell: Callable[[str], None]
    hands: int
    """Things that people do in one round."""
    large: Collection[int]
    """With which of these hands, counted from 0, something large happens: a namespace goes, a gateway is rolled out, or loses settings."""
    checkpoints: list[Checkpoint] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What was wrong in which round: writes that nothing called for."""

    def __post_init__(self) -> None:
        """Count from here."""
        self._rng = random.Random(self.seed)  # noqa: S311 - a soak that can be repeated
        self._audit = AuditTail(self.estate.stage.cluster.layout.audit_log)
        self._worn: dict[str, float] = {}
        self._probes = self._failed = 0
        for sink in (self.estate.steady, self.estate.troubled):
            sink.listen(self._count)

    def run(self, seconds: float, fewest: int) -> None:
        """Rounds for that long, and at least so many."""
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
        """Everything that is wrong with what was seen so far."""
        return [*self.problems, *self.subject.complaints(), *held_on_to(self.checkpoints), *grown(self.checkpoints)]

    def until_connections_have_ended(self) -> int:
        """Wait until no connections rest but those that `PERMANENT` is about; the number that is left."""
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
        self.problems += [f"round {number}, uncalled for: {write}" for write in churn.calls.uncalled(writes)]
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
        """People and weather, for as many hands as a round has."""
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
        """Wait until all is as it was before, and nothing is written any more."""
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
        """Watch for a while, until fresh figures can be had; the number of writes that came."""
        before = self._audit.read()
        end = time.monotonic() + max(QUIET, 2 * PROBE_INTERVAL, self.subject.freshens_in)
        self._until(lambda: time.monotonic() >= end, "the end of the quiet")
        return self._audit.read() - before

    def _vitals(self) -> Vitals:
        """What the operator holds. Where that is more than it was, whether it comes down by itself."""
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
        """Wait for something, as long as the operator has not ended: nobody starts it again."""

        def still() -> bool:
            self.subject.check()
            return holds()

        self.estate.until(still, what)

    def _within(self, holds: Callable[[], bool]) -> None:
        """Give something time, without insisting: what is measured in the end decides."""
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
