"""The kinds of workloads that run Kong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.records import Indexes, Records
from fiddler_kong_operator.observe.workloads import reduce_workload
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS, WorkloadKind
from fiddler_kong_operator.plan.snapshot import Workload

from .contract import WATCH_VERBS, WatchedKind, changed

__all__ = ["WORKLOAD_KINDS"]


def _reduce(key: ObjectKey, raw: Manifest, _known: object = None) -> Workload:
    return reduce_workload(key, raw)


def _index(_indexes: Indexes, _key: ObjectKey, _old: Workload | None, _new: Workload | None) -> None:
    """Workloads refer to nothing."""


def _triggers(records: Records, key: ObjectKey, old: Workload | None, new: Workload | None) -> Iterator[ObjectKey]:
    if changed(old, new):
        yield key
        yield from records.indexes.wanted_by[key]


def _is_borrowed(workload: Workload) -> bool:
    return workload.borrowed


def _row(workload: WorkloadKind) -> WatchedKind:
    return WatchedKind(
        kind=workload.kind,
        reduce=_reduce,
        index=_index,
        triggers=_triggers,
        keep=_is_borrowed,
        verbs=(*WATCH_VERBS, "patch"),
        why="Read the gateway's rollout; apply the three tracing settings.",
    )


WORKLOAD_KINDS: Final = tuple(map(_row, WORKLOADS.values()))
"""One row for each kind of workload that can run Kong."""
