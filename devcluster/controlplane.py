"""The command lines of the control plane: etcd, kube-apiserver, controller-manager, scheduler. Everything listens on loopback only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from .ports import LOOPBACK, free_ports

if TYPE_CHECKING:
    from pathlib import Path

    from .state import Layout

__all__ = [
    "SERVICE_ACCOUNT_KEY",
    "ControlPlanePorts",
    "apiserver_command",
    "controller_manager_command",
    "etcd_command",
    "scheduler_command",
]

SERVICE_ACCOUNT_KEY: Final = "service-accounts.pem"
"""Name of the key, in the private folder, that signs service account tokens."""

_ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
_UNLIMITED_MIB: Final = 1_000_000


@dataclass(frozen=True)
class ControlPlanePorts:
    """Ports of one cluster."""

    etcd_client: int
    etcd_peer: int
    apiserver: int

    @classmethod
    def choose(cls) -> Self:
        """Choose three ports that are free now."""
        return cls(*free_ports(3))


def etcd_command(program: Path, layout: Layout, ports: ControlPlanePorts) -> list[str | Path]:
    """Return etcd's command line; no fsync, because the data does not outlive the cluster."""
    client, peer = f"http://{LOOPBACK}:{ports.etcd_client}", f"http://{LOOPBACK}:{ports.etcd_peer}"
    return [
        program,
        f"--data-dir={layout.private / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver_command(program: Path, layout: Layout, ports: ControlPlanePorts) -> list[str | Path]:
    """Return the API server's command line: RBAC, tokens, admission plugins (the default ones and OpenShift's), writes in the audit log.

    It generates its certificate in the folder `certificates`. No endpoints reconciler: loopback addresses are invalid as endpoints.
    """
    key = layout.private / SERVICE_ACCOUNT_KEY
    return [
        program,
        f"--etcd-servers=http://{LOOPBACK}:{ports.etcd_client}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        f"--secure-port={ports.apiserver}",
        f"--cert-dir={layout.private / 'certificates'}",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.96.0.0/16",
        f"--service-account-issuer={_ISSUER}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--authorization-mode=RBAC",
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        f"--token-auth-file={layout.private / 'tokens.csv'}",
        f"--audit-policy-file={layout.private / 'audit-policy.json'}",
        f"--audit-log-path={layout.audit_log}",
        "--audit-log-mode=blocking",
        f"--audit-log-maxsize={_UNLIMITED_MIB}",
        "--profiling=false",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def controller_manager_command(program: Path, layout: Layout) -> list[str | Path]:
    """Return the controller manager's command line; it listens on no port."""
    return [
        program,
        f"--kubeconfig={layout.kubeconfig('system:kube-controller-manager')}",
        f"--service-account-private-key-file={layout.private / SERVICE_ACCOUNT_KEY}",
        f"--root-ca-file={layout.private / 'certificates' / 'apiserver.crt'}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def scheduler_command(program: Path, layout: Layout) -> list[str | Path]:
    """Return the scheduler's command line; it listens on no port."""
    return [program, f"--kubeconfig={layout.kubeconfig('system:kube-scheduler')}", "--leader-elect=false", "--secure-port=0"]
