"""The kinds that only the doctor reads, with the rights of the user who runs it: the operator needs none of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import LEASE, Kind
from fiddler_kong_operator.plan.kinds import DEPLOYMENT

__all__ = ["LEASES", "OPERATORS", "SERVER"]

OPERATORS: Final = replace(DEPLOYMENT, label_selector=f"app.kubernetes.io/name={names.APPLICATION}")
"""The operator's Deployments, by the label that chart and manifests set."""
LEASES: Final = replace(LEASE, field_selector=f"metadata.name={names.APPLICATION}")
"""The operator's Leases."""
SERVER: Final = Kind("", "", "", "")
"""The API server itself, for the text of errors."""
