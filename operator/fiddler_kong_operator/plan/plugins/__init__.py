"""The registry of plugins, in the order in which the integration page lists them. A new one is a module and a line in `PLUGINS`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.plan.keys import PluginKey
from fiddler_kong_operator.plan.remembered import remembered

from .ai_proxy import AI_PROXY
from .ai_proxy_advanced import AI_PROXY_ADVANCED
from .contract import PluginInstance, PluginKind, Protection, RefusedField
from .opentelemetry import OPENTELEMETRY, fiddler_key, traces_endpoint
from .pre_function import PRE_FUNCTION

__all__ = [
    "AI_PROXY",
    "LUA_TYPES",
    "PLUGINS",
    "PRE_FUNCTION",
    "PluginInstance",
    "PluginKind",
    "Protection",
    "RefusedField",
    "keys_of",
    "lua_plugins",
    "needs_lua",
    "plugin_instances",
    "plugin_types",
    "required_keys",
    "traces_endpoint",
]

PLUGINS: Final[Mapping[str, PluginKind]] = MappingProxyType(
    {kind.type: kind for kind in (AI_PROXY, AI_PROXY_ADVANCED, PRE_FUNCTION, OPENTELEMETRY)}
)

LUA_TYPES: Final = frozenset(kind.type for kind in PLUGINS.values() if kind.runs_lua)
"""The types that run Lua of ours."""

_A_PASS: Final = 64
"""Specs that one pass looks at: the binding's own many times, and those of the bindings that meet it on an object."""


@remembered(specs=_A_PASS)
def plugin_instances(spec: BindingSpec) -> tuple[PluginInstance, ...]:
    """Every plugin a spec asks for, before overrides."""
    return tuple(instance for kind in PLUGINS.values() if kind.wanted(spec) for instance in kind.instances(spec))


def plugin_types(spec: BindingSpec) -> tuple[str, ...]:
    """The types of the plugins a spec asks for."""
    return tuple(kind.type for kind in PLUGINS.values() if kind.wanted(spec))


def lua_plugins(spec: BindingSpec) -> tuple[PluginInstance, ...]:
    """The plugins a spec asks for that run Lua of ours."""
    return tuple(instance for instance in plugin_instances(spec) if instance.plugin in LUA_TYPES)


def needs_lua(spec: BindingSpec) -> bool:
    """Whether a spec asks for a plugin that runs Lua of ours."""
    return any(kind.runs_lua and kind.wanted(spec) for kind in PLUGINS.values())


def required_keys(spec: BindingSpec) -> tuple[PluginKey, ...]:
    """Every key the plugins of a spec need, Fiddler's first, as in the binding. The probe needs Fiddler's even if Kong does not."""
    return tuple(dict.fromkeys((fiddler_key(spec.fiddler), *keys_of(plugin_instances(spec)))))


def keys_of(instances: Iterable[PluginInstance]) -> tuple[PluginKey, ...]:
    """Every key that these plugins need, Fiddler's first."""
    keys = [key for instance in instances for key in instance.keys]
    return tuple(sorted(keys, key=lambda key: not key.field.startswith("spec.fiddler")))
