"""Whether the plugins are attached and Kong has taken them: the condition PluginsProgrammed."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.api.status import RefusalStatus
from fiddler_kong_operator.plan.plugins import lua_plugins
from fiddler_kong_operator.plan.references import plugin_key
from fiddler_kong_operator.plan.snapshot import Snapshot

from .confirmation import confirm
from .frozen import evaluate_freeze
from .refusal import refused
from .verified import missing_names
from .warnings import APPLY_FAILED, TRANSLATION_FAILED, current_warnings

__all__ = ["evaluate_programming"]

_CONSEQUENCES: Final = {
    APPLY_FAILED: ("KongRefused", "Correct that: until then, Kong refuses its whole configuration, and no change reaches the gateway."),
    TRANSLATION_FAILED: (
        "KongTranslationFailed",
        "Correct that: until then, the controller leaves the object out of Kong's configuration.",
    ),
}
"""Reason of the condition, and remedy, by the reason of a warning."""


def evaluate_programming(snapshot: Snapshot, *, lua_withheld: bool, refusal: RefusalStatus | None = None) -> Finding:
    """The finding once everything is applied; `lua_withheld`: plugins that run Lua still wait for the gateway."""
    if refusal:
        return refused(refusal, snapshot)
    for warning in current_warnings(snapshot):
        name, consequence = _CONSEQUENCES[warning.reason]
        message = f"Kong Ingress Controller says of {warning.about}: {warning.message.rstrip('. ')}. {consequence}"
        return Finding(reason(name), message)
    found = evaluate_freeze(snapshot) or missing_names(snapshot, lua_withheld=lua_withheld)
    return found or (_withheld(snapshot) if lua_withheld else confirm(snapshot))


def _withheld(snapshot: Snapshot) -> Finding:
    spec = snapshot.binding.spec
    waiting = [plugin_key(snapshot.binding, i.plugin, i.route).name for i in (lua_plugins(spec) if spec else ())]
    return Finding(
        reason("WaitingForGateway"),
        f"The operator attaches KongPlugin {', '.join(waiting)} when the gateway runs with its new settings. The others are attached.",
    )
