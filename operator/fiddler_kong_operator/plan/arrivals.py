"""Facts about an application's latest spans in Fiddler. They hold no text of a call, and nothing else that a server wrote."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

__all__ = ["SAMPLE", "WINDOW", "Arrivals", "QueryOutcome", "Sighting", "Summary"]

WINDOW: Final = 86_400.0
"""Seconds before a query in which spans are looked for."""

SAMPLE: Final = 10
"""The latest spans of Kong that a query keeps: few, so that a repair or a new fault shows after as many calls."""


class QueryOutcome(Enum):
    """How a query for spans ended."""

    READ = "read"
    REFUSED = "refused"
    """This key may not read spans (401 or 403)."""
    UNANSWERED = "unanswered"
    """No answer that can be used: `problem` says why."""


class Sighting(NamedTuple):
    """One span of Kong as Fiddler shows it. None where a fact does not apply, or the answer does not tell it."""

    started: float
    """Seconds since the epoch."""
    recognized: bool
    """Fiddler took it for a span of Kong: false where `service.name` is not exactly `kong`."""
    text: bool | None = None
    """It has the text of a prompt or an answer."""
    session: bool | None = None
    """It has a session other than its own trace: the client sent a conversation id."""
    agent: bool | None = None
    """It names an agent."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The spans since a moment, as far as a condition depends on them. A fact is true where it holds for at least one span."""

    outcome: QueryOutcome
    problem: str = ""
    seen: bool = False
    recognized: bool = False
    text: bool | None = None
    session: bool | None = None
    agent: bool | None = None


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The result of one query for the spans of an application."""

    outcome: QueryOutcome
    sightings: tuple[Sighting, ...] = ()
    """The latest first, up to `SAMPLE`, of the last `WINDOW`."""
    problem: str = ""
    """The cause with `UNANSWERED`, the HTTP status with `REFUSED`: words that follow Fiddler's URL, without a full stop."""
    unanswered: int = 0
    """The number of queries in a row that got no answer after this one."""

    def latest(self, moment: float) -> float:
        """Start of the latest span that started at `moment` or later, in seconds since the epoch; 0 without any."""
        return next((span.started for span in self.sightings if span.started >= moment), 0.0)

    def since(self, moment: float) -> Summary:
        """The spans that started at `moment` or later."""
        spans = [span for span in self.sightings if span.started >= moment]
        return Summary(
            outcome=self.outcome,
            problem=self.problem,
            seen=bool(spans),
            recognized=any(span.recognized for span in spans),
            text=_any(span.text for span in spans),
            session=_any(span.session for span in spans),
            agent=_any(span.agent for span in spans),
        )


def _any(facts: Iterable[bool | None]) -> bool | None:
    """Whether one is true; None where none is known."""
    known = [fact for fact in facts if fact is not None]
    return any(known) if known else None
