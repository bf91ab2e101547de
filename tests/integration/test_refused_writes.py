"""The API server refuses or fails a write: the binding says which and why, in the server's words, and continues by itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from devcluster.ports import free_ports
from tests.integration.arena import Arena, Manifest
from tests.integration.dry_runs import NEXT_ATTEMPT, probed_plugin, until_accepted, until_refused
from tests.integration.targets import attached_binding, service

ADMISSION: Final = "admissionregistration.k8s.io/v1"


@contextmanager
def applied(arena: Arena, *manifests: Manifest) -> Iterator[None]:
    """Cluster-scoped objects that exist within the block."""
    for manifest in manifests:
        arena.stage.cluster.apply(manifest)
    try:
        yield
    finally:
        for manifest in manifests:
            arena.stage.cluster.kubectl("delete", manifest["kind"].lower(), manifest["metadata"]["name"])


def rules(arena: Arena, resource: str, group: str, *operations: str) -> dict[str, Any]:
    """The requests for a resource in the arena's namespace."""
    inside = {"matchLabels": {"kubernetes.io/metadata.name": arena.namespace}}
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": list(operations), "resources": [resource]}
    return {"namespaceSelector": inside, "rules": [rule]}


def policy(arena: Arena, resource: str, operation: str, expression: str, message: str) -> tuple[Manifest, Manifest]:
    """An admission policy for a resource of the core group in the arena's namespace."""
    matched = rules(arena, resource, "", operation)
    constraints = {"namespaceSelector": matched["namespaceSelector"], "resourceRules": matched["rules"]}
    spec = {"failurePolicy": "Fail", "matchConstraints": constraints, "validations": [{"expression": expression, "message": message}]}
    name = {"name": f"{arena.namespace}-{resource}"}
    binding = {"policyName": name["name"], "validationActions": ["Deny"]}
    return (
        {"apiVersion": ADMISSION, "kind": "ValidatingAdmissionPolicy", "metadata": name, "spec": spec},
        {"apiVersion": ADMISSION, "kind": "ValidatingAdmissionPolicyBinding", "metadata": name, "spec": binding},
    )


def test_a_webhook_that_is_down_is_named_and_waited_for(arena: Arena) -> None:
    down = {"url": f"https://127.0.0.1:{free_ports(1)[0]}/"}
    hook = {"name": "validations.kong.example.com", "clientConfig": down, "sideEffects": "None", "admissionReviewVersions": ["v1"]}
    matched = rules(arena, "kongplugins", "configuration.konghq.com", "CREATE", "UPDATE")
    configuration = {
        "apiVersion": ADMISSION,
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": arena.namespace},
        "webhooks": [{**hook, **matched, "failurePolicy": "Fail", "timeoutSeconds": 2}],
    }
    arena.put(arena.binding())
    arena.until_ready()
    with applied(arena, configuration):
        until_refused(arena, "failed calling webhook", probed_plugin(arena))
        arena.put(arena.binding({"sessions": {"headers": ["X-Other"]}}))

        found = arena.until_condition("Ready", "False", "WriteFailing", seconds=15)
        assert f"patch KongPlugin {arena.namespace}/assistant-pre-function" in found["message"]
        assert "validations.kong.example.com" in found["message"]

    arena.until_ready(seconds=NEXT_ATTEMPT)


def test_a_policy_on_secrets_is_quoted_without_the_keys(arena: Arena) -> None:
    message = "Every Secret must carry the label team (GOV-7)."
    expression = "has(object.metadata.labels) && 'team' in object.metadata.labels"
    labelled = {"metadata": {"labels": {"team": "ml"}}}
    with applied(arena, *policy(arena, "secrets", "CREATE", expression, message)):
        until_refused(arena, message, arena.secret("probed", "y"))
        arena.put(arena.binding())

        found = arena.until_condition("PluginsProgrammed", "False", "PluginsWriteRefused")
        assert f"create Secret {arena.namespace}/assistant-kong-keys" in found["message"]
        assert message in found["message"]
    until_accepted(arena, arena.secret("probed", "y"))
    arena.patch("FiddlerKongBinding", "assistant", {**labelled, "spec": {"payloads": "Disabled"}})  # retries at once

    arena.until_ready()


def test_a_quota_is_told_from_a_policy(arena: Arena) -> None:
    arena.stage.cluster.apply(arena.manifest("v1", "ResourceQuota", "small", spec={"hard": {"secrets": "2"}}))
    path = f"/api/v1/namespaces/{arena.namespace}/resourcequotas/small"
    arena.until(lambda: "used" in (arena.stage.cluster.api.get(path).get("status") or {}), "the quota's count")
    arena.put(arena.binding())

    found = arena.until_condition("PluginsProgrammed", "False", "QuotaExceeded")
    assert "exceeded quota: small, requested: secrets=1, used: secrets=2, limited: secrets=2" in found["message"]

    arena.stage.cluster.api.request("DELETE", path)
    arena.patch("FiddlerKongBinding", "assistant", {"spec": {"payloads": "Disabled"}})
    arena.until_ready()


@pytest.mark.exhaustive
def test_a_deletion_that_a_policy_blocks_says_so_and_finishes_in_the_end(arena: Arena) -> None:
    message = "Services are frozen (OPS-9)."
    arena.put(service(arena), attached_binding(arena))
    arena.until_ready()
    with applied(arena, *policy(arena, "services", "UPDATE", "false", message)):
        frozen = service(arena)
        frozen["metadata"]["labels"] = {"probed": "yes"}
        until_refused(arena, message, frozen)
        arena.delete("FiddlerKongBinding", "assistant")

        arena.until(lambda: arena.conditions().get("Ready", {}).get("reason") == "DeletionBlocked", "the blocked deletion")
        found = arena.conditions()["Ready"]
        assert (found["status"], message in found["message"]) == ("False", True)
        assert f"patch Service {arena.namespace}/llm" in found["message"]
    arena.until_gone("FiddlerKongBinding", "assistant", NEXT_ATTEMPT)


def test_a_key_is_rotated_although_somebody_made_the_derived_secret_immutable(arena: Arena) -> None:
    arena.put(arena.binding())
    arena.until_ready()
    before = arena.existing("Secret", "assistant-kong-keys")
    arena.patch("Secret", "assistant-kong-keys", {"immutable": True})
    arena.until_quiet()
    assert arena.existing("Secret", "assistant-kong-keys")["metadata"]["uid"] == before["metadata"]["uid"]

    arena.put(arena.secret("openai", "sk-rotated"))

    def rotated() -> bool:
        found = arena.get("Secret", "assistant-kong-keys")
        values = [base64.b64decode(value) for value in found["data"].values()] if found else []
        return any(b"sk-rotated" in value for value in values)

    arena.until(rotated, "the rotated key")
    arena.until_ready()
