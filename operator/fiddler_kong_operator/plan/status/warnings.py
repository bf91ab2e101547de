"""Kong's warnings: which of them hold.

Kong's CRDs declare a `Programmed` condition for plugins, but no controller writes it. Failure shows as Warning events of Kong Ingress
Controller, repeated while broken and rate-limited by the client library to one in five minutes. So a warning counts if it is younger than
the last change of the objects behind it by more than `GRACE`, and was seen lately. All times are the API server's.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Final

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import KONG_PLUGIN, SERVICE
from fiddler_kong_operator.plan.references import keys_secret
from fiddler_kong_operator.plan.snapshot import Attachable, KongWarning, Snapshot

__all__ = [
    "APPLY_FAILED",
    "APPLY_SUCCEEDED",
    "GRACE",
    "TRANSLATION_FAILED",
    "WARNING_LIFETIME",
    "current_warnings",
    "is_recent",
    "outdate_warnings",
]

APPLY_FAILED: Final = "KongConfigurationApplyFailed"
"""Kong refused the whole configuration, and keeps the last good one."""

APPLY_SUCCEEDED: Final = "KongConfigurationSucceeded"
"""Kong has the present configuration. Posted on the controller's Pod with every synchronization, so that the spam filter lets one in five
minutes through."""

TRANSLATION_FAILED: Final = "KongConfigurationTranslationFailed"
"""Kong's controller left the object out of the configuration."""

WARNING_LIFETIME: Final = 600.0
"""Seconds after which an event that was not repeated no longer counts: twice the interval to which client-go's spam filter stretches
repeats."""

_PLUGIN_MISSING: Final = re.compile(r'referenced KongPlugin or KongClusterPlugin "([^"]{1,253})" does not exist')
_SERVICE_MISSING: Final = re.compile(r"can't add target for backend (\S{1,253}): no kubernetes service found")
"""Words of Kong Ingress Controller 3.4, seen."""

GRACE: Final = 2.0
"""Seconds after a change in which a warning may still be about the former state: the push to Kong was under way, and both times are whole
seconds. If the error persists, the next push repeats the warning, which then counts."""


def current_warnings(snapshot: Snapshot) -> tuple[KongWarning, ...]:
    """Kong's warnings that still hold, the newest first: posted after the last change of what may have caused them."""
    current = (w for w in snapshot.warnings if w.reason in (APPLY_FAILED, TRANSLATION_FAILED) and _holds(w, snapshot))
    return tuple(sorted(current, key=lambda w: (w.last_seen, w.about), reverse=True))


def outdate_warnings(snapshot: Snapshot, written: Collection[ObjectKey]) -> Snapshot:
    """The snapshot without warnings and doubled names of objects written since it was taken: they are about the former state."""
    if not written:
        return snapshot
    warnings = tuple(w for w in snapshot.warnings if not _subjects(w, snapshot).intersection(written))
    frozen_by = tuple(found for found in snapshot.frozen_by if found[0] not in written)
    return replace(snapshot, warnings=warnings, frozen_by=frozen_by, written_at=snapshot.now)


def is_recent(warning: KongWarning, now: float) -> bool:
    """Whether it was seen lately. Any client can write an event's managedFields, so its time may be in the future."""
    return abs(now - warning.last_seen) < WARNING_LIFETIME


def _disproved(warning: KongWarning, snapshot: Snapshot) -> bool:
    """Whether it misses something that is there, or that its object no longer names.

    Kong's controller watches each kind by itself, so it may see a list before the plugins that it names, or their deletion before the list
    that no longer names them. Its events come seconds late when much is changed at once, and none says that the next translation succeeded.
    """
    if plugin := _PLUGIN_MISSING.search(warning.message):
        return not _names(snapshot.targets.get(warning.about), plugin[1]) or _has_plugin(warning.about.namespace, plugin[1], snapshot)
    service = _SERVICE_MISSING.search(warning.message)
    return service is not None and _has_service(ObjectKey(SERVICE.name, warning.about.namespace, service[1]), snapshot)


def _names(target: Attachable | None, plugin: str) -> bool:
    """Whether it names a plugin of that name, in any namespace; True for an object whose list is unknown."""
    return target is None or plugin in {name.rpartition(":")[2] for name in (*target.plugins, *target.filters)}


def _has_plugin(namespace: str, name: str, snapshot: Snapshot) -> bool:
    if namespace != snapshot.binding.namespace:
        return False
    ours = snapshot.children.get(ObjectKey(KONG_PLUGIN.name, namespace, name))
    return not ours.deleting if ours else bool(snapshot.plugin_types.get(name))


def _has_service(key: ObjectKey, snapshot: Snapshot) -> bool:
    ours = snapshot.children.get(key)
    return not ours.deleting if ours else key in snapshot.targets or key in snapshot.behind


def _is_of_another(warning: KongWarning, snapshot: Snapshot) -> bool:
    """Whether it is about a former object of that name: Kong's controller posts late what a namespace that ends has refused."""
    present = snapshot.children.get(warning.about) or snapshot.targets.get(warning.about)
    return present is not None and warning.uid not in {"", present.uid}


def _holds(warning: KongWarning, snapshot: Snapshot) -> bool:
    if _is_of_another(warning, snapshot) or _disproved(warning, snapshot):
        return False
    subjects = _subjects(warning, snapshot)
    written = (child.applied_at for key, child in snapshot.children.items() if key in subjects)
    listed = (target.attached_at for key, target in snapshot.targets.items() if key in subjects)
    return is_recent(warning, snapshot.now) and warning.last_seen >= max((*written, *listed), default=0.0) + GRACE


def _subjects(warning: KongWarning, snapshot: Snapshot) -> frozenset[ObjectKey]:
    """The objects that may have caused a warning: its object, the derived Secret; for a plugin all lists, else all plugins and Services.

    All lists count, because a clash may have detached the plugin from the one that caused the warning. All Services count, because a
    warning about an Ingress may be about its Service, which was missing.
    """
    behind = (key for key in snapshot.children if key.kind in (KONG_PLUGIN.name, SERVICE.name))
    others = snapshot.targets if warning.about.kind == KONG_PLUGIN.name else behind
    return frozenset({warning.about, keys_secret(snapshot.binding), *others})
