"""How GitOps tools write: under which field manager, by which request, and what they see as a difference."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from devcluster.errors import ApiError
from fiddler_kong_operator.plan.kinds import BINDING
from tests.integration.arena import Arena, Manifest

__all__ = ["ARGO_CLIENT_SIDE", "ARGO_REPLACE", "ARGO_SERVER_SIDE", "FLUX_HELM", "FLUX_KUSTOMIZE", "WAYS", "Way", "differences"]

APPLY: Final = "application/apply-patch+yaml"
STRATEGIC: Final = "application/strategic-merge-patch+json"
MERGE: Final = "application/merge-patch+json"
"""The form of a client-side apply to a custom resource."""

_ASSIGNED: Final = ("managedFields", "resourceVersion", "generation", "finalizers", "uid", "creationTimestamp")
"""Metadata that no comparison takes into account: of the server, and finalizers, which a replacement drops."""


@dataclass(frozen=True)
class Way:
    """One tool's way to write an object."""

    manager: str
    verb: str
    content: str
    forced: bool = False

    def write(self, arena: Arena, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Write the object in this way; returns the answer."""
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        query = f"fieldManager={self.manager}{'&force=true' if self.forced else ''}{'&dryRun=All' if dry_run else ''}"
        body = {**manifest, "metadata": dict(manifest["metadata"])}
        if self.verb == "PUT" and kind == BINDING.name:  # a custom resource is replaced only at its version
            body["metadata"]["resourceVersion"] = arena.existing(kind, name)["metadata"]["resourceVersion"]
        content = MERGE if self.content == STRATEGIC and kind == BINDING.name else self.content
        try:
            answer: Manifest = arena.stage.cluster.api.request(self.verb, f"{arena.path(kind, name)}?{query}", body, content)
        except ApiError as error:
            if self.verb != "PUT" or error.status != HTTPStatus.CONFLICT:
                raise
            return self.write(arena, manifest, dry_run=dry_run)  # somebody was faster: a tool tries again too
        return answer


ARGO_CLIENT_SIDE: Final = Way("argocd-controller", "PATCH", STRATEGIC)
ARGO_SERVER_SIDE: Final = Way("argocd-controller", "PATCH", APPLY, forced=True)
ARGO_REPLACE: Final = Way("argocd-controller", "PUT", "application/json")
FLUX_KUSTOMIZE: Final = Way("kustomize-controller", "PATCH", APPLY, forced=True)
FLUX_HELM: Final = Way("helm-controller", "PATCH", STRATEGIC)
WAYS: Final = (ARGO_CLIENT_SIDE, ARGO_SERVER_SIDE, ARGO_REPLACE, FLUX_KUSTOMIZE, FLUX_HELM)


def differences(arena: Arena, manifest: Manifest) -> list[str]:
    """The ways in which applying an object once more would change it, beside what no comparison takes into account."""
    live = _compared(arena.existing(manifest["kind"], manifest["metadata"]["name"]))
    return [f"{way.manager} {way.verb} {way.content}" for way in WAYS if _compared(way.write(arena, manifest, dry_run=True)) != live]


def _compared(raw: Manifest) -> Manifest:
    metadata = {name: value for name, value in raw["metadata"].items() if name not in _ASSIGNED}
    return {"metadata": metadata, "spec": raw["spec"]}
