"""Whether the plugins are attached and Kong has accepted them: the condition PluginsProgrammed.

Kong's CRDs declare a `Programmed` condition for plugins, but no controller writes it. Failure shows as Warning events of Kong Ingress
Controller on the KongPlugin, repeated while broken and rate-limited by the client library to one in five minutes; success is silent. So a
warning counts if it is younger than the last change of the objects behind it by more than `GRACE`, and was seen lately.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.references import keys_secret, plugin_key
from fiddler_kong_operator.plan.snapshot import KongWarning, Snapshot

__all__ = ["GRACE", "WARNING_LIFETIME", "current_warning", "evaluate_programming", "outdate_warnings"]

WARNING_LIFETIME: Final = 600.0
"""Seconds after which an event that was not repeated no longer counts: twice the interval to which client-go's spam filter stretches
repeats."""

GRACE: Final = 2.0
"""Seconds after a change in which a warning may still be about the former state: the push to Kong was under way, and both times are whole
seconds. If the error persists, the next push repeats the warning, which then counts."""

_REASONS: Final = {"KongConfigurationApplyFailed": "KongRefused", "KongConfigurationTranslationFailed": "KongTranslationFailed"}


def current_warning(snapshot: Snapshot) -> KongWarning | None:
    """The newest of Kong's warnings that still holds: posted after the last change of the plugin, its Secret and the lists that name it."""
    current = [w for w in snapshot.warnings if w.reason in _REASONS and _holds(w, snapshot)]
    return max(current, key=lambda w: (w.last_seen, w.plugin), default=None)


def outdate_warnings(snapshot: Snapshot, written: Collection[ObjectKey]) -> Snapshot:
    """The snapshot without what it says of objects written since it was taken: that is about the former state."""
    if not written:
        return snapshot
    warnings = tuple(w for w in snapshot.warnings if not _subjects(w, snapshot).intersection(written))
    return replace(snapshot, warnings=warnings, frozen_by=tuple(found for found in snapshot.frozen_by if found[0] not in written))


def _subjects(warning: KongWarning, snapshot: Snapshot) -> frozenset[ObjectKey]:
    """The objects that may have caused a warning: the plugin, the Secret, and the objects whose lists name the plugin."""
    return frozenset(
        {warning.plugin, keys_secret(snapshot.binding), *(t.key for t in snapshot.targets.values() if warning.plugin.name in t.plugins)}
    )


def _holds(warning: KongWarning, snapshot: Snapshot) -> bool:
    subjects = _subjects(warning, snapshot)
    written = (child.applied_at for key, child in snapshot.children.items() if key in subjects)
    listed = (target.attached_at for key, target in snapshot.targets.items() if key in subjects)
    changed = max((*written, *listed), default=0.0)
    age = snapshot.now - warning.last_seen  # may be negative: the poster of an event chooses its time
    return warning.last_seen >= changed + GRACE and abs(age) < WARNING_LIFETIME


def evaluate_programming(snapshot: Snapshot, *, lua_withheld: bool) -> Finding:
    """The condition once everything was applied; `lua_withheld`: the pre-function plugin still waits for the gateway."""
    warning = current_warning(snapshot)
    if warning:
        return Finding(reason(_REASONS[warning.reason]), f"Kong Ingress Controller says of {warning.plugin}: {warning.message}")
    if snapshot.frozen_by:
        return _frozen(snapshot)
    if lua_withheld:
        plugin = plugin_key(snapshot.binding, "pre-function").name
        return Finding(
            reason("WaitingForGateway"),
            f"KongPlugin {plugin} is attached when the gateway runs with its new settings; the others are attached.",
        )
    return Finding(reason("PluginsProgrammed"), "All plugins are applied and attached, and Kong has not refused them.")


def _frozen(snapshot: Snapshot) -> Finding:
    (culprit, name), *others = snapshot.frozen_by
    more = f" So do {len(others)} other lists." if len(others) > 1 else " So does another list." if others else ""
    message = (
        f"{culprit} has {name} twice in its annotation {names.KONG_PLUGINS_ANNOTATION}. Kong therefore refuses its whole configuration: "
        f"no change by anybody reaches the gateway until one of them is taken out.{more}"
    )
    return Finding(reason("GatewayFrozen"), message)
