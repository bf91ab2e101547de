"""A real node for a cluster: a kubelet of the control plane's version, in a privileged container of podman.

Real: kubelet, kube-proxy, containerd, runc, the CNI bridge. Its pods run containers, and the addresses of Services work. dnsmasq
serves the names of Services from a list, in place of CoreDNS. Needs root, and the images of `scripts/make-base`.
"""

from __future__ import annotations

from .machine import Node
from .podman import Podman

__all__ = ["Node", "Podman"]
