"""What goes wrong between the operator and the API server, as data: which requests, and what happens to them."""

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
    """SIGKILL the operator; the request never reaches the API server."""


@dataclass(frozen=True)
class KillAfter:
    """Let the request take effect, then SIGKILL the operator: it never sees the answer."""


@dataclass(frozen=True)
class Answer:
    """Answer in the API server's place."""

    status: int
    retry_after: int | None = None
    message: str = "injected"


@dataclass(frozen=True)
class Hang:
    """Never answer. `effective`: the request takes effect all the same."""

    effective: bool = False


@dataclass(frozen=True)
class Cut:
    """Let the request take effect, then close the connection in the middle of the answer."""


@dataclass(frozen=True)
class Late:
    """Hold the request back for that many seconds, then forward it, whether or not anybody waits for its answer."""

    seconds: float


@dataclass(frozen=True)
class StaleList:
    """Answer a list as it was answered the first time; a watch from there shows what came since."""


@dataclass(frozen=True)
class Silence:
    """A watch that stays open and says nothing: no event, no bookmark."""


@dataclass(frozen=True)
class Withhold:
    """A watch that leaves events out."""

    drops: Callable[[dict[str, Any]], bool] = lambda _: True


@dataclass(frozen=True)
class EndAtOnce:
    """A watch that ends as soon as it began."""


Fault = KillBefore | KillAfter | Answer | Hang | Cut | Late | StaleList | Silence | Withhold | EndAtOnce


@dataclass
class Rule:
    """A fault for matching requests: from the one after the first `skip` on, for `times` of them (None: until it is taken away)."""

    matches: Matches
    fault: Fault
    skip: int = 0
    times: int | None = 1
    met: list[str] = field(default_factory=list)
    """The requests it has met."""

    def take(self, call: Call) -> bool:
        """Whether this request is met."""
        if not self.in_force(call):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.met.append(str(call))
        return True

    def in_force(self, call: Call) -> bool:
        """Whether it is about such a request and not used up."""
        return self.matches(call) and self.times != len(self.met)


@dataclass
class Script:
    """The rules in force; the first that meets a request decides."""

    rules: list[Rule] = field(default_factory=list)

    def add(self, rule: Rule) -> Rule:
        """Put a rule in force; gives it back, to be asked what it has met."""
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Let everything through."""
        self.rules.clear()

    def fault_for(self, call: Call) -> Fault | None:
        """What happens to a request; counts it."""
        return next((rule.fault for rule in tuple(self.rules) if rule.take(call)), None)

    def standing(self, call: Call) -> Fault | None:
        """What now holds for a watch under way; counts nothing."""
        return next((rule.fault for rule in tuple(self.rules) if rule.in_force(call)), None)


def watches(*resources: str) -> Matches:
    """Watches of these resources."""
    return lambda call: call.verb == "watch" and call.resource in resources
