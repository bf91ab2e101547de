"""Shows the former process's probe result until this process has its own, so that a restart neither flaps a status nor writes it twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fiddler_kong_operator.api.conditions import REASONS, ConditionType, find_condition
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import Binding, ProbeResult

__all__ = ["FIRST_ANSWER_WAIT", "FirstAnswers"]

FIRST_ANSWER_WAIT: Final = 2.0
"""Seconds a first status may wait for the first probe: a new binding then costs one status write, not two."""

_RESULTS: Final = frozenset(
    name for name, row in REASONS.items() if row.type is ConditionType.TRACE_ENDPOINT_REACHABLE and name != "ProbePending"
)
"""Reasons that a probe's answer can have in this release; an older release may have written others."""


class FirstAnswers:
    """Remembers which bindings have had an answer in this process, and since when the others wait for theirs."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is monotonic."""
        self._clock = clock
        self._answered: set[ObjectKey] = set()
        self._waiting_since: dict[ObjectKey, float] = {}

    def forget(self, key: ObjectKey) -> None:
        """Forget a binding."""
        self._answered.discard(key)
        self._waiting_since.pop(key, None)

    def shown(self, binding: Binding, latest: ProbeResult | None) -> ProbeResult | None:
        """The result to show: the latest one; before the first, the one that an earlier process wrote for this very spec."""
        if latest:
            self._answered.add(binding.key)
        elif binding.key not in self._answered:
            return _recorded(binding)
        return latest

    def wait(self, key: ObjectKey, shown: ProbeResult | None, *, asked: bool) -> float:
        """Seconds for which the status still waits: no result is shown, but the endpoint was `asked` and may answer soon."""
        if shown is not None or not asked or key in self._answered:
            self._waiting_since.pop(key, None)
            return 0.0
        since = self._waiting_since.setdefault(key, self._clock())
        return max(0.0, since + FIRST_ANSWER_WAIT - self._clock())


def _recorded(binding: Binding) -> ProbeResult | None:
    """The result in the binding's status, where it is about its present spec."""
    shown = find_condition(binding.status, ConditionType.TRACE_ENDPOINT_REACHABLE)
    if shown is None or shown["observedGeneration"] != binding.generation or shown["reason"] not in _RESULTS:
        return None
    return ProbeResult(shown["reason"], shown["message"], (binding.status.get("fiddler") or {}).get("application"))
