"""Cases of the doctor: everything is fine unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from fiddler_kong_operator.api.conditions import ConditionType, Finding, reason
from fiddler_kong_operator.doctor.checks import BINDING_CHECKS, CLUSTER_CHECKS
from fiddler_kong_operator.doctor.diagnosis import Outcome
from fiddler_kong_operator.doctor.evidence import Case, Evidence, Look, Pod
from fiddler_kong_operator.doctor.judgement import judge
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.snapshot import Snapshot
from tests.unit.plan.situations import make_container, make_snapshot

POD: Final = ObjectKey("Pod", "kong", "kong-gateway-1")
KEYS: Final = {"fiddler": {"api-key": b"the-key"}, "openai": {"api-key": b"the-other-key"}}
NOW: Final = 1_800_000_000.0
CLASS: Final = {"spec": {"controller": "ingress-controllers.konghq.com/kong"}}
BROKEN: Final[Look[Any]] = Look(missing="list pods is forbidden", denied=True)


def snapshot_of(**more: Any) -> Snapshot:
    """A snapshot whose keys are there; its ingress class has an address."""
    return make_snapshot(**{"secrets": KEYS, "class_published": True, "ingress_classes": {"kong": True}, **more})


def said(binding: Any, **reasons: str) -> Any:
    """The same binding with a status that has these reasons by condition."""
    conditions = [
        {"type": kind, "status": reason(name).status, "reason": name, "message": f"{name}.", "observedGeneration": binding.generation}
        for kind, name in reasons.items()
    ]
    return replace(binding, status={"conditions": conditions})


def make_case(snapshot: Snapshot | None = None, findings: Mapping[str, str] | None = None, **more: Any) -> Case:
    """A case; `findings` are reasons by condition."""
    case = judge(snapshot or snapshot_of())
    found = {ConditionType(kind): Finding(reason(name), f"{name}.") for kind, name in (findings or {}).items()}
    values = {
        "findings": {**case.findings, ConditionType.PLUGINS_PROGRAMMED: Finding(reason("PluginsProgrammed"), "All applied."), **found},
        "unapplied": (),
        "pods": Look((Pod(POD, ready=True, container=make_container()),)),
        "ingress_class": Look(CLASS),
        **more,
    }
    return replace(case, **values)


def check(area: str, case: Case) -> Outcome:
    """The outcome of a binding's check, by its area."""
    return next(row for row in BINDING_CHECKS if row.area == area).run(case)


def check_cluster(area: str, evidence: Evidence) -> Outcome:
    """The outcome of a check of the cluster."""
    return next(row for row in CLUSTER_CHECKS if row.area == area).run(evidence)


def names(outcome: Outcome) -> list[str]:
    """The names of the codes that were found."""
    return [found.code.name for found in outcome.diagnoses]


def lease(renewed: str = "2027-01-15T08:00:00Z") -> Manifest:
    """The operator's Lease; NOW is the default."""
    spec = {"holderIdentity": "operator-1", "renewTime": renewed, "leaseDurationSeconds": 15}
    return {"kind": "Lease", "metadata": {"name": "fiddler-kong-operator", "namespace": "operators"}, "spec": spec}


def deployment(ready: int = 1, version: str | None = None) -> Manifest:
    """The operator's Deployment."""
    labels = {"app.kubernetes.io/version": version} if version else {}
    metadata = {"name": "fiddler-kong-operator", "namespace": "operators", "labels": labels}
    return {"kind": "Deployment", "metadata": metadata, "status": {"readyReplicas": ready}}


def make_evidence(**more: Any) -> Evidence:
    """A cluster in which nothing is wrong."""
    values = {
        "now": NOW,
        "server": "https://cluster",
        "version": Look("v1.36.3"),
        "served": Look(("v1alpha1",)),
        "patches": Look(value=True),
        "deployments": Look((deployment(),)),
        "leases": Look((lease(),)),
        **more,
    }
    return Evidence(**values)
