"""Runs the operator as a process with exactly the permissions of the shipped service account."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from .api import wait_until
from .errors import DevClusterError
from .ports import free_ports

if TYPE_CHECKING:
    from types import TracebackType

    from .cluster import Cluster
    from .processes import Process

__all__ = ["INSTALL", "NAMESPACE", "USER", "OperatorProcess", "install"]

_ROOT: Final = Path(__file__).resolve().parent.parent
INSTALL: Final = _ROOT / "manifests" / "install"
NAMESPACE: Final = "fiddler-kong-operator"
_ACCOUNT: Final = "fiddler-kong-operator"
USER: Final = f"system:serviceaccount:{NAMESPACE}:{_ACCOUNT}"
"""The operator's user in the API server's audit log."""

_LEADS: Final = "leading; reconciling begins"
"""The log line of an operator that has become the leader."""

_ANSWER_SECONDS: Final = 20.0
"""How long a busy operator may take to answer a request for its figures."""

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0


def install(cluster: Cluster) -> None:
    """Install the operator like `kubectl apply -k manifests/install`, but without a pod: it runs outside the cluster."""
    cluster.kubectl("apply", "--server-side", "--kustomize", INSTALL)
    cluster.kubectl("--namespace", NAMESPACE, "scale", "deployment/fiddler-kong-operator", "--replicas=0")


def _allocator_settings() -> dict[str, str]:
    """The image's settings for glibc's allocator, so that the operator needs as much memory as in a pod."""
    lines = (_ROOT / "Dockerfile").read_text().splitlines()
    words = (word for line in lines if line.startswith("ENV ") for word in line.split()[1:])
    return dict(word.split("=", 1) for word in words if word.startswith("MALLOC_"))


class OperatorProcess:
    """A running `fiddler-kong run`; a context manager that stops it by SIGTERM, like a kubelet."""

    election: ClassVar[tuple[str, ...]] = (f"--lease-namespace={NAMESPACE}",)
    """Flags of leader election."""

    def __init__(self, cluster: Cluster, *flags: str, name: str = "operator") -> None:
        """`flags` are added to those for a cluster on loopback; `name` is the name of its log."""
        self._cluster = cluster
        self._flags = flags
        self._name = name
        self._port = self._metrics_port = 0
        self._process: Process | None = None

    def start(self) -> Self:
        """Start it and wait until its health endpoint says no longer that it starts."""
        kubeconfig = self._cluster.kubeconfig_for_service_account(NAMESPACE, _ACCOUNT)
        command = [*self.program(kubeconfig), "run", *self._arguments()]
        self._process = self._cluster.start_process(self._name, command, {"KUBECONFIG": str(kubeconfig), **_allocator_settings()})
        wait_until(self._has_started, "The operator's start", _START_SECONDS, self._process.check)
        return self

    def program(self, kubeconfig: Path) -> list[str]:
        """The words before `run`. The process has `kubeconfig` as $KUBECONFIG; a subclass that runs a container passes it in."""
        del kubeconfig
        return [sys.executable, "-m", "fiddler_kong_operator"]

    @property
    def process(self) -> Process:
        """The running process; DevClusterError unless it was started."""
        if self._process is None:
            raise DevClusterError(f"The process {self._name} was not started.")
        return self._process

    def stop(self, grace: float = _STOP_SECONDS) -> None:
        """Stop it by SIGTERM, and by SIGKILL after `grace` seconds."""
        if self._process is not None:
            self._cluster.processes.stop(self._process, grace)
            self._process = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop."""
        self.stop()

    @property
    def log(self) -> str:
        """Its whole log."""
        return (self._cluster.logs / f"{self._name}.log").read_text()

    @property
    def leads(self) -> bool:
        """Whether its log says that it has become the leader."""
        return _LEADS in self.log

    def figures(self) -> dict[str, Any]:
        """The operator's own figures by name; {} while it does not answer. Only this method knows where they are published."""
        return dict((self.health() or {}).get("operator") or {})

    def published(self) -> str:
        """The content of its HTTP endpoints, as text."""
        return json.dumps(self.health()) + self.metrics()

    def health(self) -> dict[str, Any] | None:
        """The answer of /healthz; None without an answer, or after an error."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/healthz", timeout=_ANSWER_SECONDS) as response:
                answer: dict[str, Any] = json.load(response)
        except (urllib.error.URLError, OSError, ValueError):
            return None
        return answer

    def _has_started(self) -> bool:
        figures = self.figures()
        return bool(figures) and "starting" not in figures

    def metrics(self) -> str:
        """The page of /metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics_port}/metrics", timeout=_ANSWER_SECONDS) as response:
            text: str = response.read().decode()
        return text

    def _arguments(self) -> list[str]:
        """The flags of a start, with new ports: another process may have taken those of the last one."""
        self._port, self._metrics_port = free_ports(2)
        return [
            f"--health-port={self._port}",
            "--health-host=127.0.0.1",
            f"--metrics-port={self._metrics_port}",
            "--metrics-host=127.0.0.1",
            "--probe-allow-http",
            "--probe-allowed-addresses=127.0.0.0/8",
            *self.election,
            *self._flags,
        ]
