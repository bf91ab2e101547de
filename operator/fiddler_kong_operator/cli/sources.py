"""Recognizes the tool that an object comes from, and that may create it again after a deletion, by the marks that the tool leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fiddler_kong_operator.kube.objects import Manifest

__all__ = ["source_of"]

_MANAGERS: Final = {"argocd-controller": "Argo CD", "helm-controller": "Flux", "kustomize-controller": "Flux"}
"""The field managers of tools whose other marks may be configured away."""


def source_of(raw: Manifest) -> str | None:
    """The tool, and its name for the object's source if a mark has one; None where no mark is found."""
    return next(_sources(raw["metadata"]), None)


def _sources(metadata: dict[str, Any]) -> Iterator[str]:
    labels, annotations = (metadata.get(name) or {} for name in ("labels", "annotations"))
    if tracked := annotations.get("argocd.argoproj.io/tracking-id"):
        yield f"Argo CD application {tracked.partition(':')[0]}"
    for group, kind in (("kustomize", "Kustomization"), ("helm", "HelmRelease")):
        if name := labels.get(f"{group}.toolkit.fluxcd.io/name"):
            yield f"Flux {kind} {labels.get(f'{group}.toolkit.fluxcd.io/namespace', '')}/{name}"
    if owner := labels.get("olm.owner"):
        yield f"OLM's ClusterServiceVersion {labels.get('olm.owner.namespace', '')}/{owner}"
    managers = (entry.get("manager") for entry in metadata.get("managedFields") or ())
    yield from (_MANAGERS[manager] for manager in managers if manager in _MANAGERS)
    if release := annotations.get("meta.helm.sh/release-name"):
        yield f"Helm release {annotations.get('meta.helm.sh/release-namespace', '')}/{release}"
