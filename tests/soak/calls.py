"""What in a round called for a write, and the writes that nothing called for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.soak.audit import Write
from tests.soak.population import GATEWAYS, TARGETS, Member, Population

__all__ = ["Calls"]


@dataclass
class Calls:
    """Whom somebody touched, and whom that concerns by the operator's documented rules.

    * A binding concerns itself and what it is attached to; a shared object, every binding that is or wants to be attached to it.
    * A gateway concerns every binding that names it: its rollout is their condition, and decides when their Lua is attached.
    * An endpoint that fails concerns the bindings that trace to it, but only what is *said* of them: nothing else of theirs is written.

    Faults between the operator and the API server call for nothing: a request that is repeated is one that somebody else called for.
    """

    population: Population
    touched: set[str] = field(default_factory=set)
    """Namespace and name of bindings, shared objects and gateways."""

    def member(self, member: Member) -> None:
        """Somebody changed a binding, one of its keys, or one of its children."""
        self.touched.add(member.key)
        if member.attached:
            self.target(member.attached, member.namespace)

    def target(self, kind: str, namespace: str) -> None:
        """Somebody changed a shared object, or wants to be attached to it."""
        attached = [m.key for m in self.population.of(namespace) if m.attached == kind]
        self.touched.update([f"{namespace}/{TARGETS[kind]}", *attached])

    def gateway(self, name: str) -> None:
        """Somebody changed a gateway."""
        self.touched.add(f"{GATEWAYS}/{name}")
        for member in self.population.members:
            if member.gateway == name:
                self.member(member)

    def namespace(self, namespace: str) -> None:
        """Somebody deleted a namespace."""
        for member in self.population.of(namespace):
            self.member(member)

    @property
    def told(self) -> frozenset[str]:
        """Bindings of the endpoint that fails now and then."""
        return frozenset(member.key for member in self.population.members if member.troubled)

    @property
    def bystanders(self) -> int:
        """Bindings that nothing calls for a write about."""
        return sum(member.key not in self.touched | self.told for member in self.population.members)

    def uncalled(self, writes: Iterable[Write]) -> list[str]:
        """The writes that nothing called for."""
        return [str(write) for write in writes if not self._called_for(write)]

    def _called_for(self, write: Write) -> bool:
        return write.subject in self.touched or (write.tells and write.subject in self.told)
