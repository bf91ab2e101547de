"""Generates crds/ and parts of manifests/install."""

from __future__ import annotations

from typing import Any

from codegen.text import dump_all
from fiddler_kong_operator import __version__, names
from fiddler_kong_operator.api.crd import build_crd
from fiddler_kong_operator.observe.rbac import Scope, rules

__all__ = ["USER_ROLES", "build_manifests"]

CRD_FILE = f"{names.GROUP}_{names.PLURAL}.yaml"
NAMESPACE = names.APPLICATION

USER_ROLES: dict[str, tuple[str, ...]] = {
    "view": ("get", "list", "watch"),
    "edit": ("create", "update", "patch", "delete", "deletecollection"),
}
"""Permissions on bindings for the cluster's roles `view` and `edit` (and through it `admin`)."""


def build_manifests() -> dict[str, str]:
    """Content of each generated file, by path."""
    return {
        f"crds/{CRD_FILE}": dump_all(build_crd()),
        "manifests/install/crd.yaml": dump_all(build_crd()),
        "manifests/install/kustomization.yaml": dump_all(_install()),
        "manifests/install/rbac.yaml": dump_all(*_rbac()),
    }


def _kustomization(resources: list[str]) -> dict[str, Any]:
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources}


def _install() -> dict[str, Any]:
    resources = ["crd.yaml", "namespace.yaml", "service-account.yaml", "rbac.yaml", "deployment.yaml"]
    label = {"pairs": {"app.kubernetes.io/part-of": names.APPLICATION}, "includeSelectors": False}
    image = {"name": names.APPLICATION, "newTag": __version__}
    return _kustomization(resources) | {"namespace": NAMESPACE, "labels": [label], "images": [image]}


def _rbac() -> list[dict[str, Any]]:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    operator = role | {"metadata": {"name": names.APPLICATION}, "rules": rules(Scope.WATCHED, Scope.CLUSTER)}
    lease = role | {"kind": "Role", "metadata": {"name": names.APPLICATION, "namespace": NAMESPACE}, "rules": rules(Scope.OWN)}
    return [operator, _bound(operator), lease, _bound(lease), *(role | user_role(to, names.APPLICATION) for to in USER_ROLES)]


def user_role(to: str, prefix: str) -> dict[str, Any]:
    """Metadata and rules of the ClusterRole that adds bindings to the cluster's role `to` (`view`, `edit`)."""
    labels = {f"rbac.authorization.k8s.io/aggregate-to-{to}": "true"}
    resources = [names.PLURAL, f"{names.PLURAL}/status"] if to == "view" else [names.PLURAL]
    rule = {"apiGroups": [names.GROUP], "resources": resources, "verbs": list(USER_ROLES[to])}
    return {"metadata": {"name": f"{prefix}-{to}", "labels": labels}, "rules": [rule]}


def _bound(role: dict[str, Any]) -> dict[str, Any]:
    """The binding of a role to the operator's service account."""
    return {
        "apiVersion": role["apiVersion"],
        "kind": f"{role['kind']}Binding",
        "metadata": role["metadata"],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": role["metadata"]["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": names.APPLICATION, "namespace": NAMESPACE}],
    }
