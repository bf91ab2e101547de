"""The API permissions of the operator: one table from which manifests, chart and the test "verbs used = verbs granted" are made.

Nothing here talks to a cluster. A `Grant` is one row: which resources, which verbs, and why. Its scope says where the row belongs:

* `WATCHED`: in every namespace the operator watches: a ClusterRole, or one Role for each namespace in the namespaced mode.
* `CLUSTER`: cluster-scoped resources, granted only in the cluster-wide mode.
* `OWN`: in the operator's own namespace.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fiddler_kong_operator import names

__all__ = ["GRANTS", "Grant", "Scope", "rules"]


class Scope(StrEnum):
    """Where a grant holds."""

    WATCHED = "Watched"
    CLUSTER = "Cluster"
    OWN = "Own"


@dataclass(frozen=True, slots=True)
class Grant:
    """One row of the table: `group` is "" for the core API; `why` is a sentence for the administrator who reviews the roles."""

    scope: Scope
    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str


_WATCH: Final = ("get", "list", "watch")
_OWN_CHILDREN: Final = (*_WATCH, "create", "patch", "delete")

GRANTS: Final = (
    Grant(Scope.WATCHED, names.GROUP, (names.PLURAL,), (*_WATCH, "patch"), "Read bindings; add and remove the operator's finalizer."),
    Grant(Scope.WATCHED, names.GROUP, (f"{names.PLURAL}/status",), ("patch",), "Write what was found."),
    Grant(Scope.WATCHED, "", ("secrets",), _OWN_CHILDREN, "Read the keys a binding refers to; keep its derived Secret."),
    Grant(
        Scope.WATCHED,
        names.KONG_GROUP,
        ("kongplugins",),
        _OWN_CHILDREN,
        "Keep a binding's plugins; see the type of those already attached.",
    ),
    Grant(Scope.WATCHED, "", ("services",), _OWN_CHILDREN, "Keep Services of exposed routes; attach plugins to existing ones."),
    Grant(
        Scope.WATCHED,
        "networking.k8s.io",
        ("ingresses",),
        _OWN_CHILDREN,
        "Keep Ingresses of exposed routes; attach plugins to existing ones.",
    ),
    Grant(Scope.WATCHED, "apps", ("deployments",), (*_WATCH, "patch"), "Read the gateway's rollout; apply the three tracing settings."),
    Grant(Scope.WATCHED, "", ("events",), ("list", "watch", "create"), "Read Kong's warnings; report transitions of a binding."),
    Grant(Scope.CLUSTER, names.KONG_GROUP, ("kongclusterplugins",), ("list", "watch"), "See global plugins that a binding's would shadow."),
    Grant(Scope.OWN, "coordination.k8s.io", ("leases",), ("get", "create", "update"), "Elect the one replica that writes."),
)
"""Every permission the operator has."""


def rules(*scopes: Scope) -> list[dict[str, Any]]:
    """The `rules` of a Role or ClusterRole that grants every row of these scopes."""
    return [
        {"apiGroups": [grant.group], "resources": list(grant.resources), "verbs": list(grant.verbs)}
        for grant in GRANTS
        if grant.scope in scopes
    ]
