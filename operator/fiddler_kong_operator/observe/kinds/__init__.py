"""The watched kinds, one row each. The cache, the informers, the reader and the roles iterate these rows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .attachables import ATTACHABLE_KINDS
from .bindings import BINDINGS
from .consumers import CONSUMER_KINDS
from .contract import WatchedKind
from .gateways import GATEWAY_KINDS
from .ingress_classes import INGRESS_CLASSES
from .plugins import CLUSTER_PLUGINS, PLUGINS
from .reference_grants import REFERENCE_GRANTS
from .secrets import SECRETS
from .warnings import WARNINGS
from .workloads import WORKLOAD_KINDS

__all__ = ["INFORMED", "WATCHED", "WatchedKind"]

_CONFIGURATION: Final = (SECRETS, PLUGINS, CLUSTER_PLUGINS, *ATTACHABLE_KINDS, REFERENCE_GRANTS, INGRESS_CLASSES, *CONSUMER_KINDS)

WATCHED: Final[Mapping[str, WatchedKind]] = MappingProxyType(
    {row.kind.name: row for row in (BINDINGS, *_CONFIGURATION, *WORKLOAD_KINDS, *GATEWAY_KINDS, WARNINGS)}
)
"""Every watched kind by name."""

INFORMED: Final = tuple(row for row in WATCHED.values() if row is not BINDINGS)
"""The rows of the kinds that an informer lists and watches. Bindings come from kopf."""
