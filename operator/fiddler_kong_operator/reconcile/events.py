"""Kubernetes Events for people: one when the deciding reason of a binding changes to something definite."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import ConditionType
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.kinds import BINDING
from fiddler_kong_operator.plan.snapshot import Binding

__all__ = ["build_event"]

MESSAGE_LIMIT: Final = 1024
"""Characters the API server accepts in an Event's message."""


def build_event(binding: Binding, status: Mapping[str, Any], now: float) -> Manifest | None:
    """The Event for a new status, or None where there is nothing to tell.

    There is nothing to tell if the deciding reason is the same as before or still open (Unknown), nor if the first status of all is Ready:
    nothing was ever wrong, and an eighth write for each new binding would only repeat the status.
    """
    before, after = _ready(binding.status), _ready(status)
    if after is None or after["status"] == "Unknown" or not _is_news(before, after):
        return None
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hashlib.blake2b(f"{binding.uid}{now}{after['reason']}".encode(), digest_size=8).hexdigest()
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{binding.name}.{digest}", "namespace": binding.namespace},
        "involvedObject": _reference(binding),
        "type": "Normal" if after["status"] == "True" else "Warning",
        "reason": after["reason"],
        "message": after["message"][:MESSAGE_LIMIT],
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


def _ready(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((c for c in status.get("conditions") or () if c["type"] == ConditionType.READY), None)


def _reference(binding: Binding) -> dict[str, str]:
    return {
        "apiVersion": BINDING.api_version,
        "kind": BINDING.name,
        "name": binding.name,
        "namespace": binding.namespace,
        "uid": binding.uid,
        "resourceVersion": binding.resource_version,
    }
