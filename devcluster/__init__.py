"""Runs a real Kubernetes control plane on this machine in one command, without containers: for tests, the demo and experiments.

Real: etcd, kube-apiserver, controller-manager, scheduler, kubectl, Helm, Kong Ingress Controller, built from pinned Go modules (`go/`).
Simulated: nodes and pods, by kwok; workloads roll out for real, but no container runs. `python -m devcluster --help` lists the verbs.
Linux only: processes are tied to their parent with prctl and ended through pidfds.
"""

from __future__ import annotations

from .audit import Write, WriteLog
from .cluster import Cluster
from .errors import BuildError, ComponentDiedError, DevClusterError
from .kic import KongController, KongControllerOptions

__all__ = [
    "BuildError",
    "Cluster",
    "ComponentDiedError",
    "DevClusterError",
    "KongController",
    "KongControllerOptions",
    "Write",
    "WriteLog",
]
