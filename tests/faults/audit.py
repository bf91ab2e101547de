"""The API server's own count of the operator's writes: what it received, from the moment this reader was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from devcluster.audit import LogTail
from devcluster.operator_process import USER

__all__ = ["AuditTail"]


class AuditTail:
    """Reads the audit log from its present end on; it grows large over hundreds of runs."""

    def __init__(self, path: Path, namespace: str) -> None:
        """Of the operator's requests only those in `namespace` count."""
        self._tail = LogTail(path, from_end=True)
        self._namespace = namespace
        self._seen: list[str] = []

    def writes(self) -> tuple[str, ...]:
        """Every write received so far, as `patch kongplugins assistant-opentelemetry`; unchanged and refused ones too, Leases not."""
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
