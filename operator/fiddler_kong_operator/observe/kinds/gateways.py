"""Gateway and GatewayClass: which Gateways a GatewayConfiguration of Kong Operator configures."""

from __future__ import annotations

from typing import Any, Final

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.gateway.operated import Link
from fiddler_kong_operator.plan.kinds import GATEWAY, GATEWAY_CLASS, GATEWAY_CONFIGURATION

from .contract import WatchedKind
from .lineage import index_lineage, link_triggers

__all__ = ["GATEWAY_KINDS"]

_WHY: Final = "See which Gateways a GatewayConfiguration of Kong Operator configures."
_VERBS: Final = ("list", "watch")


def _reduce_gateway(key: ObjectKey, raw: Manifest, _known: Any) -> Link:
    class_name = (raw.get("spec") or {}).get("gatewayClassName") or ""
    return Link(key, raw["metadata"].get("resourceVersion", ""), ObjectKey(GATEWAY_CLASS.name, "", class_name))


def _reduce_class(key: ObjectKey, raw: Manifest, _known: Any) -> Link:
    ref = (raw.get("spec") or {}).get("parametersRef") or {}
    configured = (ref.get("group"), ref.get("kind")) == (GATEWAY_CONFIGURATION.group, GATEWAY_CONFIGURATION.name)
    parent = ObjectKey(GATEWAY_CONFIGURATION.name, ref.get("namespace") or "", ref.get("name") or "") if configured else None
    return Link(key, raw["metadata"].get("resourceVersion", ""), parent)


GATEWAYS: Final = WatchedKind(GATEWAY, _reduce_gateway, link_triggers, _WHY, index=index_lineage, verbs=_VERBS, optional=True)
GATEWAY_CLASSES: Final = WatchedKind(GATEWAY_CLASS, _reduce_class, link_triggers, _WHY, index=index_lineage, verbs=_VERBS, optional=True)

GATEWAY_KINDS: Final = (GATEWAYS, GATEWAY_CLASSES)
"""The rows of both kinds."""
