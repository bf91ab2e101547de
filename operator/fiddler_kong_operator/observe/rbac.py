"""The API permissions of the operator: one row for each watched kind, and two more.

Manifests, the chart and the test "verbs used = verbs granted" are made from these rows. A row's scope says where it belongs:

* `WATCHED`: in every namespace the operator watches: a ClusterRole, or one Role for each namespace in the namespaced mode.
* `CLUSTER`: cluster-scoped resources, granted in the cluster-wide mode, or with `Settings.read_cluster_kinds`.
* `OWN`: in the operator's own namespace.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import LEASE
from fiddler_kong_operator.plan.kinds import SECRET
from fiddler_kong_operator.settings import SecretsAccess

from .kinds import WATCHED, WatchedKind

__all__ = ["GRANTS", "Grant", "Scope", "grants", "rules"]

_LISTING: Final = ("list", "watch")


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


def _watched(row: WatchedKind) -> Grant:
    scope = Scope.WATCHED if row.kind.namespaced else Scope.CLUSTER
    return Grant(scope, row.kind.group, (row.kind.plural,), row.verbs, row.why)


GRANTS: Final = (
    *map(_watched, WATCHED.values()),
    Grant(Scope.WATCHED, names.GROUP, (f"{names.PLURAL}/status",), ("patch",), "Write what was found."),
    Grant(Scope.OWN, LEASE.group, (LEASE.plural,), ("get", "create", "update"), "Elect the one replica that writes."),
)
"""Every permission of an operator that watches Secrets."""


def grants(secrets: SecretsAccess = "watch") -> tuple[Grant, ...]:
    """Every permission that the operator needs with this access to Secrets."""
    if secrets == "watch":
        return GRANTS
    unlisted = tuple(verb for verb in WATCHED[SECRET.name].verbs if verb not in _LISTING)
    return tuple(replace(grant, verbs=unlisted) if grant.resources == (SECRET.plural,) else grant for grant in GRANTS)


def rules(*scopes: Scope, secrets: SecretsAccess = "watch") -> list[dict[str, Any]]:
    """The `rules` of a Role or ClusterRole that grants every row of these scopes."""
    return [
        {"apiGroups": [grant.group], "resources": list(grant.resources), "verbs": list(grant.verbs)}
        for grant in grants(secrets)
        if grant.scope in scopes
    ]
