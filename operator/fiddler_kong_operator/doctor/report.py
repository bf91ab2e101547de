"""Runs every check on the evidence. Pure: the report is the same for the same evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .checks import BINDING_CHECKS, CLUSTER_CHECKS
from .diagnosis import Diagnosis, Outcome, Severity, State
from .evidence import Case, Evidence

__all__ = ["Line", "Report", "examine"]


@dataclass(frozen=True, slots=True)
class Line:
    """The outcome of one check: of the cluster, or of a binding (`namespace/name`)."""

    area: str
    title: str
    outcome: Outcome
    binding: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Every line, in the order of the data path."""

    lines: tuple[Line, ...]

    @property
    def diagnoses(self) -> Iterator[Diagnosis]:
        """Everything that was found."""
        return (diagnosis for line in self.lines for diagnosis in line.outcome.diagnoses)

    def reaches(self, threshold: Severity) -> bool:
        """Whether something is as bad as the threshold, or worse."""
        return any(diagnosis.severity.rank >= threshold.rank for diagnosis in self.diagnoses)

    @property
    def blind(self) -> bool:
        """Whether a check could not look."""
        return any(line.outcome.state is State.UNREAD for line in self.lines)


def examine(evidence: Evidence, *, cluster: bool = True) -> Report:
    """The report; without `cluster`, of the bindings alone."""
    whole = (Line(check.area, check.title, check.run(evidence)) for check in CLUSTER_CHECKS if cluster)
    return Report((*whole, *(line for case in evidence.cases for line in _lines(case))))


def _lines(case: Case) -> Iterator[Line]:
    return (Line(check.area, check.title, check.run(case), case.name) for check in BINDING_CHECKS if check.wanted(case))
