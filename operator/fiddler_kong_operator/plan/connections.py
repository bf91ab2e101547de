"""Kong's timeouts and retries towards a provider."""

from __future__ import annotations

from fiddler_kong_operator.api import Balancer, Expose
from fiddler_kong_operator.api.durations import milliseconds

__all__ = ["connection_settings"]


def connection_settings(given: Expose | Balancer | None) -> dict[str, int]:
    """Timeouts (milliseconds) and retries by Kong's names; those that the binding sets there."""
    timeouts = given.timeouts.model_dump(exclude_none=True) if given and given.timeouts else {}
    retries = {} if given is None or given.retries is None else {"retries": given.retries}
    return {**{f"{name}_timeout": milliseconds(duration) for name, duration in timeouts.items()}, **retries}
