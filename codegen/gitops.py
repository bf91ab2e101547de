"""Generates the parts of argocd/ that follow from health.lua and from the operator's own statuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from codegen.text import dump_all
from fiddler_kong_operator import names
from fiddler_kong_operator.api import STORED
from fiddler_kong_operator.api.conditions import ConditionType, Finding, reason
from fiddler_kong_operator.api.status import UNWRITTEN
from fiddler_kong_operator.plan.status.compute import conclude

__all__ = ["CASES", "CHECK", "build_gitops"]

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = f"argocd/resource_customizations/{names.GROUP}/{names.KIND}"
"""The folder in the layout of Argo CD's own repository, so that it can be proposed there as it is."""

CHECK: Final = ROOT / FOLDER / "health.lua"
KEY: Final = f"resource.customizations.health.{names.GROUP}_{names.KIND}"
QUICKSTART: Final = ROOT / "manifests/samples/quickstart.yaml"
NOW: Final = 1_800_000_000.0
OBSERVED: Final = 2
"""Generation that the statuses are about."""

ALL_TRUE: Final = ("Accepted", "SecretsResolved", "GatewayConfigured", "PluginsProgrammed", "Reachable")


@dataclass(frozen=True)
class Case:
    """One state of a binding, by the reasons that differ from a Ready one, and the health that Argo CD must show."""

    name: str
    health: str
    reasons: Sequence[str] = ()
    generation: int = OBSERVED
    """Generation of the spec."""
    unwritten: bool = False
    deleted: bool = False

    @property
    def object(self) -> dict[str, Any]:
        """The binding as the API server shows it."""
        (binding,) = (raw for raw in yaml.safe_load_all(QUICKSTART.read_text()) if raw["kind"] == names.KIND)
        metadata = binding["metadata"] | {"namespace": "ai", "generation": self.generation}
        if self.deleted:
            metadata |= {"deletionTimestamp": "2027-01-15T08:00:00Z", "finalizers": [f"{names.GROUP}/detach"]}
        spec = binding["spec"] | ({"suspend": True} if "Suspended" in self.reasons else {})
        status = dict(UNWRITTEN) if self.unwritten else conclude(_findings(self.reasons), OBSERVED, {}, NOW)
        return {"apiVersion": STORED.api_version, "kind": names.KIND, "metadata": metadata, "spec": spec, "status": status}

    @property
    def message(self) -> str:
        """The message beside the health."""
        if self.deleted:
            return "The binding is being deleted"
        if "Suspended" in self.reasons:
            return "spec.suspend is true"
        if self.unwritten or self.generation != OBSERVED:
            return "Waiting for fiddler-kong-operator"
        (ready,) = (c for c in self.object["status"]["conditions"] if c["type"] == ConditionType.READY)
        return f"{ready['reason']}: {ready['message']}"


CASES: Final = (
    Case("ready", "Healthy"),
    Case("ready_with_advice", "Healthy", ("GatewayVersionAdvised",)),
    Case("no_status", "Progressing", generation=1, unwritten=True),
    Case("older_generation", "Progressing", generation=3),
    Case("pending", "Progressing", ("GatewayPending", "WaitingForGateway", "ProbePending")),
    Case("rolling_out", "Progressing", ("GatewayRollingOut", "WaitingForGateway")),
    Case("rollout_paused", "Degraded", ("GatewayRolloutPaused", "WaitingForGateway")),
    Case("secret_not_found", "Degraded", ("SecretNotFound", "ProbePending")),
    Case("gateway_not_found", "Degraded", ("GatewayNotFound", "WaitingForGateway")),
    Case("gateway_version_unknown", "Degraded", ("GatewayVersionUnknown", "WaitingForGateway")),
    Case("setting_conflict", "Degraded", ("GatewaySettingConflict", "WaitingForGateway")),
    Case("plugin_clash", "Degraded", ("PluginClash", "GatewayNotEvaluated", "PluginsPending")),
    Case("kong_refused", "Degraded", ("KongRefused",)),
    Case("unauthorized", "Degraded", ("Unauthorized",)),
    Case("name_not_resolved", "Degraded", ("NameNotResolved",)),
    Case("application_not_found", "Degraded", ("ApplicationNotFound",)),
    Case("suspended", "Suspended", ("Suspended",)),
    Case("deleting", "Progressing", ("SecretNotFound",), deleted=True),
)
"""A case for every kind of state."""


def _findings(reasons: Sequence[str]) -> dict[ConditionType, Finding]:
    chosen = [reason(name) for name in (*ALL_TRUE, *reasons)]
    return {entry.type: Finding(entry, " ".join(filter(None, (entry.summary, entry.remedy)))) for entry in chosen}


def build_gitops() -> dict[str, str]:
    """Content of each generated file, by path."""
    check = CHECK.read_text()
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _settings_metadata(), "data": {KEY: check}}
    tests = [{"healthStatus": _health(case), "inputPath": f"testdata/{case.name}.yaml"} for case in CASES]
    return {
        f"{FOLDER}/health_test.yaml": dump_all({"tests": tests}),
        **{f"{FOLDER}/testdata/{case.name}.yaml": dump_all(case.object) for case in CASES},
        "argocd/argocd-cm.yaml": dump_all(settings),
        "argocd/values.yaml": dump_all({"configs": {"cm": {KEY: check}}}),
    }


def _settings_metadata() -> dict[str, Any]:
    return {"name": "argocd-cm", "namespace": "argocd", "labels": {"app.kubernetes.io/part-of": "argocd"}}


def _health(case: Case) -> dict[str, str]:
    return {"status": case.health, "message": case.message}
