"""The kinds the operator watches."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.plan.kinds import DEPLOYMENT, EVENT, INGRESS, KONG_CLUSTER_PLUGIN, KONG_PLUGIN, SECRET, SERVICE

__all__ = ["REFLECTED"]

REFLECTED: Final = (SECRET, KONG_PLUGIN, KONG_CLUSTER_PLUGIN, SERVICE, INGRESS, DEPLOYMENT, EVENT)
"""The kinds an informer keeps in the store. Bindings come in by way of kopf."""
