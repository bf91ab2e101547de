"""The installation of the operator that a command is about: its name, whether it runs, and the commands that remove it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import click

from fiddler_kong_operator import names
from fiddler_kong_operator.doctor.evidence import Look
from fiddler_kong_operator.doctor.kinds import LEASES, OPERATORS
from fiddler_kong_operator.doctor.looking import find, list_all
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.election import is_held
from fiddler_kong_operator.kube.objects import LEASE, Manifest
from fiddler_kong_operator.reconcile.installations import WITHOUT_LEASE

from .sources import source_of

__all__ = ["Installation", "find_installation"]

_CLUSTER_ROLES: Final = " ".join(f"{names.APPLICATION}{suffix}" for suffix in ("", "-view", "-edit"))


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation. `name` is the mark on its bindings' statuses: the namespace of its Lease, if it has one; "" where none is known."""

    name: str
    now: float
    lease: Manifest | None = None
    deployments: Sequence[Manifest] = ()
    unread: str = ""
    """Why its Lease could not be read."""

    @property
    def runs(self) -> bool | None:
        """Whether a replica works, as far as the cluster tells; None where this user may not see it."""
        if self.unread:
            return None
        if self.lease is not None:
            return is_held(self.lease, self.now)
        return any((raw.get("status") or {}).get("readyReplicas") for raw in self.deployments)

    @property
    def told(self) -> str:
        """The process that will do the work: a sentence."""
        named = f"The operator in namespace {self.name}" if self.name not in ("", WITHOUT_LEASE) else "An operator"
        if self.runs is None:
            return f"Whether the operator runs cannot be told ({self.unread}). It must run, since this command then leaves the work to it."
        return f"{named} runs: it does the work." if self.runs else "No operator runs: this command does its work."

    def stopping(self) -> Iterator[str]:
        """The commands that stop it."""
        for metadata in (raw["metadata"] for raw in self.deployments):
            yield f"kubectl --namespace {metadata['namespace']} scale deployment/{metadata['name']} --replicas=0"

    def removal(self) -> Iterator[str]:
        """The commands that remove it, or a comment that names the tool it comes from."""
        for raw in self.deployments:
            namespace, source = raw["metadata"]["namespace"], source_of(raw)
            if source is None:
                yield _deletion(namespace, raw["metadata"]["name"])
                yield f"kubectl delete clusterrolebinding {names.APPLICATION}"
                yield f"kubectl delete clusterrole {_CLUSTER_ROLES}"
            elif source.startswith("Helm release "):
                yield f"helm uninstall {source.rpartition('/')[2]} --namespace {namespace}"
            else:
                yield f"# Deployment {namespace}/{raw['metadata']['name']}: remove it from {source}"


def _deletion(namespace: str, deployment: str) -> str:
    """The command that deletes what is in the operator's namespace. Only one of its own name surely holds nothing else."""
    if namespace == names.APPLICATION:
        return f"kubectl delete namespace {namespace}"
    others = " ".join(f"{kind}/{names.APPLICATION}" for kind in ("serviceaccount", "role", "rolebinding", "lease"))
    return f"kubectl --namespace {namespace} delete deployment/{deployment} {others}"


async def find_installation(client: Client, bindings: Iterable[Manifest], chosen: str | None = None) -> Installation:
    """The installation of that name; else the only one that these bindings name, or that has a Lease.

    Ends the command where there are several.
    """
    leases, deployments = await asyncio.gather(list_all(client, LEASES, None), list_all(client, OPERATORS, None))
    marks = Counter(mark for raw in bindings if (mark := (raw.get("status") or {}).get("installation")))
    spaces = Counter(lease["metadata"]["namespace"] for lease in leases.value or ())
    name = chosen or _only(marks) or ("" if marks else _only(spaces))
    found = await find(client, LEASE, name, names.APPLICATION) if name else Look()
    unread = found.missing if name else leases.missing
    return Installation(name, client.clock(), found.value, tuple(_of(name, deployments.value or (), spaces)), unread)


def _of(name: str, deployments: Iterable[Manifest], spaces: Collection[str]) -> Iterator[Manifest]:
    """The Deployments of an installation; one that elects no leader has those in namespaces without a Lease."""
    for raw in deployments:
        namespace = raw["metadata"]["namespace"]
        if namespace == name or not {namespace, name} & set(spaces):
            yield raw


def _only(found: Counter[str]) -> str:
    if len(found) > 1:
        named = ", ".join(f"{name} ({number})" for name, number in sorted(found.items()))
        raise click.UsageError(f"There are several installations of the operator: {named}. Choose one with --operator-namespace.")
    return next(iter(found), "")
