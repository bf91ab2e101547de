"""The bindings of one gateway, grouped by what they ask of it.

Bindings that ask the same decide alike (`plan.tenancy.demand`), so the oldest of each group speaks for all of it. Whoever needs to know
what the others want looks at these few: with thousands of bindings on a gateway, a look at every one would cost more than all the rest.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.tenancy import demand, demanded_settings, seniority
from fiddler_kong_operator.plan.snapshot import Binding

__all__ = ["Cohorts"]

SLACK: Final = 64
"""Outdated heap items that are tolerated beyond twice the number of members."""


class Cohorts:
    """The groups of one workload. A binding that is put anew must be dropped before, unless its demand and seniority are the same."""

    def __init__(self) -> None:
        """Empty."""
        self._cohorts: dict[Hashable, _Cohort] = {}

    def __eq__(self, other: object) -> bool:
        """Whether the same bindings are in the same groups."""
        return isinstance(other, Cohorts) and self._members() == other._members()

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        """Whether there is any binding."""
        return bool(self._cohorts)

    def bindings(self) -> Iterator[Binding]:
        """Every one."""
        return (binding for cohort in self._cohorts.values() for binding in cohort.members.values())

    def put(self, binding: Binding) -> None:
        """Take a binding in."""
        self._cohorts.setdefault(demand(binding), _Cohort()).put(binding)

    def drop(self, binding: Binding) -> None:
        """Let a binding go."""
        asked = demand(binding)
        self._cohorts[asked].drop(binding)
        if not self._cohorts[asked].members:
            del self._cohorts[asked]

    def representatives(self) -> Iterator[Binding]:
        """The oldest of each group."""
        return (cohort.oldest for cohort in self._cohorts.values())

    def rivals(self, binding: Binding) -> tuple[Binding, ...]:
        """The other groups' oldest, and its own where that is another; none where all ask the same of the workload and cannot clash."""
        wish = demanded_settings(binding.spec) if binding.spec else None
        others = tuple(oldest for oldest in self.representatives() if oldest.key != binding.key)
        return others if any(other.spec and demanded_settings(other.spec) != wish for other in others) else ()

    def speaks(self, binding: Binding) -> bool:
        """Whether a binding represents its group, or would if it were in it."""
        cohort = self._cohorts.get(demand(binding))
        return cohort is None or seniority(binding) <= seniority(cohort.oldest)

    def _members(self) -> dict[Hashable, dict[ObjectKey, Binding]]:
        return {asked: cohort.members for asked, cohort in self._cohorts.items()}


class _Cohort:
    """One group: its members, and a heap of their seniorities in which those of former members are outdated."""

    __slots__ = ("_heap", "members")

    def __init__(self) -> None:
        self.members: dict[ObjectKey, Binding] = {}
        self._heap: list[tuple[str, str, str]] = []

    @property
    def oldest(self) -> Binding:
        while True:
            age = self._heap[0]
            member = self.members.get(ObjectKey(names.KIND, *age[1:]))
            if member and seniority(member) == age:
                return member
            heapq.heappop(self._heap)

    def put(self, binding: Binding) -> None:
        known = binding.key in self.members
        self.members[binding.key] = binding
        if not known:
            heapq.heappush(self._heap, seniority(binding))
        if len(self._heap) > 2 * len(self.members) + SLACK:
            self._heap = sorted(map(seniority, self.members.values()))

    def drop(self, binding: Binding) -> None:
        del self.members[binding.key]
