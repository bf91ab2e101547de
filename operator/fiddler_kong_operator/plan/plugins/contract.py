"""The contract of a plugin module."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.keys import PluginKey

__all__ = ["PluginInstance", "PluginKind", "Protection", "RefusedField", "always"]


@dataclass(frozen=True, slots=True)
class PluginInstance:
    """One plugin as a binding wants it, before overrides: for all its routes, or for one (`route`)."""

    plugin: str
    config: Manifest
    keys: tuple[PluginKey, ...] = ()
    route: str | None = None


@dataclass(frozen=True, slots=True)
class Protection:
    """A part of a plugin's config that overrides must leave alone: everything at, below and above `path`, except what `unless` names.

    `*` in a path stands for any item of a list.
    """

    path: tuple[str, ...]
    why: str
    unless: frozenset[tuple[str, ...]] = frozenset()

    def covers(self, path: tuple[str, ...]) -> bool:
        """Whether an operation at `path` would touch the protected part."""
        return _meets(path, self.path) and not any(len(path) == len(free) and _meets(path, free) for free in self.unless)


def _meets(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    return all(part in (step, "*") for part, step in zip(pattern, path, strict=False))


@dataclass(frozen=True, slots=True)
class RefusedField:
    """Fields that overrides must not set at any depth, by a pattern of their name."""

    pattern: re.Pattern[str]
    why: str


def always(_spec: BindingSpec) -> bool:
    """True, for a plugin that every spec asks for."""
    return True


@dataclass(frozen=True, slots=True)
class PluginKind:
    """One of Kong's plugin types as this project uses it."""

    type: str
    """Kong's name of it; the field `plugin` of a KongPlugin."""
    instances: Callable[[BindingSpec], tuple[PluginInstance, ...]]
    """The instances a spec asks for. Only asked of a spec that wants the plugin."""
    protections: tuple[Protection, ...] = ()
    wanted: Callable[[BindingSpec], bool] = always
    """Whether a spec asks for any instance."""
    per_route: bool = False
    """Each route has an instance of its own; otherwise all routes of a binding share one."""
    refused_fields: tuple[RefusedField, ...] = ()
    essential: bool = False
    """An exposed route must not serve without it: the provider would get the clients' calls as they are."""
    runs_lua: bool = False
    """It runs Lua of ours, so it may be attached only to a gateway whose processes allow that: otherwise every request fails."""

    def object_name(self, binding: str, route: str | None) -> str:
        """Name of the KongPlugin for a binding and, where each route has its own, a route. A promise: see `names`."""
        if self.per_route != (route is not None):
            raise ValueError(f"{self.type}: {'a route is missing' if self.per_route else 'all routes share the plugin'}")
        return "-".join(part for part in (binding, route, self.type) if part)
