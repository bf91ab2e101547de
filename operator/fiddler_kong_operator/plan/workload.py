"""A gateway workload as observed: its containers, their env, and the progress of its rollout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from fiddler_kong_operator.kube.objects import ObjectKey

__all__ = ["Container", "EnvEntry", "EnvSource", "Halt", "HaltKind", "Rollout", "Workload"]

HaltKind = Literal["empty", "manual", "paused", "promoting", "stuck", "unscheduled"]
"""`empty`: scaled to 0. `manual`: a pod is replaced only when a person deletes it. `promoting`: the workload must not be changed
meanwhile. `unscheduled`: no node of the cluster fits its pods."""


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a workload makes no progress until a person, or an autoscaler, acts; in the words of the messages."""

    kind: HaltKind
    shown: str
    """Continues "the workload" or "its rollout"."""
    remedy: str
    """Sentences. `{of}` is the workload's key."""
    reported: bool = False
    """The workload's controller reports it in the status, perhaps about an earlier template; other halts come from the spec."""

    def at(self, key: ObjectKey) -> Halt:
        """The halt of that workload, with its name in the remedy."""
        return replace(self, remedy=self.remedy.format(of=key))


@dataclass(frozen=True, slots=True)
class EnvEntry:
    """One entry of a container's env. `value` is None where it comes from a source: `valueFrom`, or another variable (`$(NAME)`)."""

    name: str
    value: str | None
    from_source: bool = False
    written: str = ""
    """A value with `$(NAME)`, as it is written."""


@dataclass(frozen=True, slots=True)
class EnvSource:
    """One entry of a container's envFrom: `ConfigMap NAME` or `Secret NAME`, whose keys it puts into the env behind `prefix`."""

    source: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the gateway workload, with only the KONG_* and CONTROLLER_KONG_ADMIN* entries of its env, in order and repeated."""

    name: str
    image: str
    env: tuple[EnvEntry, ...] = ()
    env_from: tuple[EnvSource, ...] = ()

    def entries(self, name: str) -> tuple[EnvEntry, ...]:
        """The entries of its env with that name."""
        return tuple(entry for entry in self.env if entry.name == name)

    def hidden_sources(self, name: str) -> tuple[str, ...]:
        """The ConfigMaps and Secrets of envFrom that may set that name; none where an entry of env, which has precedence, sets it."""
        if self.entries(name):
            return ()
        return tuple(source.source for source in self.env_from if name.startswith(source.prefix))


@dataclass(frozen=True, slots=True)
class Rollout:
    """Progress of a workload: `complete` when no pod runs an older template; `ready` when at least one pod serves."""

    complete: bool
    ready: bool
    halt: Halt | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """A gateway workload as observed."""

    key: ObjectKey
    uid: str
    resource_version: str
    generation: int
    containers: tuple[Container, ...]
    rollout: Rollout
    init_containers: tuple[str, ...] = ()
    """Names of the init containers, native sidecars among them."""
    grant: str | None = None
    """Value of the grant annotation."""
    former: str | None = None
    """Value of our former-settings annotation."""
    labels: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    """Names of its ownerReferences by kind (`DataPlane`: Kong Operator's)."""
    controllers: frozenset[str] = frozenset()
    """Uid of its controlling owner: unlike a name, it tells an object from another one that had, or claims, the same name."""
    env_managers: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """(container, env name) -> managers that own the entry's value, from managedFields; KONG_* names only."""
    borrowed: bool = False
    """One of our field managers still owns something on it."""
    template: bytes = b""
    """A digest of the pod template."""
    taken_up: bool = True
    """The workload's controller has seen this template."""
    replaced: tuple[tuple[Container, ...], ...] | None = ()
    """The containers of older templates that pods may still run; None where these are not known."""
    operated: bool = False
    """Its pods are those of `runners`: it is an object of Kong Operator."""
    owner: Workload | None = None
    """The object that Kong Operator makes it from, as far as it is known."""
    runners: tuple[Workload, ...] = ()
    """The workloads that Kong Operator makes from it: the DataPlanes of a GatewayConfiguration, the live Deployments of a DataPlane."""
    gateways: tuple[str, ...] = ()
    """The Gateways that a GatewayConfiguration configures, as `namespace/name`."""
    unseen: tuple[str, ...] = ()
    """Why `runners` may lack some: sentences."""

    def container(self, name: str) -> Container | None:
        """The container of that name."""
        return next((c for c in self.containers if c.name == name), None)

    def running(self, name: str) -> tuple[Container, ...]:
        """The containers of that name that its pods may run: of the newest template and then, during a rollout, of older ones.

        Those of its `runners` do not count: a person who may change one of them must not speak for the whole gateway.
        """
        return tuple(dict.fromkeys(c for template in (self.containers, *(self.replaced or ())) for c in template if c.name == name))

    @property
    def unseen_templates(self) -> bool:
        """Whether its pods may run an older template that is not known. A workload of the first generation never had one."""
        return not self.rollout.complete and self.replaced is None and self.generation > 1

    def family(self) -> Iterator[Workload]:
        """Itself and everything that is made from it."""
        yield self
        for runner in self.runners:
            yield from runner.family()

    def halted(self, *kinds: HaltKind) -> Halt | None:
        """The first halt of one of these kinds in the family; None where there is none."""
        halts = (member.rollout.halt.at(member.key) for member in self.family() if member.rollout.halt)
        return next((halt for halt in halts if halt.kind in kinds), None)
