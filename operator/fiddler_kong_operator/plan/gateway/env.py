"""Kong's process settings: which ones a binding needs, and the state of each in a container's env.

They exist only as environment variables of Kong's process (Fiddler's integration page for Kong, step 3); no plugin can replace them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.kube.redaction import shorten
from fiddler_kong_operator.plan.plugins import needs_lua
from fiddler_kong_operator.plan.workload import Container, EnvEntry, Workload

from .version import KongVersion

__all__ = [
    "BLOCKED",
    "INSTRUMENTATIONS",
    "LONGEST_QUOTE",
    "SAMPLING_RATE",
    "SETTINGS",
    "UNTRUSTED_LUA",
    "Observation",
    "Observations",
    "Setting",
    "SettingState",
    "is_unread",
    "lua_is_off",
    "needed_lua",
    "needed_settings",
    "observe_setting",
    "parse_list",
    "quoted",
    "reading",
    "starts_with",
    "unproven_lua",
    "unsupported_lua",
]

INSTRUMENTATIONS: Final = "KONG_TRACING_INSTRUMENTATIONS"
SAMPLING_RATE: Final = "KONG_TRACING_SAMPLING_RATE"
UNTRUSTED_LUA: Final = "KONG_UNTRUSTED_LUA"
SETTINGS: Final = frozenset({INSTRUMENTATIONS, SAMPLING_RATE, UNTRUSTED_LUA})
"""The settings that the operator can write."""

_LUA_LATER: Final = frozenset({"strict", "lax"})
_LUA_LATER_SINCE: Final = KongVersion((3, 14))
_LUA_MODES: Final = frozenset({"off", "sandbox", "on", *_LUA_LATER})
_SPANS: Final = ("request", "db_query", "dns_query", "router", "http_client", "balancer")
_INSTRUMENTATIONS: Final = frozenset({"off", "all", *_SPANS, "plugin_rewrite", "plugin_access", "plugin_header_filter"})
_OURS: Final = frozenset({names.FIELD_MANAGER})
LONGEST_QUOTE: Final = 600
"""Characters of a value that a message quotes: the remedy must have room too."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable and the value a binding needs it to have."""

    name: str
    value: str

    def __str__(self) -> str:
        """`NAME=value`, as shown in messages."""
        return f"{self.name}={self.value}"

    @property
    def entry(self) -> EnvEntry:
        """The entry of env that sets it."""
        return EnvEntry(self.name, self.value)

    @property
    def helm_value(self) -> str:
        """The line under `env` in the values of Kong's Helm charts. Quoted: YAML would read `on` as a boolean, `1.0` as a number."""
        return f"{self.name.removeprefix('KONG_').lower()}: {self._quoted}"

    @property
    def yaml(self) -> str:
        """The entry of a container's env, in YAML."""
        return f"{{name: {self.name}, value: {self._quoted}}}"

    @property
    def _quoted(self) -> str:
        return self.value if self.value == "all" else f'"{self.value}"'


class SettingState(Enum):
    """The state of a needed setting in a container."""

    RIGHT = auto()
    """It has a sufficient value; `managers` says who owns it."""
    ABSENT = auto()
    """There is no such entry, or one that has no value and no owner."""
    HIDDEN = auto()
    """There is no such entry, but a ConfigMap or Secret of envFrom may set it; they are not opened."""
    OUTDATED = auto()
    """It has another value, which only this operator owns: an earlier demand."""
    FOREIGN = auto()
    """It has another value, owned by another manager or an unknown one."""
    FROM_SOURCE = auto()
    """It comes from a ConfigMap, a Secret or a field (`valueFrom`), or from another variable (`$(NAME)`)."""
    DUPLICATE = auto()
    """It is listed more than once."""


BLOCKED: Final = frozenset({SettingState.FROM_SOURCE, SettingState.DUPLICATE})
"""The operator never changes settings in these states, not even with `conflicts: Override`."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A needed setting as found: its state, present value ("" where there is none) and the managers that own the value."""

    setting: Setting
    state: SettingState
    value: str = ""
    managers: frozenset[str] = frozenset()

    @property
    def solely_ours(self) -> bool:
        """Whether this operator is the only owner of the value."""
        return self.managers == _OURS

    @property
    def ours(self) -> bool:
        """Whether this operator owns the value, perhaps together with others."""
        return names.FIELD_MANAGER in self.managers


@dataclass(frozen=True, slots=True)
class Observations:
    """Needed settings as found in one container, and how messages show them."""

    observations: tuple[Observation, ...]
    field: Callable[[str], str]
    """The path of the env entry of that name."""
    advise: Callable[[Iterable[Setting]], str]
    """How a person sets them: `remedies.Remedy`."""

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.observations)

    def __str__(self) -> str:
        """`NAME=value` of each."""
        return ", ".join(str(o.setting) for o in self.observations)

    @property
    def values(self) -> str:
        """The present values and their owners."""
        return " ".join(map(self._value, self.observations))

    @property
    def lacks(self) -> str:
        """The present values beside the needed ones."""
        return " ".join(f"{self._value(o)}; it must be {o.setting.value}." for o in self.observations)

    @property
    def duplicates(self) -> str:
        """The entries that are listed more than once: sentences."""
        return " ".join(f"{self.field(o.setting.name)} is listed more than once." for o in self.observations)

    @property
    def remedy(self) -> str:
        """How to set them where the gateway gets its env."""
        return self.advise([o.setting for o in self.observations])

    def _value(self, found: Observation) -> str:
        if found.state is SettingState.ABSENT:
            return f"{self.field(found.setting.name)} is missing"
        others = sorted(found.managers - {names.FIELD_MANAGER})
        shown = [f"{m} (this operator put an earlier value back)" if m == names.RESTORING_MANAGER else f"manager {m}" for m in others]
        value = f"{quoted(found.value)}{reading(found.setting.name, found.value)}"
        return f"{self.field(found.setting.name)}.value is {value}, set by {' and '.join(shown) or 'an unknown manager'}"


