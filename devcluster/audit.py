"""Counts the writes to the API server, with user and object, from the API server's own audit log.

Every request that is not a read is logged twice: when it is received (before anything happens) and when it is answered. An answered
request is therefore always in the log, and an unfinished one is recognised: `writes` waits for it and misses nothing.

A cluster started with `audit_reads` also logs the reads of service accounts: `requests` returns every request of a program.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from .errors import DevClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["AUDIT_POLICY", "LogTail", "Mark", "Write", "WriteLog", "audit_policy"]

AUDIT_POLICY: Final[dict[str, Any]] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "rules": [{"level": "None", "verbs": ["get", "list", "watch"]}, {"level": "None", "nonResourceURLs": ["*"]}, {"level": "Metadata"}],
}
"""Logs the metadata of every request but reads, and never a body, so that no key gets into the log."""

_CREDENTIAL: Final = "authentication.kubernetes.io/credential-id"
_READS: Final = frozenset({"get", "list", "watch"})
_ANSWER_SECONDS: Final = 60.0
_RECEIVED: Final = "RequestReceived"


def audit_policy(*, reads: bool) -> dict[str, Any]:
    """The audit policy: `AUDIT_POLICY`, with `reads` extended by every request of service accounts."""
    everything = {"level": "Metadata", "userGroups": ["system:serviceaccounts"]}
    return {**AUDIT_POLICY, "rules": [everything, *AUDIT_POLICY["rules"]]} if reads else AUDIT_POLICY


@dataclass(frozen=True)
class Write:
    """One request; only `requests` returns reads. `code` is the HTTP status, also of refused and unchanged writes."""

    user: str
    credential: str
    """Id of a service account's token, which distinguishes two processes of one account; "" for other users."""
    verb: str
    """create, update, patch, delete or deletecollection (get, list or watch of a read); a server-side apply is a `patch`."""
    group: str
    resource: str
    """Plural, such as `deployments`."""
    subresource: str
    namespace: str
    name: str
    code: int
    field_manager: str
    """As given in the request, else the first part of the user agent, which the API server uses by default."""
    user_agent: str
    dry_run: bool
    at: float
    """Seconds since the epoch at which the request was received."""

    def __str__(self) -> str:
        """`patch kongplugins.configuration.konghq.com ai/assistant-opentelemetry by operator -> 200`."""
        resource = ".".join(filter(None, [self.resource, self.group]))
        what = "/".join(filter(None, [resource, self.subresource]))
        return f"{self.verb} {what} {'/'.join(filter(None, [self.namespace, self.name]))} by {self.user} -> {self.code}"


@dataclass(frozen=True)
class Mark:
    """A point in the log; see `WriteLog.mark`."""

    position: int


class LogTail:
    """Reads a growing log: every complete line, once."""

    def __init__(self, path: Path, *, from_end: bool = False) -> None:
        """The file need not exist yet. `from_end` skips the lines that exist already."""
        self._path = path
        self._offset = path.stat().st_size if from_end else 0

    def lines(self) -> list[bytes]:
        """The lines that were added since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            text = stream.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._offset += len(complete)
        return complete.splitlines()


class WriteLog:
    """The writes of one cluster since its start, in the order in which the API server received them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tail = LogTail(path)
        self._received: list[str] = []
        self._unanswered: set[str] = set()
        self._answered: dict[str, Write] = {}

    def mark(self) -> Mark:
        """Return the present end of the log: every write sent from now on comes after it."""
        self._read()
        return Mark(len(self._received))

    def writes(self, *, user: str | None = None, since: Mark | None = None) -> tuple[Write, ...]:
        """Return all writes after `since` (default: the start), of one user or of all, once those in flight are answered.

        A service account's user is `system:serviceaccount:<namespace>:<name>`. DevClusterError when a write stays unanswered.
        """
        return tuple(request for request in self.requests(user=user, since=since) if request.verb not in _READS)

    def requests(self, *, user: str | None = None, since: Mark | None = None) -> tuple[Write, ...]:
        """Like `writes`, with the reads of service accounts if the cluster was started with `audit_reads`."""
        start, end = since.position if since else 0, self._await_answers()
        found = (self._answered[audit_id] for audit_id in self._received[start:end])
        return tuple(request for request in found if user is None or request.user == user)

    def _await_answers(self) -> int:
        """Wait until every request received so far is answered; returns their number."""
        deadline = time.monotonic() + _ANSWER_SECONDS
        self._read()
        wanted, awaited = len(self._received), frozenset(self._unanswered)
        while not awaited.isdisjoint(self._unanswered):
            if time.monotonic() > deadline:
                raise DevClusterError(f"A write has not been answered within {_ANSWER_SECONDS:.0f} s; see {self._path}.")
            time.sleep(0.02)
            self._read()
        return wanted

    def _read(self) -> None:
        for line in self._tail.lines():
            self._add(json.loads(line))

    def _add(self, event: Mapping[str, Any]) -> None:
        if event["stage"] == _RECEIVED:
            self._received.append(event["auditID"])
            self._unanswered.add(event["auditID"])
        else:
            self._unanswered.discard(event["auditID"])
            self._answered[event["auditID"]] = _write(event)


def _write(event: Mapping[str, Any]) -> Write:
    target = event.get("objectRef") or {}
    query = parse_qs(urlsplit(event["requestURI"]).query)
    agent = event.get("userAgent", "")
    return Write(
        user=event["user"]["username"],
        credential=next(iter((event["user"].get("extra") or {}).get(_CREDENTIAL) or ()), ""),
        verb=event["verb"],
        group=target.get("apiGroup", ""),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=int((event.get("responseStatus") or {}).get("code", 0)),
        field_manager=query.get("fieldManager", [agent.partition("/")[0]])[0],
        user_agent=agent,
        dry_run="dryRun" in query,
        at=datetime.fromisoformat(event["requestReceivedTimestamp"]).timestamp(),
    )
