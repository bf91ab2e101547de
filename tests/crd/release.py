"""A release of the chart on a cluster."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.chart.rendering import Helm

__all__ = ["Reachable", "Release"]


class Reachable(Protocol):
    """A cluster, such as devcluster's: the administrator's kubeconfig, and the programs that use it."""

    @property
    def kubeconfig(self) -> Path: ...

    def program(self, name: str) -> Path: ...

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str: ...


@dataclass(frozen=True)
class Release:
    """A release of the chart, named like its namespace."""

    cluster: Reachable
    namespace: str

    def run(self, verb: str, *flags: str | Path) -> subprocess.CompletedProcess[str]:
        access = (f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={self.namespace}")
        return Helm(self.cluster.program("helm")).run(verb, self.namespace, *flags, *access)

    def deployment(self) -> dict[str, Any]:
        name = f"{self.namespace}-fiddler-kong-operator"
        found: dict[str, Any] = json.loads(self.cluster.kubectl("--namespace", self.namespace, "get", "deployment", name, "--output=json"))
        return found