def needed_lua(spec: BindingSpec) -> str | None:
    """The value of KONG_UNTRUSTED_LUA that a binding needs; None where it needs none or leaves the setting `Unmanaged`."""
    return spec.gateway.untrusted_lua if needs_lua(spec) and spec.gateway.untrusted_lua != "Unmanaged" else None


def unsupported_lua(spec: BindingSpec, version: KongVersion | None) -> str | None:
    """The needed value of KONG_UNTRUSTED_LUA where this Kong certainly does not know it: its new pods would not start."""
    needed = needed_lua(spec)
    return needed if needed in _LUA_LATER and version is not None and version.before(_LUA_LATER_SINCE) else None


def unproven_lua(spec: BindingSpec, version: KongVersion | None) -> str | None:
    """The needed value of KONG_UNTRUSTED_LUA where an unknown Kong may not know it."""
    needed = needed_lua(spec)
    return needed if needed in _LUA_LATER and version is None else None


def needed_settings(spec: BindingSpec) -> tuple[Setting, ...]:
    """The settings a binding needs on its gateway."""
    tracing = (Setting(INSTRUMENTATIONS, "all"), Setting(SAMPLING_RATE, "1.0"))
    lua = needed_lua(spec)
    return tracing if lua is None else (*tracing, Setting(UNTRUSTED_LUA, lua))


def observe_setting(workload: Workload, container: Container, setting: Setting) -> Observation:
    """The state of one needed setting in one container."""
    entries = container.entries(setting.name)
    managers = workload.env_managers.get((container.name, setting.name), frozenset())
    if not entries:
        return Observation(setting, SettingState.HIDDEN if container.hidden_sources(setting.name) else SettingState.ABSENT)
    if len(entries) > 1:
        return Observation(setting, SettingState.DUPLICATE, managers=managers)
    return _judge(setting, entries[0], managers)


def _judge(setting: Setting, entry: EnvEntry, managers: frozenset[str]) -> Observation:
    value = entry.value or ""
    if entry.from_source:
        state = SettingState.FROM_SOURCE
    elif not value and not managers:
        state = SettingState.ABSENT
    elif _suffices(setting, value, solely_ours=managers == _OURS):
        state = SettingState.RIGHT
    else:
        state = SettingState.OUTDATED if managers == _OURS else SettingState.FOREIGN
    return Observation(setting, state, value, managers)


def _suffices(setting: Setting, value: str, *, solely_ours: bool) -> bool:
    """Whether a present value is sufficient.

    Another manager's KONG_UNTRUSTED_LUA=on suffices where less is needed: it is the gateway owner's decision, and our Lua runs.
    A value that only this operator owns must be the very one that is needed, so that a binding can go from `on` back to `sandbox`.
    """
    present = value.strip()
    if setting.name == SAMPLING_RATE:
        return _number(present) == _number(setting.value)
    if setting.name == INSTRUMENTATIONS and starts_with(setting.name, present):
        return parse_list(present)[0] == setting.value
    if setting.name == UNTRUSTED_LUA and not solely_ours and present == "on":
        return True
    return present == setting.value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def parse_list(value: str) -> tuple[str, ...]:
    """A value with commas, as Kong splits it."""
    return tuple(entry.strip() for entry in value.split(","))


def starts_with(name: str, value: str) -> bool:
    """Whether Kong starts with that value of one of the three settings; it refuses to start with an impossible one."""
    if not value.strip():
        return True
    if name == SAMPLING_RATE:
        rate = _number(value)
        return rate is not None and 0 <= rate <= 1
    if name == UNTRUSTED_LUA:
        return value.strip() in _LUA_MODES
    entries = parse_list(value)
    return _INSTRUMENTATIONS.issuperset(entries) and (entries == ("off",) or "off" not in entries)


def quoted(value: str | None) -> str:
    """A value in a message; the middle of a long one is left out, so that the message has room for the remedy."""
    return shorten(value or "empty", LONGEST_QUOTE)


def reading(name: str, value: str) -> str:
    """How Kong reads a value, where that may surprise: a part of a sentence, with a space before it; "" for an ordinary value."""
    if not value.strip():
        return " (Kong takes it for unset)"
    if not starts_with(name, value):
        return " (Kong does not start with it)"
    if name == INSTRUMENTATIONS and "all" in parse_list(value)[1:]:
        return " (Kong heeds all only as the first entry)"
    return ""


def lua_is_off(container: Container) -> bool:
    """Whether KONG_UNTRUSTED_LUA is explicitly `off`: then every request through a pre-function plugin fails."""
    return any((entry.value or "").strip() == "off" for entry in container.entries(UNTRUSTED_LUA))


def is_unread(container: Container, name: str) -> bool:
    """Whether a name comes from `valueFrom`, or may come from `envFrom`."""
    return any(entry.from_source for entry in container.entries(name)) or bool(container.hidden_sources(name))
