"""The bindings of one gateway workload, grouped by demand.

Bindings with equal demands have equal effects (`plan.gateway.tenancy.demand`), so the oldest of each group represents it. A pass looks at
these few representatives; with thousands of bindings on a gateway, a look at each would cost more than the rest of the pass.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from sortedcontainers import SortedDict

from fiddler_kong_operator.plan.gateway.tenancy import demand, seniority, settings_demand
from fiddler_kong_operator.plan.snapshot import Binding

__all__ = ["DemandGroups"]

Group = SortedDict[tuple[str, str, str], Binding]
"""The bindings of one demand by seniority."""


class DemandGroups:
    """The groups of one workload. Discard a binding before its demand or seniority changes."""

    def __init__(self) -> None:
        """No binding."""
        self._groups: dict[Hashable, Group] = {}

    def __bool__(self) -> bool:
        """Whether there is any binding."""
        return bool(self._groups)

    def put(self, binding: Binding) -> None:
        """Add a binding, or replace an earlier version of it."""
        self._groups.setdefault(demand(binding), SortedDict())[seniority(binding)] = binding

    def discard(self, binding: Binding) -> None:
        """Remove a binding that was put."""
        group = self._groups[demand(binding)]
        del group[seniority(binding)]
        if not group:
            del self._groups[demand(binding)]

    def representatives(self) -> Iterator[Binding]:
        """The oldest binding of each group."""
        return (_oldest(group) for group in self._groups.values())

    def rivals(self, binding: Binding) -> tuple[Binding, ...]:
        """The other representatives; none where all bindings demand the same settings, because these cannot clash."""
        own = settings_demand(binding.spec) if binding.spec else None
        others = tuple(oldest for oldest in self.representatives() if oldest.key != binding.key)
        return others if any(other.spec and settings_demand(other.spec) != own for other in others) else ()

    def represents(self, binding: Binding) -> bool:
        """Whether the binding is the oldest of its group, or would be if it were put."""
        group = self._groups.get(demand(binding))
        return group is None or seniority(binding) <= seniority(_oldest(group))


def _oldest(group: Group) -> Binding:
    binding: Binding = group.peekitem(0)[1]
    return binding
