"""The operator under observation: one process with the shipped permissions behind the faults proxy, and its figures in /proc."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode

from anyio.from_thread import BlockingPortal

from devcluster.api import wait_until
from devcluster.cluster import Cluster
from devcluster.operator_process import OperatorProcess
from fiddler_kong_operator.plan.kinds import EVENT
from tests.faults.pod import read_identity, write_identity
from tests.faults.proxy import Proxy
from tests.soak.verdict import Vitals

__all__ = ["PROBE_INTERVAL", "Subject", "WatchingProxy", "observed"]

PROBE_INTERVAL: Final = 2.0
"""Seconds between two probes of an endpoint; the default is 300."""

PROBE_TIMEOUT: Final = 1.5

FLAGS: Final = (
    f"--probe-interval={PROBE_INTERVAL}",
    "--probe-retry-interval=1",
    f"--probe-timeout={PROBE_TIMEOUT}",
    "--resync-interval=30",
)

REPORT_AGE: Final = 10.5
"""Seconds for which kopf repeats the same figures, with a margin."""

_START_SECONDS: Final = 120.0
_KIBIBYTE: Final = 1024
_OWN_SOCKETS: Final = 3
"""The listener of the health endpoint, and the socket pair with which signals wake asyncio's loop."""

_SIGNS: Final = ("Traceback", "a bug in the operator", "never retrieved", "never awaited", "Unclosed")
"""Texts in a log line that mean a bug, whatever happens to the cluster."""


class WatchingProxy(Proxy):
    """A proxy that counts its open watches."""

    @property
    def open_watches(self) -> int:
        """Number of open watches."""
        return len(self._streams)


class Subject(OperatorProcess):
    """`fiddler-kong run` with short intervals, which talks to the API server through `proxy`."""

    def __init__(self, cluster: Cluster, proxy: WatchingProxy) -> None:
        """The kubeconfig has exactly the permissions of the shipped service account."""
        super().__init__(cluster, *FLAGS, name="operator-soaked")
        self.proxy = proxy
        self._kubeconfig = write_identity(read_identity(cluster), proxy.url, cluster.layout.private / "soaked.kubeconfig")
        self._asked = 0.0

    def start(self) -> Self:
        """Start it and wait until it leads."""
        command = [sys.executable, "-m", "fiddler_kong_operator", "run", *self._arguments()]
        process = self._process = self._cluster.start_process(self._name, command, {"KUBECONFIG": str(self._kubeconfig)})
        wait_until(lambda: self.leads, "The operator's start", _START_SECONDS, process.check)
        return self

    def check(self) -> None:
        """ComponentDiedError if it has ended; it is not restarted."""
        self.process.check()

    @property
    def freshens_in(self) -> float:
        """Seconds until the operator publishes new figures."""
        return max(0.0, self._asked + REPORT_AGE - time.monotonic())

    def report(self) -> dict[str, Any]:
        """The published figures; new ones if `freshens_in` was 0. Waits while it is too busy to answer."""
        if not self.freshens_in:
            self._asked = time.monotonic()
        figures: dict[str, Any] = {}

        def answered() -> bool:
            figures.update(self.figures())
            return bool(figures)

        wait_until(answered, "The operator's answer with its figures", _START_SECONDS, self.check)
        return figures

    def vitals(self) -> Vitals:
        """Memory, tasks, file descriptors, connections and threads, now."""
        report = self.report()
        links = [link for link in map(_target, self._proc("fd").iterdir()) if link]
        sockets = sum(link.startswith("socket:") for link in links)
        return Vitals(
            rss=self._status("VmRSS") / _KIBIBYTE,
            tasks=report["tasks"],
            objects=report["objects"] - self._warnings(),
            delayed=report["delayed"],
            files=len(links) - sockets,
            idle=sockets - self.proxy.open_watches - _OWN_SOCKETS,
            threads=self._status("Threads"),
        )

    def complaints(self) -> list[str]:
        """Signs of a bug: lines of the log, and counted bugs."""
        lines = [line for line in self.log.splitlines() if any(sign in line for sign in _SIGNS)]
        return lines + [f"{name}: {value}" for name, value in self.report().items() if name == "bugs" and value]

    def _warnings(self) -> int:
        """Kong's warnings about plugins, which the API server and the operator's cache keep for an hour."""
        found = self._cluster.api.get(f"{EVENT.path()}?{urlencode(EVENT.selectors)}")
        return len(found["items"])

    def _status(self, name: str) -> int:
        line = next(line for line in self._proc("status").read_text().splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1])

    def _proc(self, name: str) -> Path:
        return Path(f"/proc/{self.process.popen.pid}/{name}")


def _target(link: Path) -> str:
    """The target of a descriptor; "" if it was closed meanwhile."""
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""


@contextmanager
def observed(cluster: Cluster, portal: BlockingPortal) -> Iterator[Subject]:
    """A running operator with its proxy."""
    proxy = WatchingProxy(cluster.server, cluster.api.trust)
    with portal.wrap_async_context_manager(proxy), Subject(cluster, proxy) as subject:
        yield subject
