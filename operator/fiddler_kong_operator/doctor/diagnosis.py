"""The result of a check: its outcome, and a diagnosis for each fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["PAGE", "Code", "Diagnosis", "Outcome", "Severity", "State", "worst"]

PAGE: Final = "docs/reference/diagnoses.md"
"""The page with a section for each code."""


class Severity(StrEnum):
    """How bad it is, from worth knowing to broken."""

    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """A number that grows with the severity."""
        return list(Severity).index(self)


class State(StrEnum):
    """How a check ended."""

    FINE = "fine"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"
    """There was nothing to check, or an earlier check has to pass first."""
    UNREAD = "unread"
    """The check could not read what it needs."""


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the registry: a stable code, the cause in general, and a fix. The code of a reason has the reason's `name`."""

    code: str
    name: str
    severity: Severity | None
    """None where it says that all is well."""
    cause: str
    fix: str

    @property
    def page(self) -> str:
        """Its page and anchor in the documentation."""
        return f"{PAGE}#{self.code.lower()}"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One fault: its object, its cause, and a fix, which is a sentence or a command to paste."""

    code: Code
    subject: str
    cause: str
    fix: str
    severity: Severity

    @classmethod
    def of(cls, code: Code, subject: object, cause: str = "", fix: str = "") -> Diagnosis:
        """A diagnosis with the registry's words where no better ones are given."""
        return cls(code, str(subject), cause or code.cause, fix or code.fix, code.severity or Severity.NOTICE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one check: one line about it, and the faults that it found."""

    said: str
    diagnoses: tuple[Diagnosis, ...] = ()
    looked: bool = True
    """False where this user may not read what the check is about; `said` then names the missing permission."""
    skipped: bool = False

    @property
    def state(self) -> State:
        """How the check ended."""
        severity = worst(self.diagnoses)
        if severity in {Severity.WARNING, Severity.ERROR}:
            return State(severity)
        if not self.looked:
            return State.UNREAD
        return State.SKIPPED if self.skipped else State.FINE


def worst(diagnoses: Iterable[Diagnosis]) -> Severity | None:
    """The highest severity; None without a diagnosis."""
    return max((diagnosis.severity for diagnosis in diagnoses), key=lambda severity: severity.rank, default=None)
