"""Shows a change in a cluster as a unified diff of YAML that holds no key.

An allow-list decides which fields are shown: those that the operator writes to objects of others, and those that it manages in its own.
Values of Secrets are redacted, and values that another client added to an object of the operator.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.kube.overlay import Change
from fiddler_kong_operator.observe.kinds.children import is_managed
from fiddler_kong_operator.plan.gateway.env import SETTINGS, starts_with
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import BINDING, SECRET
from fiddler_kong_operator.plan.objects.digest import LABELS, controllers, managed_annotations, managed_content

from .offline import REDACTED
from .render import print_yaml

__all__ = ["diff", "restarts", "verb"]

CHANGES: Final = f"{REDACTED} (changes)"
"""Shown for the new value of an entry in a Secret, if it changes."""


def diff(change: Change) -> list[str]:
    """The lines of a unified diff; none where only fields differ that the operator does not decide, such as a status."""
    before, after = _lines(_before(change)), _lines(_after(change))
    sides = (f"live/{change.key}" if before else "/dev/null", f"planned/{change.key}" if after else "/dev/null")
    return [line.removesuffix("\n") for line in difflib.unified_diff(before, after, *sides, n=5)]


def verb(change: Change) -> str:
    """`created`, `changed` or `deleted`."""
    return "created" if change.before is None else "deleted" if change.after is None else "changed"


def restarts(change: Change) -> bool:
    """Whether the change replaces a gateway's pods."""
    row = WORKLOADS.get(change.key.kind)
    return bool(row and change.before and change.after and row.pod_template(change.before) != row.pod_template(change.after))


def _lines(shown: Manifest | None) -> list[str]:
    return print_yaml([shown]).splitlines(keepends=True) if shown else []


def _before(change: Change) -> Manifest | None:
    """The live object: its identity if it is to be deleted, else the fields for which the planned object has a value too.

    Other values are redacted, because a person may have put a key into such a field.
    """
    shown = _shown(change.before)
    if shown is None or shown["kind"] == BINDING.name:
        return shown
    if change.after is None:
        return {name: shown[name] for name in ("apiVersion", "kind", "metadata", "plugin") if name in shown}
    return _known(shown, _shown(change.after)) if is_managed(change.after) else shown


def _after(change: Change) -> Manifest | None:
    """The planned object, with `CHANGES` for each value of a Secret that changes."""
    shown, present = _shown(change.after), (change.before or {}).get("data") or {}
    if shown and change.after and "data" in shown:
        shown["data"] |= {name: CHANGES for name, value in change.after["data"].items() if present.get(name, value) != value}
    return shown


def _known(found: Any, wanted: Any) -> Any:
    if isinstance(found, dict) and isinstance(wanted, dict):
        return {name: _known(value, wanted.get(name)) for name, value in found.items()}
    if isinstance(found, list) and isinstance(wanted, list):
        return [_known(value, wanted[place] if place < len(wanted) else None) for place, value in enumerate(found)]
    return REDACTED if wanted is None or isinstance(wanted, (dict, list)) else found


def _shown(manifest: Manifest | None) -> Manifest | None:
    """The part of an object that is shown."""
    if manifest is None:
        return None
    metadata = {name: manifest["metadata"][name] for name in ("name", "namespace")}
    shown = {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": metadata}
    if manifest["kind"] == BINDING.name:
        return {**shown, "metadata": {**metadata, "finalizers": manifest["metadata"].get("finalizers") or []}}
    if manifest["kind"] in WORKLOADS:
        return _workload(manifest, shown)
    if not is_managed(manifest):
        return {**shown, "metadata": {**metadata, **_annotations(manifest, names.KONG_PLUGINS_ANNOTATION)}}
    return {**shown, "metadata": {**metadata, **_managed(manifest["metadata"])}, **_content(manifest)}


def _managed(metadata: Mapping[str, Any]) -> Manifest:
    labels = {name: value for name, value in (metadata.get("labels") or {}).items() if name in LABELS}
    annotations = managed_annotations(metadata)
    return {
        **({"annotations": annotations} if annotations else {}),
        "labels": labels,
        "ownerReferences": [
            {field: owner.get(field) for field in ("kind", "name")}
            for owner in metadata.get("ownerReferences") or ()
            if owner.get("uid") in controllers(metadata)
        ],
    }


def _workload(manifest: Manifest, shown: Manifest) -> Manifest:
    row = WORKLOADS[manifest["kind"]]
    containers = [{"name": c["name"], "env": env} for c in row.pod(manifest).get("containers") or () if (env := list(_settings(c)))]
    noted = {"annotations": former} if (former := _former(manifest["metadata"].get("annotations") or {})) else {}
    pod = row.with_pod({"containers": containers}) if containers else {}
    return {**shown, "metadata": {**shown["metadata"], **noted}, **pod}


def _settings(container: Mapping[str, Any]) -> Iterator[Manifest]:
    for entry in container.get("env") or ():
        if entry["name"] in SETTINGS:
            yield {"name": entry["name"], "value": REDACTED if entry.get("valueFrom") else _value(entry["name"], entry.get("value", ""))}


def _value(name: str, value: Any) -> str:
    """A value that Kong starts with is no key."""
    return value if isinstance(value, str) and starts_with(name, value) else REDACTED


def _former(annotations: Mapping[str, str]) -> Manifest:
    """The operator's note of the settings that it took over."""
    try:
        noted = json.loads(annotations.get(names.FORMER_SETTINGS_ANNOTATION, "{}"))
        content = {c: {n: _value(n, v) for n, v in env.items() if n in SETTINGS} for c, env in noted.items()}
    except (AttributeError, ValueError):
        return {names.FORMER_SETTINGS_ANNOTATION: REDACTED}
    return {names.FORMER_SETTINGS_ANNOTATION: json.dumps(content)} if content else {}


def _annotations(manifest: Manifest, name: str) -> Manifest:
    value = (manifest["metadata"].get("annotations") or {}).get(name)
    return {} if value is None else {"annotations": {name: value}}


def _content(manifest: Manifest) -> Manifest:
    content = managed_content(manifest)
    if manifest["kind"] == SECRET.name:
        return {"type": content.get("type"), "data": dict.fromkeys(content.get("data") or {}, REDACTED)}
    return content
