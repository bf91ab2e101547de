"""The operator's writes in every namespace, from the API server's audit log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from devcluster.audit import LogTail
from tests.faults.audit import logged_writes

__all__ = ["AuditTail", "Write"]


@dataclass(frozen=True)
class Write:
    """A write that the API server has answered, possibly a refused or unchanged one."""

    verb: str
    what: str
    """The plural, with the subresource if any."""
    namespace: str
    name: str

    @property
    def subject(self) -> str:
        """Namespace and name of the binding or gateway: a binding's children are named `<binding>-...`, its Events `<binding>.<digest>`."""
        name = self.name if self.what == "deployments" else re.split(r"[-.]", self.name)[0]
        return f"{self.namespace}/{name}"

    @property
    def reports(self) -> bool:
        """Whether it only reports on a binding: its status, or an Event."""
        return self.what in {"fiddlerkongbindings/status", "events"}

    def __str__(self) -> str:
        """`patch kongplugins team-0/b07-opentelemetry`."""
        return f"{self.verb} {self.what} {self.namespace}/{self.name}"


class AuditTail:
    """Reads the audit log from its present end on, and keeps only the operator's lines."""

    def __init__(self, path: Path) -> None:
        self._tail = LogTail(path, from_end=True)
        self._answered: list[Write] = []
        self.received = 0
        """Number of writes that the API server had received at the last `read`, without Leases."""

    def read(self) -> int:
        """Read the new lines; returns the number of writes received so far."""
        for received, *write in logged_writes(self._tail):
            self.received += received
            if not received:
                self._answered.append(Write(*write))
        return self.received

    def take(self) -> list[Write]:
        """Return the writes answered since the last call, once."""
        self.read()
        taken, self._answered = self._answered, []
        return taken
