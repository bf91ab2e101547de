"""The workloads that run Kong: KONG_* settings, their field managers, and the progress of the rollout."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.records import Records
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS, WorkloadKind
from fiddler_kong_operator.plan.snapshot import Container, EnvEntry, Workload

from .contract import WATCH_VERBS, WatchedKind, changed

__all__ = ["WORKLOAD_KINDS", "is_borrowed", "reduce_workload"]

IMAGE_LIMIT: Final = 1024
"""Characters of an image reference that are kept, as many as a status has room for. Kubernetes sets no limit; real ones have below 400."""

_SETTING: Final = "KONG_"
_ITEM: Final = "k:"
_VALUES: Final = ("f:value", "f:valueFrom")


def reduce_workload(key: ObjectKey, raw: Manifest, _known: object = None, kinds: Mapping[str, WorkloadKind] = WORKLOADS) -> Workload:
    """Keep only the facts of a workload that the decisions about the gateway need."""
    kind = kinds[key.kind]
    metadata = raw["metadata"]
    annotations = metadata.get("annotations") or {}
    return Workload(
        key=key,
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        containers=tuple(_container(c) for c in kind.pod(raw).get("containers") or ()),
        rollout=kind.rollout(raw),
        grant=annotations.get(names.GRANT_ANNOTATION),
        former=annotations.get(names.FORMER_SETTINGS_ANNOTATION),
        labels=dict(metadata.get("labels") or {}),
        owner_kinds=frozenset(r["kind"] for r in metadata.get("ownerReferences") or ()),
        env_managers=_env_managers(kind, metadata),
        borrowed=is_borrowed(raw),
    )


def is_borrowed(raw: Manifest) -> bool:
    """Whether one of our field managers owns something: by server-side apply, or by the patch that restores former values.

    An entry without fields does not count: releasing the settings leaves one for a moment.
    """
    entries = raw["metadata"].get("managedFields") or ()
    owners = {(entry.get("manager"), entry.get("operation")) for entry in entries if entry.get("fieldsV1")}
    return not owners.isdisjoint({(names.FIELD_MANAGER, "Apply"), (names.RESTORING_MANAGER, "Update")})


def _container(raw: Mapping[str, Any]) -> Container:
    entries = (entry for entry in raw.get("env") or () if entry["name"].startswith(_SETTING))
    image = (raw.get("image") or "")[:IMAGE_LIMIT]
    return Container(raw["name"], image if image.isprintable() else "", tuple(_entry(entry) for entry in entries))


def _entry(raw: Mapping[str, Any]) -> EnvEntry:
    """An entry with neither value nor source has the empty value, as in a running container."""
    if raw.get("valueFrom"):
        return EnvEntry(raw["name"], None, from_source=True)
    return EnvEntry(raw["name"], raw.get("value") or "")


def _env_managers(kind: WorkloadKind, metadata: Mapping[str, Any]) -> dict[tuple[str, str], frozenset[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for entry in metadata.get("managedFields") or ():
        if entry.get("subresource"):
            continue
        for owned in _owned_settings(kind.owned_pod_fields(entry.get("fieldsV1") or {})):
            found.setdefault(owned, set()).add(entry.get("manager") or "")
    return {owned: frozenset(managers) for owned, managers in found.items()}


def _owned_settings(pod_fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(container, env name) of each KONG_* value in a fieldsV1 set, whose items read `k:{"name":"proxy"}`."""
    for container, content in _items(pod_fields.get("f:containers") or {}):
        for setting, owned in _items(content.get("f:env") or {}):
            if setting.startswith(_SETTING) and any(value in owned for value in _VALUES):
                yield container, setting


def _items(fields: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for step, content in fields.items():
        if step.startswith(_ITEM):
            yield str(json.loads(step.removeprefix(_ITEM)).get("name", "")), content


def _triggers(records: Records, key: ObjectKey, old: Workload | None, new: Workload | None) -> Iterator[ObjectKey]:
    if changed(old, new):
        yield key
        yield from records.indexes.wanted_by[key]


def _keep(workload: Workload) -> bool:
    return workload.borrowed


def _row(workload: WorkloadKind) -> WatchedKind:
    return WatchedKind(
        kind=workload.kind,
        reduce=reduce_workload,
        triggers=_triggers,
        keep=_keep,
        verbs=(*WATCH_VERBS, "patch"),
        why="Read the gateway's rollout; apply the three tracing settings.",
    )


WORKLOAD_KINDS: Final = tuple(map(_row, WORKLOADS.values()))
"""One row for each kind of workload that can run Kong."""
