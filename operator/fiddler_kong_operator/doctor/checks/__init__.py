"""The registry of checks, in the order of the data path. A new one is a function in a module here, and a row."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.api.conditions import ConditionType
from fiddler_kong_operator.doctor.evidence import Case, Evidence

from .cluster import check_cluster, check_definitions, check_operator, check_permissions
from .conditions import check_arrivals, check_binding, check_condition, check_plugins
from .contract import Check
from .from_gateway import check_from_gateway, was_asked
from .kong import check_controller, check_ingress_class
from .pods import check_pods
from .routes import check_running
from .traces import check_endpoint, check_exporter

__all__ = ["BINDING_CHECKS", "CLUSTER_CHECKS", "INSTALLATION_CHECKS", "Check"]

CLUSTER_CHECKS: Final[tuple[Check[Evidence], ...]] = (
    Check("01", check_cluster),
    Check("02", check_definitions),
    Check("03", check_operator),
)
"""Checks of the cluster, made once."""

INSTALLATION_CHECKS: Final[tuple[Check[Evidence], ...]] = (*CLUSTER_CHECKS[:2], Check("03", check_permissions), *CLUSTER_CHECKS[2:])
"""Checks of an installation, by the operator's own account."""

BINDING_CHECKS: Final[tuple[Check[Case], ...]] = (
    Check("04", check_controller),
    Check("05", check_ingress_class),
    Check("06", check_binding),
    Check("07", check_condition(ConditionType.SECRETS_RESOLVED)),
    Check("08", check_condition(ConditionType.GATEWAY_CONFIGURED)),
    Check("09", check_pods),
    Check("10", check_plugins),
    Check("11", check_running),
    Check("12", check_exporter),
    Check("13", check_endpoint),
    Check("13", check_from_gateway, was_asked),
    Check("14", check_arrivals),
)
"""Checks of each binding."""
