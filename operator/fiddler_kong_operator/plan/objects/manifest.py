"""One desired object: identity, labels, owner and digest around its content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.kinds import BINDING, KINDS
from fiddler_kong_operator.plan.snapshot import Binding

from .desired import Desired
from .digest import content_digest

__all__ = ["build_desired", "canonical"]


def build_desired(
    binding: Binding,
    key: ObjectKey,
    content: Manifest,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Desired:
    """One object owned by a binding, with labels and annotations beside those that every child has.

    `content` is all but apiVersion, kind and metadata, as an API server would return it: see `canonical`.
    """
    metadata: Manifest = {
        "name": key.name,
        "namespace": key.namespace,
        "labels": {names.MANAGED_BY_LABEL: names.APPLICATION, names.BINDING_LABEL: binding.name, **(labels or {})},
        **({"annotations": dict(annotations)} if annotations else {}),
        "ownerReferences": [_owner(binding)],
    }
    manifest = {"apiVersion": KINDS[key.kind].api_version, "kind": key.kind, "metadata": metadata, **content}
    return Desired(key, manifest, content_digest(manifest))


def canonical(value: Any) -> Any:
    """A JSON value as an API server returns it: it writes `1.0` as `1`, which would otherwise always look like drift."""
    if isinstance(value, dict):
        return {name: canonical(item) for name, item in value.items()}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _owner(binding: Binding) -> Manifest:
    """Without `blockOwnerDeletion`: OpenShift permits that only to an account that may update the owner's finalizers."""
    return {
        "apiVersion": BINDING.api_version,
        "kind": names.KIND,
        "name": binding.name,
        "uid": binding.uid,
        "controller": True,
    }
