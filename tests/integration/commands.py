"""Runs the commands that look at a cluster, in this process, as a person would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click.testing
import yaml
from click.testing import CliRunner

from fiddler_kong_operator.cli import main
from tests.integration.arena import Arena

__all__ = ["fiddler_kong", "namespace_reader"]

Manifest = dict[str, Any]


def fiddler_kong(
    arena: Arena, command: str, *args: str, given: list[Manifest] | None = None, kubeconfig: Path | None = None
) -> click.testing.Result:
    """The result of a command for the arena's namespace, as its administrator; `given` is its standard input."""
    access = ["--kubeconfig", str(kubeconfig or arena.stage.cluster.kubeconfig), "--namespace", arena.namespace]
    result = CliRunner().invoke(main, [command, *access, *args], input=None if given is None else yaml.safe_dump_all(given))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def namespace_reader(arena: Arena, *, without: tuple[str, ...] = ()) -> Path:
    """The kubeconfig of a user who may get and list everything in the arena's namespace, but not these resources, and nothing elsewhere."""
    api = arena.stage.cluster.api
    core = ["secrets", "services", "pods", "pods/log", "events"]
    rules = [
        {"apiGroups": [""], "resources": [name for name in core if name not in without], "verbs": ["get", "list"]},
        *({"apiGroups": [group], "resources": ["*"], "verbs": ["get", "list"]} for group in _GROUPS),
    ]
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": arena.namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    access = "rbac.authorization.k8s.io/v1"
    api.request("POST", f"/api/v1/namespaces/{arena.namespace}/serviceaccounts", arena.manifest("v1", "ServiceAccount", "reader"))
    for kind, content in (("Role", {"rules": rules}), ("RoleBinding", {"roleRef": role, "subjects": [subject]})):
        manifest = arena.manifest(access, kind, "reader", **content)
        api.request("POST", f"/apis/{access}/namespaces/{arena.namespace}/{kind.lower()}s", manifest)
    return arena.stage.cluster.kubeconfig_for_service_account(arena.namespace, "reader")


_GROUPS = ("apps", "networking.k8s.io", "gateway.networking.k8s.io", "configuration.konghq.com", "integrations.fiddler.ai")
