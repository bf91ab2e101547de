"""From a raw Deployment to the `Workload` of `plan.snapshot`: KONG_* settings, who owns them, and how far its rollout is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from sys import intern
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.snapshot import Container, EnvEntry, Rollout, Workload

__all__ = ["is_borrowed", "reduce_rollout", "reduce_workload"]

IMAGE_LIMIT: Final = 1024
"""Characters of an image reference that are kept, as many as a status has room for. Kubernetes sets no limit; real ones have below 400."""

_SETTING: Final = "KONG_"
_TEMPLATE: Final = ("f:spec", "f:template", "f:spec", "f:containers")
_ITEM: Final = "k:"
_VALUES: Final = ("f:value", "f:valueFrom")


def reduce_workload(key: ObjectKey, raw: Manifest) -> Workload:
    """The workload without anything but what decides about the gateway."""
    metadata = raw["metadata"]
    annotations = metadata.get("annotations") or {}
    pod = ((raw.get("spec") or {}).get("template") or {}).get("spec") or {}
    return Workload(
        key=key,
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        containers=tuple(_container(c) for c in pod.get("containers") or ()),
        rollout=reduce_rollout(raw),
        grant=annotations.get(names.GRANT_ANNOTATION),
        former=annotations.get(names.FORMER_SETTINGS_ANNOTATION),
        labels=dict(metadata.get("labels") or {}),
        owner_kinds=frozenset(r["kind"] for r in metadata.get("ownerReferences") or ()),
        env_managers=_env_managers(metadata),
        borrowed=is_borrowed(raw),
    )


def is_borrowed(raw: Manifest) -> bool:
    """One of our field managers owns something: by server-side apply, or, until giving back is over, by the patch that restores.

    An entry without fields is what giving back leaves for a moment.
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


def _env_managers(metadata: Mapping[str, Any]) -> dict[tuple[str, str], frozenset[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for entry in metadata.get("managedFields") or ():
        if entry.get("subresource"):
            continue
        for owned in _owned_settings(entry.get("fieldsV1") or {}):
            found.setdefault(owned, set()).add(intern(entry.get("manager") or ""))
    return {owned: frozenset(managers) for owned, managers in found.items()}


def _owned_settings(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(container, env name) of each KONG_* value in a fieldsV1 set, whose items read `k:{"name":"proxy"}`."""
    for step in _TEMPLATE:
        fields = fields.get(step) or {}
    for container, content in _items(fields):
        for setting, owned in _items(content.get("f:env") or {}):
            if setting.startswith(_SETTING) and any(value in owned for value in _VALUES):
                yield intern(container), intern(setting)


def _items(fields: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for step, content in fields.items():
        if step.startswith(_ITEM):
            yield str(json.loads(step.removeprefix(_ITEM)).get("name", "")), content


def reduce_rollout(raw: Manifest) -> Rollout:
    """Progress, judged as `kubectl rollout status` does; a paused Deployment makes none.

    Messages carry no counts: they end up in the status of every binding of the gateway, and each change would be a write to all of them.
    """
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    ready = (status.get("availableReplicas") or 0) > 0
    if (status.get("observedGeneration") or 0) < (raw["metadata"].get("generation") or 0):
        return Rollout(complete=False, ready=ready, message="The newest template has not been taken up yet.")
    if _deadline_exceeded(status):
        return Rollout(complete=False, ready=ready, message="The rollout exceeded its progress deadline.")
    if _unfinished(spec, status):
        message = "The rollout is paused (spec.paused)." if spec.get("paused") else "Pods are being replaced."
        return Rollout(complete=False, ready=ready, message=message)
    return Rollout(complete=True, ready=ready)


def _deadline_exceeded(status: Mapping[str, Any]) -> bool:
    conditions = status.get("conditions") or ()
    return any(c.get("type") == "Progressing" and c.get("reason") == "ProgressDeadlineExceeded" for c in conditions)


def _unfinished(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    wanted = spec.get("replicas", 1)
    updated = status.get("updatedReplicas") or 0
    return bool(updated < wanted or (status.get("replicas") or 0) > updated or (status.get("availableReplicas") or 0) < updated)
