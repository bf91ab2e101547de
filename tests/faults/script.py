"""Faults between the operator and the API server, as data: the requests they hit and their effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.traffic import Call

__all__ = [
    "Answer",
    "Cut",
    "EndAtOnce",
    "Fault",
    "Hang",
    "KillAfter",
    "KillBefore",
    "Late",
    "Rule",
    "Script",
    "Silence",
    "StaleList",
    "Withhold",
    "watches",
]

Matches = Callable[[Call], bool]


@dataclass(frozen=True)
class KillBefore:
    """Kill the operator; the request never reaches the API server."""


@dataclass(frozen=True)
class KillAfter:
    """Let the request take effect, then kill the operator: it never sees the answer."""


@dataclass(frozen=True)
class Answer:
    """Answer in the API server's place."""

    status: int
    retry_after: int | None = None
    message: str = "injected"


@dataclass(frozen=True)
class Hang:
    """Never answer. `effective`: the request still takes effect."""

    effective: bool = False


@dataclass(frozen=True)
class Cut:
    """Let the request take effect, then close the connection in the middle of the answer."""


@dataclass(frozen=True)
class Late:
    """Hold the request back for that many seconds, then forward it, even if the client no longer waits."""

    seconds: float


@dataclass(frozen=True)
class StaleList:
    """Repeat the first answer to a list; a watch from its version shows the later changes."""


@dataclass(frozen=True)
class Silence:
    """A watch that stays open without any event or bookmark."""


@dataclass(frozen=True)
class Withhold:
    """A watch that drops events."""

    drops: Callable[[dict[str, Any]], bool] = lambda _: True


@dataclass(frozen=True)
class EndAtOnce:
    """A watch that ends at once."""


Fault = KillBefore | KillAfter | Answer | Hang | Cut | Late | StaleList | Silence | Withhold | EndAtOnce


@dataclass
class Rule:
    """A fault for matching requests: skips the first `skip`, then hits `times` of them (None: until it is removed)."""

    matches: Matches
    fault: Fault
    skip: int = 0
    times: int | None = 1
    met: list[str] = field(default_factory=list)
    """The requests it has hit."""

    def take(self, call: Call) -> bool:
        """Whether it hits this request; counts it."""
        if not self.in_force(call):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.met.append(str(call))
        return True

    def in_force(self, call: Call) -> bool:
        """Whether it matches such a request and is not used up."""
        return self.matches(call) and self.times != len(self.met)


@dataclass
class Script:
    """The rules in force; the first rule that hits a request decides."""

    rules: list[Rule] = field(default_factory=list)

    def add(self, rule: Rule) -> Rule:
        """Put a rule in force; returns it for later checks of `met`."""
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Let everything through."""
        self.rules.clear()

    def fault_for(self, call: Call) -> Fault | None:
        """The fault for a request; counts it."""
        return next((rule.fault for rule in tuple(self.rules) if rule.take(call)), None)

    def standing(self, call: Call) -> Fault | None:
        """The fault for an open watch; does not count it."""
        return next((rule.fault for rule in tuple(self.rules) if rule.in_force(call)), None)


def watches(*resources: str) -> Matches:
    """Watches of these resources."""
    return lambda call: call.verb == "watch" and call.resource in resources
