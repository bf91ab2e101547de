"""The files that the programs of the node read: all pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["NAME", "ZONE", "build_endpoints", "build_kube_proxy", "build_kubeconfig", "build_kubelet", "build_names"]

NAME: Final = "real-node"
"""Name of the Node; the units in `root/` contain it too."""

ZONE: Final = "cluster.local"
_PODS: Final = "10.245.0.0/16"


def build_kubelet(address: str) -> dict[str, Any]:
    """The kubelet's configuration; `address` is the node's own.

    Only the API server reaches its port: the container's network has no other way in. It evicts nothing for the disk of this machine.
    """
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "clusterDNS": [address],
        "clusterDomain": ZONE,
        "evictionHard": {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%", "memory.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "2s",
    }


def build_kube_proxy() -> dict[str, Any]:
    """kube-proxy's configuration. It leaves the limits of conntrack alone, which belong to the whole machine."""
    untouched = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": _PODS,
        "clientConnection": {"kubeconfig": "/node/etc/kubeconfig"},
        "conntrack": untouched,
    }


def build_kubeconfig(text: str, server: str) -> str:
    """A kubeconfig of devcluster (JSON) for another address of the API server, whose certificate is not for that address."""
    config = json.loads(text)
    config["clusters"][0]["cluster"] |= {"server": server, "tls-server-name": "kubernetes"}
    return json.dumps(config)


def build_endpoints(address: str, port: int) -> dict[str, Any]:
    """The EndpointSlice of the Service `kubernetes`, which the API server itself does not make on loopback."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }


def build_names(services: Iterable[Mapping[str, Any]]) -> str:
    """The list of names for dnsmasq: a line for each Service with an address."""
    lines = []
    for service in services:
        metadata, address = service["metadata"], service["spec"].get("clusterIP", "None")
        if address != "None":
            lines.append(f"{address} {metadata['name']}.{metadata['namespace']}.svc.{ZONE}\n")
    return "".join(lines)
