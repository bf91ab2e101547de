"""The registry of reasons, one module for each condition type. A new reason is a row there."""

from __future__ import annotations

from typing import Final

from . import accepted, arrivals, endpoint, gateway, plugins, secrets
from .contract import ConditionType, Reason, Status

__all__ = ["EVERY_REASON", "ConditionType", "Reason", "Status"]

_READY: Final = Reason("Ready", ConditionType.READY, "True", "Everything is in place for Fiddler to observe these routes.")

EVERY_REASON: Final = (
    *accepted.REASONS,
    *secrets.REASONS,
    *gateway.REASONS,
    *plugins.REASONS,
    *endpoint.REASONS,
    _READY,
    *arrivals.REASONS,
)
"""In the order of the condition types."""
