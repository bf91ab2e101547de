"""One desired object: identity, labels, owner and digest around its content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.snapshot import Binding

from .desired import Desired
from .digest import content_digest

__all__ = ["build_desired", "canonical"]

_API_VERSIONS: Final[Mapping[str, str]] = {
    "Secret": "v1",
    "Service": "v1",
    "Ingress": "networking.k8s.io/v1",
    "KongPlugin": f"{names.KONG_GROUP}/v1",
}


def build_desired(
    binding: Binding, kind: str, name: str, content: Manifest, metadata: Mapping[str, Mapping[str, str]] | None = None
) -> Desired:
    """One object owned by a binding. `metadata` may add labels and annotations.

    `content` is all but apiVersion, kind and metadata, as an API server would give it back: see `canonical`.
    """
    extra = metadata or {}
    labels = {names.MANAGED_BY_LABEL: names.APPLICATION, names.BINDING_LABEL: binding.name, **extra.get("labels", {})}
    annotations = {"annotations": dict(extra["annotations"])} if "annotations" in extra else {}
    manifest = {
        "apiVersion": _API_VERSIONS[kind],
        "kind": kind,
        "metadata": {"name": name, "namespace": binding.namespace, "labels": labels, **annotations, "ownerReferences": [_owner(binding)]},
        **content,
    }
    return Desired(ObjectKey(kind, binding.namespace, name), manifest, content_digest(manifest))


def canonical(value: Any) -> Any:
    """A JSON value as an API server gives it back: it writes `1.0` as `1`, which would otherwise look like drift for ever."""
    if isinstance(value, dict):
        return {name: canonical(item) for name, item in value.items()}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _owner(binding: Binding) -> Manifest:
    return {
        "apiVersion": f"{names.GROUP}/{names.VERSION}",
        "kind": names.KIND,
        "name": binding.name,
        "uid": binding.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
