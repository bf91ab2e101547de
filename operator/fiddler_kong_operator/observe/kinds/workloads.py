"""The workloads that run Kong: KONG_* settings, their field managers, and the progress of the rollout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.observe.records import Records
from fiddler_kong_operator.plan.gateway.operated import parent_of
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS, WorkloadKind, is_taken_up
from fiddler_kong_operator.plan.objects.digest import content_digest, controllers
from fiddler_kong_operator.plan.workload import Container, EnvEntry, EnvSource, Rollout, Workload

from .contract import WATCH_VERBS, Urgency, WatchedKind, changed, prompt
from .lineage import concerned, index_lineage, relatives

__all__ = ["MOMENT", "WORKLOAD_KINDS", "is_borrowed", "read_container", "reduce_workload", "rollout_urgency"]

IMAGE_LIMIT: Final = 1024
"""Characters of an image reference that are kept, as many as fit into a status. Kubernetes sets no limit; real ones have fewer than 400."""

REPLACED_LIMIT: Final = 8
"""Older templates of one unfinished rollout that are remembered."""

MOMENT: Final = 2.0
"""Seconds for which a gateway must be without a ready pod, or with old pods, before its bindings say so."""

_PROGRESS: Final = ("generation", "template", "taken_up")
"""Fields by which the rollout is judged when the workload is observed; no decision reads them."""

_SETTING: Final = "KONG_"
_READ: Final = (_SETTING, "CONTROLLER_KONG_ADMIN")
_ITEM: Final = "k:"
_VALUES: Final = ("f:value", "f:valueFrom")

_REFERENCE: Final = re.compile(r"(?<!\$)(?:\$\$)*\$\([^)]*\)")
"""`$(NAME)` in a value. `$$(NAME)` is an escaped one, which stands for the text `$(NAME)` (Kubernetes API, EnvVar)."""


def reduce_workload(
    key: ObjectKey, raw: Manifest, known: Workload | None = None, kinds: Mapping[str, WorkloadKind] = WORKLOADS
) -> Workload:
    """Keep only the facts of a workload that the decisions about the gateway need. `known` tells which templates its pods may still run."""
    kind = kinds[key.kind]
    metadata = raw["metadata"]
    annotations = metadata.get("annotations") or {}
    template = content_digest({"template": kind.pod_template(raw)})
    before = known if known and known.uid == metadata.get("uid", "") else None
    taken_up = kind.operated or is_taken_up(raw) or (before is not None and before.taken_up and before.template == template)
    rollout = kind.rollout(raw) if taken_up else _outdated(kind.rollout(raw))
    containers = tuple(read_container(c) for c in kind.pod(raw).get("containers") or ())
    return Workload(
        key=key,
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        containers=containers,
        rollout=rollout,
        init_containers=tuple(c["name"] for c in kind.pod(raw).get("initContainers") or ()),
        grant=annotations.get(names.GRANT_ANNOTATION),
        former=annotations.get(names.FORMER_SETTINGS_ANNOTATION),
        labels=dict(metadata.get("labels") or {}),
        owners={owner["kind"]: owner["name"] for owner in metadata.get("ownerReferences") or ()},
        controllers=frozenset(controllers(metadata)),
        env_managers=_env_managers(kind, metadata),
        borrowed=is_borrowed(raw),
        template=template,
        taken_up=taken_up,
        replaced=() if rollout.complete else _replaced(before, containers),
        operated=kind.operated,
    )


def _outdated(rollout: Rollout) -> Rollout:
    """The rollout of the newest template, as far as a status about an earlier one tells it."""
    return replace(rollout, complete=False, halt=None if rollout.halt and rollout.halt.reported else rollout.halt)


def _replaced(before: Workload | None, containers: tuple[Container, ...]) -> tuple[tuple[Container, ...], ...] | None:
    """The containers of the templates that pods may still run besides the newest; None where the operator did not see them change."""
    if before is None or before.replaced is None:
        return None
    replaced = tuple(c for c in dict.fromkeys((*before.replaced, before.containers)) if c != containers)
    return replaced if len(replaced) <= REPLACED_LIMIT else None


def is_borrowed(raw: Manifest) -> bool:
    """Whether one of our field managers owns something: by server-side apply, or by the patch that restores former values.

    An entry without fields does not count: releasing the settings leaves one for a moment.
    """
    entries = raw["metadata"].get("managedFields") or ()
    owners = {(entry.get("manager"), entry.get("operation")) for entry in entries if entry.get("fieldsV1")}
    return not owners.isdisjoint({(names.FIELD_MANAGER, "Apply"), (names.RESTORING_MANAGER, "Update")})


def read_container(raw: Mapping[str, Any]) -> Container:
    """A container of a pod template, or of a pod, with the env that decisions need."""
    entries = (entry for entry in raw.get("env") or () if entry["name"].startswith(_READ))
    sources = (source for entry in raw.get("envFrom") or () if (source := _source(entry)))
    image = (raw.get("image") or "")[:IMAGE_LIMIT]
    return Container(raw["name"], image if image.isprintable() else "", tuple(map(_entry, entries)), tuple(sources))


def _source(raw: Mapping[str, Any]) -> EnvSource | None:
    """An entry of envFrom; None where its prefix keeps it from setting anything of Kong's."""
    prefix = raw.get("prefix") or ""
    if not (prefix.startswith(_SETTING) or _SETTING.startswith(prefix)):
        return None
    kind = "Secret" if raw.get("secretRef") else "ConfigMap"
    return EnvSource(f"{kind} {(raw.get('secretRef') or raw.get('configMapRef') or {}).get('name', '')}", prefix)


def _entry(raw: Mapping[str, Any]) -> EnvEntry:
    """An entry with neither value nor source has the empty value, as in a running container.

    A value with `$(NAME)` has a source too: the kubelet puts another variable into it.
    """
    value = raw.get("value") or ""
    if raw.get("valueFrom"):
        return EnvEntry(raw["name"], None, from_source=True)
    if _REFERENCE.search(value, 0, value.rfind(")") + 1):  # without a `)`, a long value of many `$(` would take minutes
        return EnvEntry(raw["name"], None, from_source=True, written=value)
    return EnvEntry(raw["name"], value)


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
    if changed(old, new, *_PROGRESS):
        yield key
        yield from concerned(records, (key, *relatives(records, key, old, new)))


def rollout_urgency(old: Any, new: Any) -> Urgency:
    """The progress of a rollout changes the status of every binding of the gateway, and nothing else: people's changes go first.

    A rollout that gets worse must stay so for `MOMENT` seconds, so that a pod that comes back within them costs no write.
    """
    known = isinstance(old, Workload) and isinstance(new, Workload)
    if not known or changed(old, new, "rollout", "replaced", *_PROGRESS):
        return prompt(old, new)
    worse = (old.rollout.ready and not new.rollout.ready) or (old.rollout.complete and not new.rollout.complete)
    return Urgency(Lane.BACKGROUND, MOMENT if worse else 0.0)


def _keep(workload: Workload) -> bool:
    return workload.borrowed or workload.operated or parent_of(workload) is not None


def _row(workload: WorkloadKind) -> WatchedKind:
    return WatchedKind(
        kind=workload.kind,
        reduce=reduce_workload,
        triggers=_triggers,
        index=index_lineage,
        keep=_keep,
        urgency=rollout_urgency,
        verbs=(*WATCH_VERBS, "patch"),
        why="Read the gateway's rollout; apply the three tracing settings.",
        optional=workload.operated,
    )


WORKLOAD_KINDS: Final = tuple(map(_row, WORKLOADS.values()))
"""One row for each kind of workload that can run Kong."""
