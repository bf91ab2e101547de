"""The configurations that Kong accepts for the plugins that this project makes, by minor version; one module for each plugin.

Kong's own schemas decide in the end, and refuse the whole configuration of the gateway for one wrong field. So a plugin is checked here
before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .ai_proxy import AI_PROXY
from .ai_proxy_advanced import AI_PROXY_ADVANCED
from .check import Path, Schema, Violation, violations
from .fields import KNOWN_MINORS, Minor, dotted
from .opentelemetry import OPENTELEMETRY

__all__ = ["KNOWN_MINORS", "SCHEMAS", "Minor", "Path", "Schema", "Violation", "dotted", "violations"]

SCHEMAS: Final[Mapping[str, Schema]] = MappingProxyType(
    {"ai-proxy": AI_PROXY, "ai-proxy-advanced": AI_PROXY_ADVANCED, "opentelemetry": OPENTELEMETRY}
)
"""By plugin type. `pre-function` has none: it holds Lua of ours, which no override can change."""
