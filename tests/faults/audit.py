"""Counts the operator's writes in the API server's audit log, from the creation of the reader on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from devcluster.audit import LogTail
from devcluster.operator_process import USER

__all__ = ["AuditTail", "LoggedWrite", "logged_writes"]

_RECEIVED = b'"RequestReceived"'


class LoggedWrite(NamedTuple):
    """A line of the audit log about a write of the operator. The API server logs each write when it arrives and when it is answered."""

    received: bool
    verb: str
    what: str
    """The plural, with the subresource if any."""
    namespace: str
    name: str


def logged_writes(tail: LogTail, containing: bytes = b"") -> Iterator[LoggedWrite]:
    """The new lines about the operator's writes, without Leases; lines without the bytes `containing` are skipped unread."""
    for line in tail.lines():
        if line.startswith(b"{") and USER.encode() in line and containing in line:  # the first line may be cut off
            event = json.loads(line)
            target = event.get("objectRef") or {}
            if event["user"]["username"] == USER and target.get("resource") != "leases" and "dryRun=" not in event["requestURI"]:
                what = "/".join(filter(None, [target.get("resource"), target.get("subresource")]))
                place = (target.get("namespace", ""), target.get("name", ""))
                yield LoggedWrite(event["stage"] == "RequestReceived", event["verb"], what, *place)


class AuditTail:
    """Reads the audit log from its present end on, since the log grows large over hundreds of runs."""

    def __init__(self, path: Path, namespace: str) -> None:
        """Only the operator's requests in `namespace` count."""
        self._tail = LogTail(path, from_end=True)
        self._namespace = namespace
        self._seen: list[str] = []

    def writes(self) -> tuple[str, ...]:
        """Every write received so far, such as `patch kongplugins assistant-opentelemetry`; also unchanged and refused ones, no Leases."""
        found = logged_writes(self._tail, containing=_RECEIVED)
        self._seen += [f"{write.verb} {write.what} {write.name}".rstrip() for write in found if write.namespace == self._namespace]
        return tuple(self._seen)
