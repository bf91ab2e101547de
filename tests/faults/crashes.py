"""Injects one fault at each of the operator's writes in turn, and compares the outcome with the undisturbed run."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from tests.faults.ground import Ground, World
from tests.faults.normal import State
from tests.faults.scenarios import Scenario
from tests.faults.script import Fault, KillAfter, KillBefore, Rule
from tests.integration.arena import PATIENCE

__all__ = ["CRASHES", "FaultPoint", "Outcome", "Trial"]

logger: Final = logging.getLogger(__name__)

CRASHES: Final = (KillBefore(), KillAfter())

ATTEMPTS: Final = 5
"""Number of runs of which one must contain the write: a passing state (a gateway that is briefly gone) does not show in every run."""

SILENCE: Final = 2.0
"""Seconds without a write after which the operator counts as being at rest."""


@dataclass(frozen=True)
class FaultPoint:
    """A fault at the n-th occurrence, counted from 1, of a write of that name."""

    write: str
    occurrence: int
    fault: Fault

    def rule(self) -> Rule:
        """The rule for a run's script."""
        return Rule(lambda call: call.is_write and str(call) == self.write, self.fault, skip=self.occurrence - 1)


@dataclass
class Outcome:
    """The outcome of a run. `writes` are those that took effect; `met` is the write that the fault hit."""

    end: State = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    met: str | None = None
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """A scenario, played once for each of its writes and each of `faults`."""

    world: World
    scenario: Scenario
    faults: Sequence[Fault] = CRASHES
    repeats: int = 1
    """Writes that one fault may cost beyond those of the undisturbed run; see `_repeats` for statuses."""
    patience: float = PATIENCE
    """Seconds within which the end state must be reached."""
    lanes: int = 8
    """Parallel runs; most of a run is waiting for pods, garbage collection and quiet."""

    def failures(self) -> list[str]:
        """Every failure with its point: each write of the undisturbed run with each fault. The log has their number.

        A repeated write (usually a status) may come less often in another run; that it never comes in several attempts is
        a failure.
        """
        undisturbed = self.play()
        points = [FaultPoint(write, n, fault) for write, n in _numbered(undisturbed.writes) for fault in self.faults]
        found: list[str] = []
        met: Counter[str] = Counter()
        for point, outcome in zip(points, self._play_all(points, undisturbed), strict=True):
            where = f"{self.scenario.name}, {point.fault} at {point.write} ({point.occurrence})"
            found += [f"{where}: {problem}" for problem in outcome.problems]
            if outcome.met:
                met[point.write] += 1
            elif point.occurrence == 1:
                found.append(f"{where}: this write never came in {ATTEMPTS} runs")
        for problem in found:
            logger.error("%s", problem)
        logger.warning("%s: %d points", self.scenario.name, met.total())
        return found

    def play_down(self) -> list[str]:
        """The differences after a run in which the operator was down during the event and started afterwards."""
        return self.play(undisturbed=self.play(), down=True).problems

    def play(self, point: FaultPoint | None = None, undisturbed: Outcome | None = None, *, down: bool = False) -> Outcome:
        """Run the scenario once, undisturbed, with one fault, or with the operator down at first, and compare the outcome."""
        with self.world.ground() as ground:
            self.scenario.prepare(ground)
            if down:
                ground.pod.stop()
            ground.proxy.exchanges.clear()
            rule = ground.script.add(point.rule()) if point else None
            self.scenario.act(ground)
            if ground.pod.pid is None and down:
                ground.pod.start()
            outcome = Outcome()
            if undisturbed:
                outcome.problems += self._problems(ground, undisturbed)
            else:
                ground.until(lambda: self.scenario.done(ground), self.scenario.name)
                ground.until_quiet(2 * SILENCE)
            outcome.end = ground.state()
            outcome.writes = [str(call) for call in ground.proxy.effective_writes()]
            outcome.met = next(iter(rule.met), None) if rule else None
            if undisturbed and outcome.met:
                outcome.problems += self._repeats(outcome, undisturbed)
            return outcome

    def _play_all(self, points: Sequence[FaultPoint], undisturbed: Outcome) -> list[Outcome]:
        with ThreadPoolExecutor(self.lanes) as lanes:
            return list(lanes.map(lambda point: self._play_safely(point, undisturbed), points))

    def _play_safely(self, point: FaultPoint, undisturbed: Outcome) -> Outcome:
        """Turn the failure of a whole run into a finding, so that it does not hide those of the others."""
        try:
            return self._play_until_met(point, undisturbed)
        except AssertionError as error:
            return Outcome(met="?", problems=[str(error)])

    def _play_until_met(self, point: FaultPoint, undisturbed: Outcome) -> Outcome:
        """The first run in which the write came or something failed; else the last run."""
        for _ in range(1 if point.occurrence > 1 else ATTEMPTS):
            outcome = self.play(point, undisturbed)
            if outcome.met or outcome.problems:
                break
        return outcome

    def _problems(self, ground: Ground, undisturbed: Outcome) -> list[str]:
        try:
            ground.until(lambda: ground.state() == undisturbed.end, "the end state of the undisturbed run", self.patience)
        except AssertionError as error:
            return ["\n  ".join([*_difference(undisturbed.end, ground.state()), str(error)])]
        ground.until_quiet(SILENCE)
        return _difference(undisturbed.end, ground.state())

    def _repeats(self, outcome: Outcome, undisturbed: Outcome) -> list[str]:
        """Statuses and Events report passing states, which depend on the pace of other controllers: see `Scenario.passing`."""
        extra = Counter(outcome.writes) - Counter(undisturbed.writes)
        told = sum(count for write, count in extra.items() if "/status " in write or write.startswith("create events"))
        if extra.total() - told <= self.repeats and told <= 2 * self.repeats * self.scenario.passing:
            return []
        return [f"writes beyond the undisturbed run's: {dict(extra)}"]


def _numbered(writes: Sequence[str]) -> list[tuple[str, int]]:
    """Each write with the number of its occurrence."""
    return [(write, writes[:index].count(write) + 1) for index, write in enumerate(writes)]


def _difference(expected: State, found: State) -> list[str]:
    """The objects that differ, with the differences."""
    lines = []
    for key in sorted(expected.keys() | found.keys()):
        if key not in found or key not in expected:
            lines.append(f"{key} is {'missing' if key in expected else 'left over'}")
        elif expected[key] != found[key]:
            parts = [part for part in expected[key].keys() | found[key].keys() if expected[key].get(part) != found[key].get(part)]
            lines += [f"{key}: {part} is\n    {found[key].get(part)}, not\n    {expected[key].get(part)}" for part in sorted(parts)]
    return lines
