"""An installation of the operator, looked at with the rights of its own account: what the operator may do, and whether it leads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import LEASE, Manifest
from fiddler_kong_operator.kube.rights import Right, is_allowed
from fiddler_kong_operator.observe.rbac import Grant, Scope, grants
from fiddler_kong_operator.plan.kinds import BINDING, KONG_PLUGIN
from fiddler_kong_operator.settings import SecretsAccess

from .checks import INSTALLATION_CHECKS
from .discovery import has_field, read_version, read_versions
from .evidence import Evidence, Look
from .looking import find, look
from .report import Line, Report

__all__ = ["AccountCheck"]


@dataclass(frozen=True, slots=True)
class AccountCheck:
    """The flags of `fiddler-kong run`, by the same names, with which the operator was started."""

    namespaces: tuple[str, ...] = ()
    read_cluster_kinds: bool = False
    lease_namespace: str | None = None
    secrets_access: SecretsAccess = "watch"

    async def report(self, client: Client) -> Report:
        """The checks of an installation. Raises Transient and Refused where the API server does not answer."""
        version = await read_version(client)
        served, patches, leases, lacking = await asyncio.gather(
            look(read_versions(client, BINDING)), look(has_field(client, KONG_PLUGIN, "configPatches")), self._leases(client),
            self._lacking(client),
        )  # fmt: skip
        evidence = Evidence(client.clock(), client.connection.server, Look(version), served, patches, leases=leases, lacking=lacking)
        return Report(tuple(Line(check.area, check.title, check.run(evidence)) for check in INSTALLATION_CHECKS))

    async def _leases(self, client: Client) -> Look[tuple[Manifest, ...]]:
        if not self.lease_namespace:
            return Look(missing="the operator runs without leader election")
        found = await find(client, LEASE, self.lease_namespace, names.APPLICATION)
        return Look(missing=found.missing, denied=found.denied) if found.missing else Look((found.value,) if found.value else ())

    async def _lacking(self, client: Client) -> tuple[str, ...]:
        """Verbs, resource and namespace of each permission that is missing. A few questions at a time: there may be many namespaces."""
        found = []
        for grant in grants(self.secrets_access):
            for namespace in self._namespaces(grant):
                rights = [Right(namespace, grant.group, grant.resources[0], verb) for verb in grant.verbs]
                allowed = await asyncio.gather(*(is_allowed(client, right) for right in rights))
                missing = [right for right, yes in zip(rights, allowed, strict=True) if not yes]
                if missing:
                    found.append(f"{', '.join(right.verb for right in missing)} {missing[0].place}")
        return tuple(found)

    def _namespaces(self, grant: Grant) -> Iterator[str]:
        """Where the operator needs a grant; "" for the whole cluster."""
        if grant.scope is Scope.OWN:
            yield from filter(None, [self.lease_namespace])
        elif grant.scope is Scope.CLUSTER:
            yield from ("",) if self.read_cluster_kinds or not self.namespaces else ()
        else:
            yield from self.namespaces or ("",)
