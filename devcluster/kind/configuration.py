"""The files that kind, kubeadm and the node's containerd read: all pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from devcluster.ports import LOOPBACK

__all__ = ["IMAGES", "build_cluster", "build_engine", "patch_containerd"]

IMAGES: Final = "localhost/fiddler-kong-kind"
"""The repository of the node image, and the prefix of the images of the control plane in it."""

_PAUSE: Final = "localhost/fiddler-kong-base:pause"
_SETTINGS: Final = {
    r"SystemdCgroup = true": "SystemdCgroup = false",
    r"restrict_oom_score_adj = false": "restrict_oom_score_adj = true",
    r'sandbox_image = "[^"]*"': f'sandbox_image = "{_PAUSE}"',
}
"""Of kind's configuration of containerd, what is different here. A machine without CAP_SYS_RESOURCE may not lower oom_score_adj."""


def patch_containerd(text: str) -> str:
    """Kind's configuration of containerd, changed; ValueError if it has changed itself so that a setting is not found."""
    for pattern, setting in _SETTINGS.items():
        text, count = re.subn(pattern, setting, text)
        if not count:
            raise ValueError(f"kind's configuration of containerd has no line like: {pattern}")
    return text


def build_engine(ulimits: Mapping[str, int]) -> str:
    """Podman's configuration for kind, which passes none of these options: see `devcluster.node.podman`."""
    limits = ", ".join(f'"{name}={limit}:{limit}"' for name, limit in ulimits.items())
    return f'[containers]\ndefault_ulimits = [{limits}]\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n'


def build_cluster(node_ports: Mapping[int, int], versions: Mapping[str, str] | None) -> dict[str, Any]:
    """Kind's configuration of a cluster: `node_ports` are open on loopback, each under another number.

    `versions` are those of etcd and CoreDNS in the node image of this project; None for an image that is complete by itself.
    """
    ports = [{"containerPort": port, "hostPort": own, "listenAddress": LOOPBACK} for port, own in node_ports.items()]
    node = {"role": "control-plane", "extraPortMappings": ports}
    cluster: dict[str, Any] = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [node]}
    if versions is None:
        return cluster
    patches = [json.dumps(patch) for patch in (_images(versions), _PATIENCE, _KUBELET)]
    return cluster | {"networking": {"disableDefaultCNI": True}, "kubeadmConfigPatches": patches}


def _images(versions: Mapping[str, str]) -> dict[str, Any]:
    """No registry serves these images, so their names do not matter. The other settings are for busy machines.

    etcd need not survive a crash of the machine. A leader without rivals need not end because it renewed its lease too late. The third
    one is kind's own, which the patch would remove.
    """
    alone = {"name": "leader-elect", "value": "false"}
    return {
        "kind": "ClusterConfiguration",
        "imageRepository": IMAGES,
        "etcd": {"local": {"imageTag": versions["etcd"], "extraArgs": [{"name": "unsafe-no-fsync", "value": "true"}]}},
        "controllerManager": {"extraArgs": [alone, {"name": "enable-hostpath-provisioner", "value": "true"}]},
        "scheduler": {"extraArgs": [alone]},
        "dns": {"imageTag": versions["coredns"]},
    }


_PATIENCE: Final = {
    "kind": "InitConfiguration",
    "timeouts": {"controlPlaneComponentHealthCheck": "15m0s", "kubeletHealthCheck": "10m0s", "kubernetesAPICall": "5m0s"},
}
"""How long kubeadm waits: the node loads its images while it starts."""

_KUBELET: Final = {"kind": "KubeletConfiguration", "cgroupDriver": "cgroupfs", "failCgroupV1": False}
