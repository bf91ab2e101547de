"""The contenders: the operator as it is shipped, or the raw loop, each in its own process with the operator's permissions."""

from __future__ import annotations

import re
import sys
import time
from abc import ABC, abstractmethod
from datetime import datetime
from pathlib import Path
from typing import Final

from devcluster.operator_process import NAMESPACE, OperatorProcess

from .raw import LISTING
from .stand import PROJECT, BenchmarkError, Stand
from .template import Template
from .usage import Usage

__all__ = ["Contender", "Operator", "Raw"]

_LOOKED_AT: Final = "all bindings looked at"
_LISTING: Final = "listing every kind"
_START_SECONDS: Final = 60.0


class Contender(ABC):
    """A process that serves the bindings of a stand."""

    name: str

    def __init__(self, stand: Stand) -> None:
        self.stand = stand

    @abstractmethod
    def start(self) -> None:
        """Start the process, without waiting for its work."""

    @abstractmethod
    def listing_at(self) -> float:
        """Unix time at which it began to list the existing objects; BenchmarkError before that."""

    @property
    def usage(self) -> Usage:
        """CPU time and memory of the process."""
        return Usage.of(self.stand.cluster.processes.named(self.name).record.pid)

    @property
    def log(self) -> str:
        """Its whole log."""
        return (self.stand.cluster.logs / f"{self.name}.log").read_text()


class Operator(Contender):
    """`fiddler-kong run` with the shipped service account; `flags` are added."""

    def __init__(self, stand: Stand, *flags: str, name: str = "operator") -> None:
        super().__init__(stand)
        self.name = name
        self._process = OperatorProcess(stand.cluster, f"--probe-ca-file={stand.ca_file}", *flags, name=name)

    def start(self) -> None:
        """Start it and wait until its health endpoint answers."""
        self._process.start()

    def stop(self) -> None:
        """Stop it by SIGTERM, as a kubelet does."""
        self._process.stop()

    def listing_at(self) -> float:
        """Taken from its log."""
        return _moment(self.log, _LISTING)

    def looked_at(self) -> float | None:
        """Unix time at which it had reconciled every binding once; None before that."""
        return _moment(self.log, _LOOKED_AT) if _LOOKED_AT in self.log else None


class Raw(Contender):
    """The raw loop."""

    name = "raw"

    def __init__(self, stand: Stand, template: Template) -> None:
        super().__init__(stand)
        self._template = template

    def start(self) -> None:
        """Start it and wait until it begins to list."""
        cluster = self.stand.cluster
        file = Path(self.stand.ca_file).with_name("template.json")
        file.write_text(self._template.to_json())
        kubeconfig = cluster.kubeconfig_for_service_account(NAMESPACE, "fiddler-kong-operator")
        environment = {"KUBECONFIG": str(kubeconfig), "PYTHONPATH": str(PROJECT)}
        process = cluster.start_process(self.name, [sys.executable, "-m", "benchmarks.raw", file], environment)
        deadline = time.monotonic() + _START_SECONDS
        while LISTING not in self.log:
            process.check()
            if time.monotonic() > deadline:
                raise BenchmarkError(f"the raw loop did not start; see {cluster.logs}")
            time.sleep(0.05)

    def listing_at(self) -> float:
        """Taken from its log."""
        return _moment(self.log, LISTING)


def _moment(log: str, text: str) -> float:
    """Unix time of the first log line with that text. Each line begins with a time, in seconds or as RFC 3339."""
    found = re.search(rf"^(\S+) .*{re.escape(text)}", log, re.MULTILINE)
    if found is None:
        raise BenchmarkError(f"the log has no line with {text!r}")
    stamp = found.group(1)
    return float(stamp) if stamp.replace(".", "").isdecimal() else datetime.fromisoformat(stamp).timestamp()
