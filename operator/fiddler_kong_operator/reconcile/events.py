"""Builds the Events about a binding, of Ready, arriving traces and repairs, and finds the transitions of its conditions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import ConditionType, find_condition
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey, shown_time
from fiddler_kong_operator.plan.kinds import BINDING
from fiddler_kong_operator.plan.snapshot import Binding

__all__ = ["build_events", "build_farewell", "build_notice", "failures", "transitions"]

MESSAGE_LIMIT: Final = 1024
"""Characters of an Event's message that are sent: as many as events.k8s.io/v1 allows in a note. For core/v1 there is no limit."""

_OF_KSTATUS: Final = frozenset({ConditionType.RECONCILING, ConditionType.STALLED})
_NOTICES: Final = {
    "ChildRepaired": "Another client changed or deleted what the operator owns, and the operator has restored it: {objects}.",
    "PluginsDetached": "The operator has detached the binding's plugins from an object that the binding does not name: {objects}.",
}


def build_events(binding: Binding, status: Mapping[str, Any], now: float) -> Iterator[Manifest]:
    """The Events for a new status: of Ready, and of TracesArriving.

    Ready gets none while its reason and message are unchanged or its status is Unknown, nor if the first status of all is Ready: nothing
    was ever wrong, and an eighth write for each new binding would only repeat the status. TracesArriving gets one for a fault, and one for
    its end.
    """
    told = ((ConditionType.READY, _is_news), (ConditionType.TRACES_ARRIVING, _is_fault_or_its_end))
    for kind, is_news in told:
        before, after = find_condition(binding.status, kind), find_condition(status, kind)
        if after is not None and after["status"] != "Unknown" and is_news(before, after):
            yield _event(binding, "Normal" if after["status"] == "True" else "Warning", after["reason"], after["message"], now)


def build_notice(binding: Binding, name: str, objects: Iterable[ObjectKey], now: float) -> Manifest:
    """The Event for a repair: `ChildRepaired` or `PluginsDetached`."""
    return _event(binding, "Normal", name, _NOTICES[name].format(objects=", ".join(map(str, objects))), now)


def build_farewell(binding: Binding, other: str, own: str, now: float) -> Manifest:
    """The Event of an installation that leaves a binding to another one."""
    message = (
        f"Another installation of the operator, {other}, manages this binding now, so {own} has stopped (they are named by the namespace "
        "of their lease). Uninstall one of the two, or give each its own watchNamespaces."
    )
    return _event(binding, "Warning", "TakenOver", message, now)


def transitions(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """One line for each condition whose status or reason differs: `PluginsProgrammed is False, KongRefused: ...`.

    Of the first status only Ready, or a start with thousands of bindings would fill the log.
    """
    known = {condition["type"]: condition for condition in before.get("conditions") or ()}
    for condition in after["conditions"]:
        kind, old = condition["type"], known.get(condition["type"], {})
        shown = kind not in _OF_KSTATUS if known else kind == ConditionType.READY
        if shown and (old.get("status"), old.get("reason")) != (condition["status"], condition["reason"]):
            yield f"{kind} is {condition['status']}, {condition['reason']}: {condition['message']}"


def failures(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Type and reason of each condition below Ready that is False now, and was not, or for another reason."""
    known = {(c["type"], c.get("status"), c.get("reason")) for c in before.get("conditions") or ()}
    for condition in after["conditions"]:
        mark = condition["type"], condition["status"], condition["reason"]
        if mark not in known and condition["status"] == "False" and condition["type"] != ConditionType.READY:
            yield condition["type"], condition["reason"]


def _event(binding: Binding, kind: str, name: str, message: str, now: float) -> Manifest:
    stamp = shown_time(now)
    digest = hashlib.blake2b(f"{binding.uid}{now}{name}".encode(), digest_size=8).hexdigest()
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{binding.name}.{digest}", "namespace": binding.namespace},
        "involvedObject": _reference(binding),
        "type": kind,
        "reason": name,
        "message": message[:MESSAGE_LIMIT],
        "source": {"component": names.APPLICATION},
        "reportingComponent": names.APPLICATION,
        "reportingInstance": names.APPLICATION,
        "action": "Reconcile",
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }


def _is_news(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
    if before is None:
        return bool(after["status"] != "True")
    return (before["reason"], before["message"]) != (after["reason"], after["message"])


def _is_fault_or_its_end(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
    if after["status"] == "False":
        return before is None or before["reason"] != after["reason"]
    return before is not None and before["status"] == "False"


def _reference(binding: Binding) -> dict[str, str]:
    return {
        "apiVersion": BINDING.api_version,
        "kind": BINDING.name,
        "name": binding.name,
        "namespace": binding.namespace,
        "uid": binding.uid,
        "resourceVersion": binding.resource_version,
    }
