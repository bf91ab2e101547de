"""Counts the operator's writes in the API server's audit log, from the creation of the reader on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from devcluster.audit import LogTail
from devcluster.operator_process import USER

__all__ = ["AuditTail"]


class AuditTail:
    """Reads the audit log from its present end on, since the log grows large over hundreds of runs."""

    def __init__(self, path: Path, namespace: str) -> None:
        """Only the operator's requests in `namespace` count."""
        self._tail = LogTail(path, from_end=True)
        self._namespace = namespace
        self._seen: list[str] = []

    def writes(self) -> tuple[str, ...]:
        """Every write received so far, such as `patch kongplugins assistant-opentelemetry`; also unchanged and refused ones, no Leases."""
        for line in self._tail.lines():
            self._take(line)
        return tuple(self._seen)

    def _take(self, line: bytes) -> None:
        if b'"RequestReceived"' not in line or USER.encode() not in line or not line.startswith(b"{"):
            return
        event: dict[str, Any] = json.loads(line)
        target = event.get("objectRef") or {}
        if event["user"]["username"] == USER and target.get("namespace") == self._namespace and target.get("resource") != "leases":
            what = "/".join(filter(None, [target.get("resource"), target.get("subresource")]))
            self._seen.append(f"{event['verb']} {what} {target.get('name', '')}".rstrip())
