"""Kong's words about its exporter, in the log of a gateway's pod. Pure.

The lines come from Kong's queue (kong/tools/queue.lua) and name the plugin. They may quote an answer's body, so none is kept: only how
often a trouble occurs, and an HTTP status.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from fiddler_kong_operator.kube.objects import ObjectKey

from .evidence import Export

__all__ = ["read_log"]

_PLUGIN: Final = "opentelemetry"
_FAILED: Final = re.compile(r"could not process entries: (?:.*?response error: (\d{3})\b)?")
_DROPPED: Final = re.compile(r"queue entries were lost|queue full, dropping")

_UNAUTHORIZED: Final = frozenset({"401", "403"})
_RATE_LIMITED: Final = "429"
_NOT_TAKEN: Final = frozenset("123")
"""First digits of answers that name no fault. Kong takes only 200 for a success, and sends the batch again after any other."""


def read_log(pod: ObjectKey, text: str) -> Export:
    """The troubles of the exporter in these lines."""
    counts: Counter[str] = Counter()
    statuses: dict[str, str] = {}
    for line in (line for line in text.splitlines() if _PLUGIN in line):
        if failed := _FAILED.search(line):
            name = _trouble(failed[1])
            counts[name] += 1
            statuses |= {name: failed[1]} if failed[1] else {}
        elif _DROPPED.search(line):
            counts["SpansDropped"] += 1
    return Export(pod, dict(counts), statuses)


def _trouble(status: str | None) -> str:
    if status is None:
        return "ExportUnreachable"
    if status in _UNAUTHORIZED:
        return "ExportUnauthorized"
    if status[0] in _NOT_TAKEN:
        return "ExportNotTaken"
    return "ExportRefused" if status.startswith("4") and status != _RATE_LIMITED else "ExportFailing"
