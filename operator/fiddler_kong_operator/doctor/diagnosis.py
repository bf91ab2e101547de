"""What a check says: its outcome, and a diagnosis for each thing that is wrong."""

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
        """A number that grows with it."""
        return list(Severity).index(self)


class State(StrEnum):
    """How a check ended."""

    FINE = "fine"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"
    """There was nothing to check, or an earlier check has to pass first."""
    UNREAD = "unread"
    """It could not look."""


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the registry: a stable code, the cause in general, and a fix. `name` is a reason's where it has the code of a reason."""

    code: str
    name: str
    severity: Severity | None
    """None where it says that all is well."""
    cause: str
    fix: str

    @property
    def page(self) -> str:
        """Where the documentation has it."""
        return f"{PAGE}#{self.code.lower()}"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that is wrong: with which object, why, and what to do: a sentence, or a command to paste."""

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
    """What one check found, in one line, and what is wrong."""

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
