"""What a plugin module says about its plugin."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fiddler_kong_operator.api.v1alpha1 import BindingSpec, SecretKeyRef
from fiddler_kong_operator.kube.objects import Manifest

__all__ = ["PluginInstance", "PluginKey", "PluginKind", "Protection", "RefusedField"]


@dataclass(frozen=True, slots=True)
class PluginKey:
    """A key that a plugin's config needs. It never stands in the config itself: a configPatch points to the derived Secret."""

    field: str
    """Field of the binding that refers to it, for messages."""
    ref: SecretKeyRef
    prefix: str
    """What Kong must send before the bare key."""
    pointer: str
    """JSON pointer inside the plugin's config; its parent exists in the generated config, as RFC 6902 `add` demands."""
    entry: str
    """Key inside the derived Secret."""
    variable: str
    """The name the integration page gives the key in its placeholders, without `${}`."""


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

    An empty path protects the whole config.
    """

    path: tuple[str, ...]
    why: str
    unless: frozenset[tuple[str, ...]] = frozenset()

    def covers(self, path: tuple[str, ...]) -> bool:
        """Whether an operation at `path` would touch what is protected."""
        shared = min(len(path), len(self.path))
        return path[:shared] == self.path[:shared] and path not in self.unless


@dataclass(frozen=True, slots=True)
class RefusedField:
    """Fields that overrides must not set at any depth, by a pattern of their name."""

    pattern: re.Pattern[str]
    why: str


@dataclass(frozen=True, slots=True)
class PluginKind:
    """One of Kong's plugin types as this project uses it."""

    type: str
    """Kong's name of it; the field `plugin` of a KongPlugin."""
    object_name: Callable[[str, str | None], str]
    """Name of the KongPlugin, from the names of the binding and (where it has one) the route."""
    instances: Callable[[BindingSpec], tuple[PluginInstance, ...]]
    """The instances a spec asks for; none where it does not want the plugin."""
    protections: tuple[Protection, ...]
    refused_fields: tuple[RefusedField, ...] = ()
    runs_lua: bool = False
    """It runs Lua of ours, so it may be attached only to a gateway whose processes allow that: otherwise every request fails."""
