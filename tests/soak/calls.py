"""Records the causes of writes in a round, and finds writes without a cause. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.soak.audit import Write
from tests.soak.population import GATEWAYS, TARGETS, Member, Population

__all__ = ["Calls"]


@dataclass
class Calls:
    """The objects that were changed, and the bindings that depend on them by the operator's documented rules.

    * A binding affects itself and its target; a shared object, every binding that is attached to it or tries to be.
    * A gateway affects every binding that refers to it: its rollout is their condition, and decides when their Lua is attached.
    * A failing endpoint affects the bindings that trace to it, but only their status and Events.

    Faults between the operator and the API server are no cause: a repeated request has the cause of the first one.
    """

    population: Population
    touched: set[str] = field(default_factory=set)
    """Namespace and name of bindings, shared objects and gateways."""

    def member(self, member: Member) -> None:
        """Record a change of a binding, one of its keys, or one of its children."""
        self.touched.add(member.key)
        if member.attached:
            self.target(member.attached, member.namespace)

    def target(self, kind: str, namespace: str) -> None:
        """Record a change of a shared object, or an attempt to attach to it."""
        attached = [m.key for m in self.population.of(namespace) if m.attached == kind]
        self.touched.update([f"{namespace}/{TARGETS[kind]}", *attached])

    def gateway(self, name: str) -> None:
        """Record a change of a gateway."""
        self.touched.add(f"{GATEWAYS}/{name}")
        for member in self.population.members:
            if member.gateway == name:
                self.member(member)

    def namespace(self, namespace: str) -> None:
        """Record the deletion of a namespace."""
        for member in self.population.of(namespace):
            self.member(member)

    @property
    def troubled(self) -> frozenset[str]:
        """The bindings whose endpoint fails at times."""
        return frozenset(member.key for member in self.population.members if member.troubled)

    @property
    def bystanders(self) -> int:
        """The number of bindings without a cause for any write."""
        return sum(member.key not in self.touched | self.troubled for member in self.population.members)

    def uncaused(self, writes: Iterable[Write]) -> list[str]:
        """The writes without a cause."""
        return [str(write) for write in writes if not self._has_cause(write)]

    def _has_cause(self, write: Write) -> bool:
        return write.subject in self.touched or (write.reports and write.subject in self.troubled)
