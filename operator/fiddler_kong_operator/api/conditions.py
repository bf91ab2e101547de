"""Findings, condition types and the registry of reasons: the single source for status, events, documentation and tests.

A reason belongs to one condition type and fixes its status. `summary` explains it, `remedy` says what to do next; both go into
`docs/reference/conditions.md`. The message in a binding's status is more precise: it names the object and the field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .reasons import EVERY_REASON, ConditionType, Reason, Status

__all__ = [
    "EVERY_REASON",
    "REASONS",
    "ConditionType",
    "Finding",
    "Reason",
    "Status",
    "find_condition",
    "finding_of",
    "reason",
    "tell_problems",
]

SHOWN_PROBLEMS: Final = 5
"""Problems that one message spells out: each may take several hundred of its 4096 characters."""


def tell_problems(problems: Sequence[str]) -> str:
    """One text for several problems: the first ones spelled out, the rest counted. The CRD bounds a message's length."""
    rest = len(problems) - SHOWN_PROBLEMS
    return " ".join((*problems[:SHOWN_PROBLEMS], *([f"And {rest} more."] if rest > 0 else [])))


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check: a reason of the registry and the message for this binding."""

    reason: Reason
    message: str

    @classmethod
    def of_problems(cls, reason: Reason, problems: Sequence[str]) -> Finding:
        """One finding for several problems, told by `tell_problems`."""
        return cls(reason, tell_problems(problems))

    @property
    def type(self) -> ConditionType:
        """The condition the finding decides."""
        return self.reason.type

    @property
    def status(self) -> Status:
        """The status its reason fixes."""
        return self.reason.status


REASONS: Final[dict[str, Reason]] = {entry.name: entry for entry in EVERY_REASON}
"""Every reason by name. While not True, `Ready` has the reason of the deciding condition."""


def reason(name: str) -> Reason:
    """The registry's entry; KeyError for a name that is not in it, which is a bug."""
    return REASONS[name]


def find_condition(status: Mapping[str, Any], kind: ConditionType) -> Mapping[str, Any] | None:
    """A condition of a binding's status as JSON; None where the status has none of that type."""
    return next((c for c in status.get("conditions") or () if c["type"] == kind), None)


def finding_of(condition: Mapping[str, Any]) -> Finding:
    """The finding that a condition shows. KeyError for a reason of another release."""
    return Finding(reason(condition["reason"]), str(condition.get("message") or ""))
