"""The operator's writes as the API server itself counts them, in every namespace."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcluster.audit import LogTail
from devcluster.operator_process import USER

__all__ = ["AuditTail", "Write"]


@dataclass(frozen=True)
class Write:
    """A write that the API server has answered, refused and unchanged ones included."""

    verb: str
    what: str
    """The plural, with the subresource where there is one."""
    namespace: str
    name: str

    @property
    def subject(self) -> str:
        """Namespace and name of whom it is about: a binding's children are named `<binding>-...`, Events `<binding>.<digest>`."""
        name = self.name if self.what == "deployments" else re.split(r"[-.]", self.name)[0]
        return f"{self.namespace}/{name}"

    @property
    def tells(self) -> bool:
        """Whether it only says how a binding is: its status, or an Event."""
        return self.what in {"fiddlerkongbindings/status", "events"}

    def __str__(self) -> str:
        """`patch kongplugins team-0/b07-opentelemetry`."""
        return f"{self.verb} {self.what} {self.namespace}/{self.name}"


class AuditTail:
    """Reads the audit log from its present end on; takes one line after the other and keeps only the operator's."""

    def __init__(self, path: Path) -> None:
        self._tail = LogTail(path, from_end=True)
        self._answered: list[Write] = []
        self.received = 0
        """Writes that have arrived at the API server so far, as of the last `read`; Leases do not count."""

    def read(self) -> int:
        """Take in what has been logged since; the number of writes received so far."""
        for line in self._tail.lines():
            if USER.encode() in line:
                self._take(json.loads(line))
        return self.received

    def take(self) -> list[Write]:
        """The writes answered since the last call; forgets them."""
        self.read()
        taken, self._answered = self._answered, []
        return taken

    def _take(self, event: dict[str, Any]) -> None:
        target = event.get("objectRef") or {}
        if event["user"]["username"] != USER or target.get("resource") == "leases":
            return
        if event["stage"] == "RequestReceived":
            self.received += 1
            return
        what = "/".join(filter(None, [target.get("resource"), target.get("subresource")]))
        self._answered.append(Write(event["verb"], what, target.get("namespace", ""), target.get("name", "")))
