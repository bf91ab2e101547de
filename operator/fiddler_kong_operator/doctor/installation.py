"""An installation of the operator, looked at with the rights of its own account: what the operator may do, and whether it leads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import LEASE, Kind, Manifest
from fiddler_kong_operator.observe.rbac import Grant, Scope, grants
from fiddler_kong_operator.plan.kinds import BINDING, KONG_PLUGIN
from fiddler_kong_operator.plan.objects.raw import mapping
from fiddler_kong_operator.settings import SecretsAccess

from .checks import INSTALLATION_CHECKS
from .discovery import has_field, read_version, read_versions
from .evidence import Evidence, Look
from .looking import find, look
from .report import Line, Report

__all__ = ["Installation"]

REVIEW: Final = Kind("SelfSubjectAccessReview", "authorization.k8s.io", "v1", "selfsubjectaccessreviews", namespaced=False, fenced=False)
"""A question about one's own permissions. It is created, but nothing is stored."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What the operator was started with: the flags of `fiddler-kong run` of the same names."""

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
                verbs = await _missing_verbs(client, grant, namespace)
                if verbs:
                    found.append(f"{', '.join(verbs)} {_resource(grant)}{f' in namespace {namespace}' if namespace else ''}")
        return tuple(found)

    def _namespaces(self, grant: Grant) -> Iterator[str | None]:
        """Where the operator needs a grant; None for the whole cluster."""
        if grant.scope is Scope.OWN:
            yield from filter(None, [self.lease_namespace])
        elif grant.scope is Scope.CLUSTER:
            yield from (None,) if self.read_cluster_kinds or not self.namespaces else ()
        else:
            yield from self.namespaces or (None,)


def _resource(grant: Grant) -> str:
    return ".".join(filter(None, (grant.resources[0], grant.group)))


async def _missing_verbs(client: Client, grant: Grant, namespace: str | None) -> list[str]:
    allowed = await asyncio.gather(*(_may(client, grant, verb, namespace) for verb in grant.verbs))
    return [verb for verb, permitted in zip(grant.verbs, allowed, strict=True) if not permitted]


async def _may(client: Client, grant: Grant, verb: str, namespace: str | None) -> bool:
    resource, _, subresource = grant.resources[0].partition("/")
    asked = {"verb": verb, "group": grant.group, "resource": resource, "subresource": subresource, "namespace": namespace or ""}
    review = {"apiVersion": REVIEW.api_version, "kind": REVIEW.name, "metadata": {}, "spec": {"resourceAttributes": asked}}
    return bool(mapping(await client.create(REVIEW, review), "status").get("allowed"))
