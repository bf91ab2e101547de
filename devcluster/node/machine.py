"""`Node`: starts the container, its programs and the way to the API server; ends them all, whatever happened."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from devcluster.api import wait_until
from devcluster.build import Builder
from devcluster.errors import DevClusterError
from devcluster.folders import PROJECT_ROOT
from devcluster.pins import COMPONENTS, NODE
from devcluster.ports import free_ports
from devcluster.processes import ProcessRecord
from devcluster.progress import Reporter

from . import configuration
from .podman import ULIMITS, Podman, check_machine

if TYPE_CHECKING:
    from types import TracebackType

    from devcluster.cluster import Cluster

__all__ = ["Node"]

BASE: Final = "localhost/fiddler-kong-base"
_ROOT: Final = Path(__file__).resolve().parent / "root"
_PLACES: Final = {
    "containerd.toml": "/etc/containerd/config.toml",
    "pods.conflist": "/etc/cni/net.d/10-pods.conflist",
    "kubelet.service": "/etc/systemd/system/kubelet.service",
    "kube-proxy.service": "/etc/systemd/system/kube-proxy.service",
    "names.service": "/etc/systemd/system/names.service",
}
"""The files of `root/`, and where the container has them."""

_UNITS: Final = ("containerd", "names", "kubelet", "kube-proxy")
_ACCOUNT: Final = "real-node"
_SYSTEM: Final = "kube-system"
_JOURNAL: Final = "node.log"
_OWNER: Final = "devcluster.owner"
"""Label of the container and its network: the process that started them, as a record in JSON."""

_START_SECONDS: Final = 240.0


class Node:
    """`with Node(cluster) as node`. When the block is entered the Node is Ready and the simulated one is gone; it ends with the block."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        check_machine()
        self._podman = Podman.find()
        self._name = f"devcluster-{cluster.name}"
        self._folder = cluster.layout.private / "node"
        self.address = ""
        """Its address, which this machine reaches; the ports of Services of the type NodePort are open there."""

    def __enter__(self) -> Self:
        """Start; everything that was started ends if this fails."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop."""
        self.stop()

    def stop(self) -> None:
        """Keep its journal in the cluster's logs, and remove the container with all that it held: pods, network, volume."""
        with suppress(DevClusterError):
            (self._cluster.logs / _JOURNAL).write_text(self.execute("journalctl", "--no-pager", "--output=short-iso"))
        _remove(self._podman, self._name)

    def execute(self, *command: str) -> str:
        """Run a command in the container and return its output; DevClusterError if it fails."""
        return self._podman.run("exec", self._name, *command)

    def load(self, *images: str) -> None:
        """Copy images of this machine's podman into the node's containerd, under the same names."""
        for image in images:
            self._podman.pipe(
                ("save", "--format=docker-archive", image),
                ("exec", "--interactive", self._name, "ctr", "--namespace=k8s.io", "images", "import", "-"),
            )

    def load_program(self, program: Path, image: str) -> None:
        """Make an image of one static program, and copy it into the node."""
        self._podman.import_program(program, image, "/program", '--change=ENTRYPOINT ["/program"]')
        self.load(image)
        self._podman.run("rmi", "--force", image)

    def rename(self, image: str, name: str) -> None:
        """Give an image of the node another name."""
        self.execute("ctr", "--namespace=k8s.io", "images", "tag", image, name)

    def publish_names(self) -> None:
        """Tell the node's DNS about the Services that exist now."""
        services = self._cluster.api.get("/api/v1/services")["items"]
        (self._folder / "names" / "services").write_text(configuration.build_names(services))

    def _start(self) -> None:
        (self._folder / "names").mkdir(parents=True, exist_ok=True)
        _remove_leftovers(self._podman)
        self._run_container()
        (container,) = json.loads(self._podman.run("inspect", self._name))
        network = container["NetworkSettings"]["Networks"][self._name]
        self.address, gateway = network["IPAddress"], network["Gateway"]
        port = self._start_relay(gateway)
        self._write_files(f"https://{gateway}:{port}")
        self._cluster.apply(configuration.build_endpoints(gateway, port))
        self.publish_names()
        wait_until(self._has_systemd, "The start of the real node's systemd", _START_SECONDS, self._cluster.processes.check)
        self.execute("systemctl", "is-system-running", "--wait")
        self.execute("systemctl", "start", "containerd")
        self.load(f"{BASE}:pause")
        self.execute("systemctl", "start", *_UNITS)
        what = f"The readiness of the real node (its journal: {self._cluster.logs / _JOURNAL})"
        wait_until(self._is_ready, what, _START_SECONDS, self._cluster.processes.check)
        self._cluster.kubectl("delete", "node", "simulated-node")

    def _run_container(self) -> None:
        programs = Builder(Reporter()).programs(COMPONENTS[name] for name in NODE)
        files = {_ROOT / name: place for name, place in _PLACES.items()} | {path: f"/node/bin/{name}" for name, path in programs.items()}
        volumes = [f"--volume={source}:{place}:ro" for source, place in files.items()]
        # /var must be a file system of its own: overlayfs cannot lie on overlayfs.
        options = [
            "--detach",
            "--privileged",
            "--cgroupns=private",
            "--systemd=always",
            "--volume=/var",
            f"--volume={self._folder}:/node/etc:ro",
            *ULIMITS,
        ]
        owner = f"--label={_OWNER}={json.dumps(ProcessRecord.of('node', os.getpid()).to_json())}"
        named = [f"--name={self._name}", f"--hostname={configuration.NAME}", f"--network={self._name}", owner]
        self._podman.run("network", "create", "--disable-dns", owner, self._name)
        self._podman.run("run", *named, *options, *volumes, f"{BASE}:node")

    def _start_relay(self, address: str) -> int:
        (port,) = free_ports(1)
        target = str(urlsplit(self._cluster.server).port)
        command = [sys.executable, "-m", "devcluster.node.relay", address, str(port), target]
        self._cluster.start_process("relay", command, {"PYTHONPATH": str(PROJECT_ROOT)})
        return port

    def _write_files(self, server: str) -> None:
        self._cluster.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _ACCOUNT, "namespace": _SYSTEM}},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": _ACCOUNT},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "ServiceAccount", "name": _ACCOUNT, "namespace": _SYSTEM}],
            },
        )
        kubeconfig = self._cluster.kubeconfig_for_service_account(_SYSTEM, _ACCOUNT)
        contents: dict[str, str] = {
            "kubeconfig": configuration.build_kubeconfig(kubeconfig.read_text(), server),
            "kubelet.json": json.dumps(configuration.build_kubelet(self.address)),
            "kube-proxy.json": json.dumps(configuration.build_kube_proxy()),
        }
        for name, text in contents.items():
            (self._folder / name).write_text(text)

    def _has_systemd(self) -> bool:
        """Whether its systemd answers, which listens only some time after its start."""
        try:
            self.execute("systemctl", "show", "--property=Version")
        except DevClusterError:
            return False
        return True

    def _is_ready(self) -> bool:
        node: dict[str, Any] = self._cluster.api.get(f"/api/v1/nodes/{configuration.NAME}") or {}
        conditions = node.get("status", {}).get("conditions") or ()
        ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
        return ready and not node["spec"].get("taints")


def _remove(podman: Podman, name: str) -> None:
    """Remove a container, its volume and its network, whichever of them exist."""
    podman.run("rm", "--force", "--ignore", "--volumes", "--time=0", name)
    with suppress(DevClusterError):
        podman.run("network", "rm", "--force", name)


def _remove_leftovers(podman: Podman) -> None:
    """Remove the nodes of processes that were killed: a container does not end with the process that started it."""
    for network in json.loads(podman.run("network", "ls", f"--filter=label={_OWNER}", "--format=json")):
        if not ProcessRecord.from_json(json.loads(network["labels"][_OWNER])).alive:
            _remove(podman, network["name"])
