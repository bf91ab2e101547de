"""Defines when two namespaces have the same state: removes everything that differs between equal runs."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["KINDS", "State", "normalised"]

Manifest = dict[str, Any]
State = dict[str, Manifest]
"""Objects by `kind name`."""

KINDS: Final = ("Secret", "Service", "Ingress", "KongPlugin", "Deployment", "FiddlerKongBinding")

_ASSIGNED: Final = ("uid", "resourceVersion", "creationTimestamp", "generation", "namespace", "selfLink")
"""Metadata that the API server assigns to each new object."""

_LIST: Final = "konghq.com/plugins"

_REVISION: Final = "deployment.kubernetes.io/revision"
"""Number of pod templates that the Deployment controller has seen: one or two for a new gateway, depending on who is faster."""

_CONTROLLERS: Final = frozenset({"kube-controller-manager", "kwok"})
"""Field managers that write at their own pace what a workload's pods do."""

_ADDRESSES: Final = ("clusterIP", "clusterIPs")


def normalised(objects: Iterable[Manifest], namespace: str) -> State:
    """The objects of a namespace, comparable with those of another: names instead of uids, without versions and times."""
    found = sorted(objects, key=lambda manifest: (manifest["kind"], manifest["metadata"]["name"]))
    text = json.dumps([_bare(manifest) for manifest in found], sort_keys=True)
    for manifest in found:  # managedFields refer to an owner by its uid
        text = text.replace(manifest["metadata"]["uid"], f"{manifest['kind']} {manifest['metadata']['name']}")
    return {f"{m['kind']} {m['metadata']['name']}": m for m in json.loads(text.replace(namespace, "NAMESPACE"))}


def _bare(manifest: Mapping[str, Any]) -> Manifest:
    result = copy.deepcopy(dict(manifest))
    metadata = {name: value for name, value in result["metadata"].items() if name not in _ASSIGNED}
    metadata["ownerReferences"] = [f"{o['kind']} {o['name']}" for o in metadata.get("ownerReferences") or ()]
    metadata["managedFields"] = [_ownership(entry) for entry in metadata.get("managedFields") or () if entry["manager"] not in _CONTROLLERS]
    metadata["managedFields"].sort(key=json.dumps)
    metadata["annotations"] = _annotations(metadata.get("annotations") or {})
    metadata["deleting"] = metadata.pop("deletionTimestamp", None) is not None
    result["metadata"] = metadata
    result["spec"] = {name: value for name, value in (result.get("spec") or {}).items() if name not in _ADDRESSES}
    result["status"] = _status(result.get("status") or {}) if result["kind"] == "FiddlerKongBinding" else None
    return result


def _annotations(annotations: Mapping[str, str]) -> dict[str, str]:
    """Sort attachment lists: Kong runs plugins by priority, and the operator appends ours in the order in which they become possible."""
    kept = {name: value for name, value in annotations.items() if name != _REVISION}
    plugins = kept.get(_LIST)
    return kept if plugins is None else {**kept, _LIST: ",".join(sorted(plugins.split(",")))}


def _ownership(entry: Mapping[str, Any]) -> Manifest:
    """The owner of each field."""
    return {name: value for name, value in entry.items() if name != "time"}


def _status(status: Mapping[str, Any]) -> Manifest:
    """The status without transition times. Generations count the user's changes and are kept."""
    conditions = [{k: v for k, v in c.items() if k != "lastTransitionTime"} for c in status.get("conditions") or ()]
    return {**status, "conditions": conditions}
