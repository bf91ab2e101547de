"""Kong's process settings: which ones a binding needs, and how each stands in a container's env.

They exist only as environment variables of Kong's process (Fiddler's integration page for Kong, step 3); no plugin can replace them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.v1alpha1 import BindingSpec
from fiddler_kong_operator.plan.snapshot import Container, EnvEntry, Workload

from .version import KongVersion

__all__ = [
    "BLOCKED",
    "INSTRUMENTATIONS",
    "SAMPLING_RATE",
    "UNTRUSTED_LUA",
    "Observation",
    "Setting",
    "Standing",
    "is_control_plane",
    "lua_is_off",
    "needed_settings",
    "observe",
    "unknown_lua",
    "wanted_lua",
]

INSTRUMENTATIONS: Final = "KONG_TRACING_INSTRUMENTATIONS"
SAMPLING_RATE: Final = "KONG_TRACING_SAMPLING_RATE"
UNTRUSTED_LUA: Final = "KONG_UNTRUSTED_LUA"
_LUA_LATER: Final = frozenset({"strict", "lax"})
_LUA_LATER_SINCE: Final = KongVersion((3, 14))
_ROLE: Final = "KONG_ROLE"
_OURS: Final = frozenset({names.FIELD_MANAGER})


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable and the value a binding needs it to have."""

    name: str
    value: str

    def __str__(self) -> str:
        """`NAME=value`, as shown in messages."""
        return f"{self.name}={self.value}"

    @property
    def helm_value(self) -> str:
        """The line under `env` in the values of Kong's Helm charts. Quoted: YAML would read `on` as a boolean, `1.0` as a number."""
        key = self.name.removeprefix("KONG_").lower()
        return f"{key}: {self.value}" if self.value == "all" else f'{key}: "{self.value}"'


class Standing(Enum):
    """How a needed setting stands in a container."""

    RIGHT = auto()
    """It is there; `managers` says who provides it."""
    ABSENT = auto()
    """There is no such entry, or one that has no value and no owner."""
    OUTDATED = auto()
    """It has a value that this operator alone has set for an earlier wish."""
    FOREIGN = auto()
    """It has another value, set by somebody else or nobody knows whom."""
    FROM_SOURCE = auto()
    """It comes from a ConfigMap, a Secret or a field (`valueFrom`)."""
    DUPLICATE = auto()
    """It is listed more than once."""


BLOCKED: Final = frozenset({Standing.FROM_SOURCE, Standing.DUPLICATE})
"""Standings that are never changed, not even with `conflicts: Override`."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A needed setting as found: its standing, present value ("" where there is none) and the managers that own the value."""

    setting: Setting
    standing: Standing
    value: str = ""
    managers: frozenset[str] = frozenset()

    @property
    def solely_ours(self) -> bool:
        """Whether this operator and nobody else owns the value."""
        return self.managers == _OURS

    @property
    def ours(self) -> bool:
        """Whether this operator owns the value, perhaps together with others."""
        return names.FIELD_MANAGER in self.managers


def wanted_lua(spec: BindingSpec) -> str | None:
    """The value for KONG_UNTRUSTED_LUA that a binding asks for; None where it needs none or leaves it `Unmanaged`."""
    if spec.sessions.mode != "Header" or spec.gateway.untrusted_lua == "Unmanaged":
        return None
    return spec.gateway.untrusted_lua


def unknown_lua(spec: BindingSpec, version: KongVersion | None) -> str | None:
    """The wanted value for KONG_UNTRUSTED_LUA where this Kong certainly does not know it: its new pods would not start."""
    wanted = wanted_lua(spec)
    return wanted if wanted in _LUA_LATER and version is not None and version.before(_LUA_LATER_SINCE) else None


def needed_settings(spec: BindingSpec) -> tuple[Setting, ...]:
    """The settings a binding needs on its gateway."""
    tracing = (Setting(INSTRUMENTATIONS, "all"), Setting(SAMPLING_RATE, "1.0"))
    lua = wanted_lua(spec)
    return tracing if lua is None else (*tracing, Setting(UNTRUSTED_LUA, lua))


def observe(workload: Workload, container: Container, setting: Setting) -> Observation:
    """How one needed setting stands in one container."""
    entries = [entry for entry in container.env if entry.name == setting.name]
    managers = workload.env_managers.get((container.name, setting.name), frozenset())
    if not entries:
        return Observation(setting, Standing.ABSENT)
    if len(entries) > 1:
        return Observation(setting, Standing.DUPLICATE, managers=managers)
    return _judge(setting, entries[0], managers)


def _judge(setting: Setting, entry: EnvEntry, managers: frozenset[str]) -> Observation:
    value = entry.value or ""
    if entry.from_source:
        standing = Standing.FROM_SOURCE
    elif not value and not managers:
        standing = Standing.ABSENT
    elif _suffices(setting, value, solely_ours=managers == _OURS):
        standing = Standing.RIGHT
    else:
        standing = Standing.OUTDATED if managers == _OURS else Standing.FOREIGN
    return Observation(setting, standing, value, managers)


def _suffices(setting: Setting, value: str, *, solely_ours: bool) -> bool:
    """Whether a present value does what is needed.

    For KONG_UNTRUSTED_LUA somebody else's `on` also does where less is asked for: it is the gateway owner's decision, and session grouping
    works. A value that is ours alone must be the very one asked for, so that a binding can go from `on` back to `sandbox`.
    """
    present = value.strip()
    if setting.name == SAMPLING_RATE:
        return _number(present) == _number(setting.value)
    if setting.name == UNTRUSTED_LUA and not solely_ours and present == "on":
        return True
    return present == setting.value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def is_control_plane(container: Container) -> bool:
    """Whether Kong runs as a control plane only (KONG_ROLE=control_plane) and thus handles no traffic."""
    return any(entry.name == _ROLE and entry.value == "control_plane" for entry in container.env)


def lua_is_off(container: Container) -> bool:
    """Whether KONG_UNTRUSTED_LUA is explicitly `off`: then every request through a pre-function plugin fails."""
    return any(entry.name == UNTRUSTED_LUA and (entry.value or "").strip() == "off" for entry in container.env)
