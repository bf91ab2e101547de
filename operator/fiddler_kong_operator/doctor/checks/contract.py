"""The contract of a check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fiddler_kong_operator.doctor.codes import AREAS, code_of
from fiddler_kong_operator.doctor.diagnosis import Diagnosis, Outcome
from fiddler_kong_operator.doctor.evidence import Look

__all__ = ["Check", "could_not_look", "diagnose"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check(Generic[T]):
    """One check. `area` is the start of its codes (`FKBxx`); `run` is pure."""

    area: str
    run: Callable[[T], Outcome]
    wanted: Callable[[T], bool] = lambda _: True
    """Whether the report has a line of it."""

    @property
    def title(self) -> str:
        """The name of its area."""
        return AREAS[self.area]


def diagnose(name: str, subject: object, cause: str = "", fix: str = "") -> Diagnosis:
    """A diagnosis by the name of its code."""
    return Diagnosis.of(code_of(name), subject, cause, fix)


def could_not_look(subject: object, found: Look[Any]) -> Outcome:
    """The outcome of a check whose facts this user may not read, or could not read for another reason."""
    if not found.denied:
        return Outcome(f"not looked at: {found.missing or 'nothing is known of it'}", skipped=True)
    return Outcome(f"could not look: {found.missing}", (diagnose("NotReadable", subject, found.missing),), looked=False)
