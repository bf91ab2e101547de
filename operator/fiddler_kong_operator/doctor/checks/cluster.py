"""The cluster, the resource definitions and the operator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fiddler_kong_operator import __version__, names
from fiddler_kong_operator.api import STORED
from fiddler_kong_operator.doctor.diagnosis import Diagnosis, Outcome
from fiddler_kong_operator.doctor.evidence import Evidence, Look
from fiddler_kong_operator.kube.election import is_held
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.objects.raw import mapping

from .contract import could_not_look, diagnose

__all__ = ["check_cluster", "check_definitions", "check_operator", "check_permissions"]

MINIMUM: Final = (1, 29)
"""The oldest Kubernetes that the operator needs."""

_NUMBERS: Final = re.compile(r"v?(\d+)\.(\d+)")
_VERSION_LABEL: Final = "app.kubernetes.io/version"


def check_cluster(evidence: Evidence) -> Outcome:
    """Whether the cluster answers, and is new enough."""
    hidden = tuple(diagnose("NotReadable", evidence.server, sentence) for sentence in evidence.unread)
    if evidence.version.value is None:
        return could_not_look(evidence.server, evidence.version)
    said = f"Kubernetes {evidence.version.value} at {evidence.server}"
    found = _NUMBERS.match(evidence.version.value)
    too_old = bool(found) and tuple(map(int, found.groups() if found else ())) < MINIMUM
    old = (diagnose("ClusterTooOld", evidence.server, f"{said}; the operator needs 1.29 or later."),) if too_old else ()
    return Outcome(said, (*old, *hidden), looked=not hidden)


def check_definitions(evidence: Evidence) -> Outcome:
    """Whether the cluster serves our resource in this program's version, and KongPlugin with configPatches."""
    missing = next((look for look in (evidence.served, evidence.patches) if look.missing), None)
    diagnoses = (*_own_definition(evidence.served), *_kong_definition(evidence.patches))
    if missing and not diagnoses:
        return could_not_look("CustomResourceDefinition", missing)
    return Outcome(diagnoses[0].cause if diagnoses else f"{names.KIND} {STORED.name}, KongPlugin with configPatches", diagnoses)


def _own_definition(served: Look[tuple[str, ...]]) -> Iterator[Diagnosis]:
    subject = f"CustomResourceDefinition {names.PLURAL}.{names.GROUP}"
    if served.missing:
        return
    if served.value is None:
        yield diagnose("DefinitionMissing", subject)
    elif STORED.name not in served.value:
        yield diagnose("VersionNotServed", subject, f"The cluster serves {', '.join(served.value)}, not {STORED.name}.")


def _kong_definition(patches: Look[bool]) -> Iterator[Diagnosis]:
    if not patches.missing and not patches.value:
        name = "KongNotInstalled" if patches.value is None else "KongDefinitionOutdated"
        yield diagnose(name, f"CustomResourceDefinition kongplugins.{names.KONG_GROUP}")


def check_permissions(evidence: Evidence) -> Outcome:
    """Whether the account that looks may do what the operator does."""
    lacking = evidence.lacking
    diagnoses = tuple(diagnose("AccountLacksPermissions", evidence.server, f"The account may not {what}.") for what in lacking)
    return Outcome(diagnoses[0].cause if diagnoses else "its account has every permission", diagnoses)


def check_operator(evidence: Evidence) -> Outcome:
    """Whether a replica of the operator leads, and is of this program's release."""
    deployments, leases = evidence.deployments.value, evidence.leases.value
    if deployments is None or leases is None:
        return could_not_look(names.APPLICATION, evidence.deployments if deployments is None else evidence.leases)
    leading = [lease for lease in leases if is_held(lease, evidence.now)]
    ready = [d for d in deployments if mapping(d, "status").get("readyReplicas")]
    notes = tuple(_other_releases(deployments))
    if leading:
        return Outcome(", ".join(map(_leader, leading)), notes)
    if ready and not leases:
        return Outcome(f"{_named(ready[0])} runs, without leader election", notes)
    if not deployments and not leases:
        return _failed("OperatorNotFound", names.APPLICATION, "Found neither its Deployment nor its Lease.")
    subject = _named((*deployments, *leases)[0])
    return _failed("OperatorNotRunning", subject, f"{subject}: no replica holds the Lease now.", _look_at((*deployments, *leases)[0]))


def _leader(lease: Manifest) -> str:
    """The holder of a Lease, with the namespace: anybody may create a Lease of this name in a namespace of their own."""
    return f"{_text(lease['spec'].get('holderIdentity'))} leads in {lease['metadata']['namespace']}"


def _other_releases(deployments: tuple[Manifest, ...]) -> Iterator[Diagnosis]:
    for deployment in deployments:
        version = (deployment["metadata"].get("labels") or {}).get(_VERSION_LABEL)
        if version and version != __version__:
            text = f"{_named(deployment)} is release {_text(version)}; this program is {__version__}."
            yield diagnose("OperatorVersionDiffers", _named(deployment), text)


def _failed(name: str, subject: str, cause: str, fix: str = "") -> Outcome:
    return Outcome(cause, (diagnose(name, subject, cause, fix),))


def _look_at(raw: Manifest) -> str:
    return f"kubectl --namespace {raw['metadata']['namespace']} get pods,leases; then read the log of the pod that does not become ready."


def _named(raw: Manifest) -> str:
    metadata = raw["metadata"]
    return f"{raw.get('kind') or 'Lease'} {metadata['namespace']}/{metadata['name']}"


def _text(value: object) -> str:
    return "".join(c for c in str(value or "") if c.isprintable())[:128]
