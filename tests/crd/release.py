"""A release of the chart on the control plane of the tests."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcluster import Cluster
from tests.chart.rendering import Helm

__all__ = ["Release"]


@dataclass(frozen=True)
class Release:
    """A release of the chart, named like its namespace."""

    cluster: Cluster
    namespace: str

    def run(self, verb: str, *flags: str | Path) -> subprocess.CompletedProcess[str]:
        access = (f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={self.namespace}")
        return Helm(self.cluster.program("helm")).run(verb, self.namespace, *flags, *access)

    def deployment(self) -> dict[str, Any]:
        name = f"{self.namespace}-fiddler-kong-operator"
        found: dict[str, Any] = json.loads(self.cluster.kubectl("--namespace", self.namespace, "get", "deployment", name, "--output=json"))
        return found
