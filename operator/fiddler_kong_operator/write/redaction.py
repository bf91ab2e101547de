"""Redacts a binding's keys from errors."""

from __future__ import annotations

from fiddler_kong_operator.kube import redaction
from fiddler_kong_operator.plan.snapshot import Snapshot

__all__ = ["redact"]


def redact(text: str, snapshot: Snapshot) -> str:
    """The text with the snapshot's keys redacted, in every encoding."""
    return redaction.redact(text, (value for values in snapshot.secrets.values() for value in (values or {}).values()))
