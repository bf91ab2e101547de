"""`KindCluster`: creates a cluster with kind, loads images into it, and deletes it, whatever happened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from devcluster import crds
from devcluster.build import Builder
from devcluster.errors import DevClusterError, log_tail
from devcluster.kubectl import run_kubectl
from devcluster.node.podman import LIMITS, Podman
from devcluster.pins import COMPONENTS
from devcluster.ports import LOOPBACK, free_ports
from devcluster.processes import ProcessRecord

from .configuration import build_cluster, build_engine
from .image import NodeImage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from devcluster.progress import Reporter

__all__ = ["KindCluster"]

_PREFIX: Final = "fkb"
_ENGINES: Final = ("docker", "podman", "nerdctl")
_MODULES: Final = Path("/lib/modules")
"""kind gives the node this folder of the machine; podman refuses one that does not exist."""


class KindCluster:
    """`with KindCluster(ports, reporter) as cluster`: when the block is entered, the node is Ready and the resource definitions are served.

    `folder` keeps the logs. `ports` are those of Services of the type NodePort that this machine shall reach. Without `image`, the node
    image is that of this project, and kind uses podman; with one, such as `kindest/node:TAG`, kind chooses the engine, and pulls the image.
    """

    def __init__(self, folder: Path, ports: Iterable[int], reporter: Reporter, image: str = "") -> None:
        _check_machine(image)
        self._reporter = reporter
        self._podman = Podman.find()
        self._builder = Builder(reporter)
        self._image = image
        self._record = ProcessRecord.of(_PREFIX, os.getpid())
        self.name = f"{_PREFIX}-{self._record.pid}-{_start(self._record)}"
        self._folder = folder
        wanted = tuple(ports)
        self._ports = dict(zip(wanted, free_ports(len(wanted)), strict=True))
        self._made_modules = False

    @property
    def node(self) -> str:
        """Name of its only Node."""
        return f"{self.name}-control-plane"

    @property
    def kubeconfig(self) -> Path:
        """That of the administrator."""
        return self._folder / "kubeconfig"

    @property
    def logs(self) -> Path:
        """The output of kind; after the end, what `kind export logs` collected too."""
        return self._folder / "logs"

    def __enter__(self) -> Self:
        """Create the cluster; everything that was started ends if this fails."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Delete the cluster."""
        self.stop()

    def stop(self) -> None:
        """Collect its logs, and delete it with its network."""
        with suppress(DevClusterError):
            self._kind("export", "logs", self.logs / "node", f"--name={self.name}")
        try:
            self._delete(self.name)
        finally:
            if self._made_modules:
                _MODULES.rmdir()

    def check(self) -> None:
        """Nothing: whatever runs is the node's, and kubectl fails without it."""

    def program(self, name: str) -> Path:
        """Path of a program such as `helm`, built at the first call."""
        return self._builder.programs([COMPONENTS[name]])[name]

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run kubectl as the administrator and return its output; DevClusterError with its error message."""
        return run_kubectl(self.program("kubectl"), self.kubeconfig, *arguments, stdin=stdin)

    def address(self, port: int) -> str:
        """Host and port at which this machine reaches one of `ports` of the node."""
        return f"{LOOPBACK}:{self._ports[port]}"

    def load(self, image: str, *names: str) -> None:
        """Copy an image of this machine's podman into the node, under its own name or under others."""
        for name in names or (image,):
            with tempfile.TemporaryDirectory() as folder:
                archive = Path(folder) / "image.tar"
                self._podman.run("push", "--quiet", image, f"docker-archive:{archive}:{name}")
                self._kind("load", "image-archive", archive, f"--name={self.name}")

    def load_program(self, program: Path, image: str) -> None:
        """Make an image of one static program, and copy it into the node."""
        self._podman.import_program(program, image, "/program", '--change=ENTRYPOINT ["/program"]')
        self.load(image)
        self._podman.run("rmi", "--force", image)

    def publish_names(self) -> None:
        """Nothing: the cluster has CoreDNS."""

    def _start(self) -> None:
        self.logs.mkdir()
        versions = None
        image = self._image
        if not image:
            own = NodeImage(self._podman, self._reporter)
            image, versions = own.build(), own.versions
            self._prepare_engine()
        configuration = self._folder / "kind.json"
        configuration.write_text(json.dumps(build_cluster(self._ports, versions)))
        flags = (f"--name={self.name}", f"--image={image}", f"--config={configuration}", f"--kubeconfig={self.kubeconfig}")
        with self._reporter.task("kind create cluster"):
            self._kind("create", "cluster", *flags, "--wait=15m", "--retain", "--verbosity=3")
        self._install_definitions()

    def _prepare_engine(self) -> None:
        """Make the configuration and the network of podman with which kind works, and remove leftovers."""
        (self._folder / "containers.conf").write_text(build_engine(LIMITS))
        self._remove_leftovers()
        self._podman.run("network", "create", "--disable-dns", self.name)
        if not _MODULES.exists():
            _MODULES.mkdir()
            self._made_modules = True

    def _remove_leftovers(self) -> None:
        """Delete the clusters of processes that were killed: a container does not end with the process that started it."""
        boot = self._record.started.partition("/")[0]
        for name in self._kind("get", "clusters").split():
            prefix, pid, start = [*name.split("-"), "", ""][:3]
            if prefix == _PREFIX and pid.isdecimal() and not ProcessRecord(_PREFIX, int(pid), f"{boot}/{start}").alive:
                self._delete(name)

    def _delete(self, name: str) -> None:
        """Delete a cluster. kind gives a container ten seconds to end, which is too short for that of a whole node on a busy machine."""
        if not self._image:
            for verb in (("stop", "--time=0"), ("wait",)):
                with suppress(DevClusterError):
                    self._podman.run(*verb, f"{name}-control-plane")
        self._kind("delete", "cluster", f"--name={name}", f"--kubeconfig={self.kubeconfig}")
        if not self._image:
            with suppress(DevClusterError):
                self._podman.run("network", "rm", "--force", name)

    def _install_definitions(self) -> None:
        definitions = [*crds.own_definitions(), *crds.kong_definitions(self._reporter), *crds.gateway_definitions(self._reporter)]
        self.kubectl("apply", "--server-side", "--filename=-", stdin="\n---\n".join(map(json.dumps, definitions)))
        self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=300s")

    def _kind(self, *arguments: str | Path) -> str:
        """Run kind and return its output; what it says about its progress is kept in a log, whose end is in the error's message."""
        log = self.logs / "kind.log"
        with log.open("a") as errors:
            done = subprocess.run(
                [self.program("kind"), *arguments], stdout=subprocess.PIPE, stderr=errors, text=True, env=self._environment(), check=False
            )
        if done.returncode != 0:
            raise DevClusterError(f"kind {' '.join(map(str, arguments[:2]))} failed. The end of {log}:\n{log_tail(log)}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        if self._image:
            return dict(os.environ)
        network = {"KIND_EXPERIMENTAL_PROVIDER": "podman", "KIND_EXPERIMENTAL_PODMAN_NETWORK": self.name}
        return {**os.environ, **network, "CONTAINERS_CONF": str(self._folder / "containers.conf")}


def _start(record: ProcessRecord) -> str:
    return record.started.partition("/")[2]


def _check_machine(image: str) -> None:
    """Raise DevClusterError where kind has no engine, or not the one that this project's node image needs."""
    if image and not any(map(shutil.which, _ENGINES)):
        raise DevClusterError(
            "kind needs a container engine, and none is on PATH. Install Docker, podman or nerdctl; "
            "scripts/install-container-engine installs podman on Debian."
        )
    if not image and os.geteuid() != 0:
        raise DevClusterError(
            "The node image of this project runs as root only. Run this as root, or give another node image: "
            "make test-e2e NODE_IMAGE=kindest/node:TAG"
        )
