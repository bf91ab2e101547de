"""Runs the operator like a pod: a process that is restarted when it ends and talks to the API server through a proxy."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Final, Self

from devcluster.cluster import Cluster
from devcluster.operator_process import NAMESPACE, OperatorProcess
from devcluster.pki import write_private
from tests.faults.forked import fork_operator

__all__ = ["Pod", "read_identity", "write_identity"]

_ACCOUNT: Final = "fiddler-kong-operator"
_MOST_STARTS: Final = 12
"""More starts than this are a crash loop."""

_BACK_OFF: Final = 0.2
"""Seconds before an ended process is restarted. A kubelet waits 10 s, which only makes tests longer."""

_CHILDREN: Final = threading.RLock()
"""multiprocessing's list of children is not thread-safe."""


def read_identity(cluster: Cluster) -> dict[str, Any]:
    """A kubeconfig with exactly the rights of the operator's service account."""
    content: dict[str, Any] = json.loads(cluster.kubeconfig_for_service_account(NAMESPACE, _ACCOUNT).read_text())
    return content


def write_identity(identity: dict[str, Any], server: str, path: Path) -> Path:
    """Write the same kubeconfig with another address of the API server: the proxy's."""
    clusters = [{**entry, "cluster": {"server": server}} for entry in identity["clusters"]]
    write_private(path, json.dumps({**identity, "clusters": clusters}))
    return path


class Pod(OperatorProcess):
    """An operator process that `tend` restarts. Any thread may send it SIGKILL at any time."""

    election = ()

    def __init__(self, cluster: Cluster, kubeconfig: Path, *flags: str, name: str) -> None:
        """`flags` are added to those for stand-ins on loopback; without --lease-namespace there is no election."""
        super().__init__(cluster, *flags, name=name)
        self._kubeconfig = kubeconfig
        self._child: ForkServerProcess | None = None
        self._pid: int | None = None
        self._ended_at: float | None = None
        self.exit_codes: list[int | None] = []
        """The exit codes of its processes so far; -9 is SIGKILL."""

    def start(self) -> Self:
        """Start it without waiting."""
        log = self._cluster.logs / f"{self._name}.log"
        log.touch(mode=0o600)
        with _CHILDREN:
            self._child = fork_operator(self._arguments(), {"KUBECONFIG": str(self._kubeconfig)}, log)
            self._pid = self._child.pid
        return self

    def stop(self, grace: float = 30.0) -> None:
        """Stop it by SIGTERM, and by SIGKILL after `grace` seconds; it is not restarted."""
        if self._child is None:
            return
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self.pid is not None:
            if time.monotonic() > deadline:
                self.kill()
            time.sleep(0.02)
        self._forget()

    @property
    def pid(self) -> int | None:
        """Its process id; None while it does not run."""
        with _CHILDREN:
            return self._child.pid if self._child is not None and self._child.is_alive() else None

    def kill(self) -> None:
        """Send SIGKILL; thread-safe."""
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def tend(self) -> None:
        """Restart it if it has ended, like a kubelet. Call this repeatedly."""
        if self._child is None or self.pid is not None:
            return
        if self._ended_at is None:
            self._ended_at = time.monotonic()
        if time.monotonic() - self._ended_at >= _BACK_OFF:
            self._ended_at = None
            self._forget()
            assert len(self.exit_codes) < _MOST_STARTS, f"crash loop with exit codes {self.exit_codes}:\n{self.log[-3000:]}"
            self.start()

    def _forget(self) -> None:
        """Record the exit code."""
        with _CHILDREN:
            child, self._child, self._pid = self._child, None, None
            if child is not None:
                self.exit_codes.append(child.exitcode)
                child.close()
