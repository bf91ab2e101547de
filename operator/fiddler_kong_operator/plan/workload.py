"""A gateway workload as observed: its containers, their env, and how its rollout stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fiddler_kong_operator.kube.objects import ObjectKey

__all__ = ["Container", "EnvEntry", "EnvSource", "Halt", "Rollout", "Workload"]

Halt = Literal["paused", "stuck", "scaled to 0"]
"""Why a workload makes no progress until a person, or an autoscaler, acts."""


@dataclass(frozen=True, slots=True)
class EnvEntry:
    """One entry of a container's env. `value` is None where it comes from a source (`valueFrom`)."""

    name: str
    value: str | None
    from_source: bool = False


@dataclass(frozen=True, slots=True)
class EnvSource:
    """One entry of a container's envFrom: `ConfigMap NAME` or `Secret NAME`, whose keys it puts into the env behind `prefix`."""

    source: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the gateway workload: only KONG_* and CONTROLLER_* entries of its env are kept, in order, duplicates included."""

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
    grant: str | None = None
    """Value of the grant annotation."""
    former: str | None = None
    """Value of our former-settings annotation."""
    labels: Mapping[str, str] = field(default_factory=dict)
    owner_kinds: frozenset[str] = frozenset()
    """Kinds of its ownerReferences (`DataPlane`: Kong Operator's)."""
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

    def container(self, name: str) -> Container | None:
        """The container of that name."""
        return next((c for c in self.containers if c.name == name), None)
