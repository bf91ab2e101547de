from __future__ import annotations

import base64
import json

import pytest

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.objects.build import build, build_removal, prune
from fiddler_kong_operator.plan.objects.desired import Attachment
from fiddler_kong_operator.plan.objects.digest import content_digest
from tests.unit.plan.plans import (
    ATTACHED,
    CHAT,
    EXPOSED,
    OPENTELEMETRY,
    OTHER_UID,
    PRE_FUNCTION,
    UID,
    attachable,
    child,
    keys_of,
    manifests,
    plan_of,
    snapshot_of,
    spec_of,
)


def test_everything_is_owned_labelled_and_digested() -> None:
    for desired in plan_of(spec_of(EXPOSED, ATTACHED)).objects:
        metadata = desired.manifest["metadata"]
        (owner,) = metadata["ownerReferences"]
        assert (owner["uid"], owner["controller"], "blockOwnerDeletion" in owner) == (UID, True, False)
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "fiddler-kong-operator"
        assert metadata["labels"]["integrations.fiddler.ai/binding"] == "assistant"
        assert (metadata["name"], metadata["namespace"]) == (desired.key.name, desired.key.namespace)
        assert desired.digest == content_digest(desired.manifest)


def test_order_of_creation() -> None:
    kinds = [desired.key.kind for desired in plan_of(spec_of()).objects]
    assert kinds == ["Secret", "KongPlugin", "KongPlugin", "KongPlugin", "Service", "Ingress"]


def test_keys_stand_only_in_the_secret_as_json_strings() -> None:
    plan = plan_of(spec_of())
    secret, *others = plan.objects
    values = {name: json.loads(base64.b64decode(value)) for name, value in secret.manifest["data"].items()}
    assert values == {"opentelemetry": "Bearer id.secret", "ai-proxy.openai": "Bearer sk-test"}
    assert secret.manifest["metadata"]["labels"].items() >= {"konghq.com/secret": "true", "konghq.com/validate": "plugin"}.items()
    rest = json.dumps([desired.manifest for desired in others])
    assert "sk-test" not in rest
    assert "id.secret" not in rest
    assert "sk-test" not in repr(plan)


def test_every_patch_finds_its_parent_and_its_key() -> None:
    plan = plan_of(spec_of(EXPOSED, ATTACHED))
    secret, *others = plan.objects
    patches = [(other.manifest, patch) for other in others for patch in other.manifest.get("configPatches", [])]
    assert len(patches) == 3
    for manifest, patch in patches:
        _, parent, field = patch["path"].split("/")
        assert field not in manifest["config"][parent]
        assert patch["valueFrom"]["secretKeyRef"]["name"] == secret.key.name
        assert patch["valueFrom"]["secretKeyRef"]["key"] in secret.manifest["data"]


@pytest.mark.parametrize(("attach", "expected"), [(True, f",{PRE_FUNCTION},"), (False, ",")])
def test_the_service_names_pre_function_only_when_the_gateway_can_run_it(attach: bool, expected: str) -> None:  # noqa: FBT001
    plan = plan_of(spec_of(), attach=attach)
    annotations = manifests(plan)["Service/assistant-openai"]["metadata"]["annotations"]
    assert annotations["konghq.com/plugins"] == f"assistant-openai-ai-proxy{expected}{OPENTELEMETRY}"
    assert f"KongPlugin/{PRE_FUNCTION}" in manifests(plan)


def test_without_sessions_there_is_no_pre_function() -> None:
    made = manifests(plan_of(spec_of(sessions={"mode": "Disabled"})))
    assert f"KongPlugin/{PRE_FUNCTION}" not in made
    assert PRE_FUNCTION not in made["Service/assistant-openai"]["metadata"]["annotations"]["konghq.com/plugins"]


def test_payloads_are_off_unless_captured() -> None:
    def logged(payloads: str) -> bool:
        config = manifests(plan_of(spec_of(payloads=payloads)))["KongPlugin/assistant-openai-ai-proxy"]["config"]
        return bool(config["logging"]["log_payloads"])

    assert (logged("Disabled"), logged("Captured")) == (False, True)


@pytest.mark.parametrize(("binding", "route"), [("Captured", "Disabled"), ("Disabled", "Captured")])
def test_payloads_of_one_route_may_differ_from_those_of_the_others(binding: str, route: str) -> None:
    made = manifests(plan_of(spec_of(EXPOSED | {"payloads": route}, ATTACHED, payloads=binding)))
    logged = {name: made[f"KongPlugin/assistant-{name}-ai-proxy"]["config"]["logging"]["log_payloads"] for name in ("openai", "chat")}
    assert logged == {"openai": route == "Captured", "chat": binding == "Captured"}


def test_a_rotated_key_changes_the_secret_alone() -> None:
    spec = spec_of()
    before = plan_of(spec)
    keys = keys_of(spec)
    rotated = type(keys)("new", {**keys.by_ref, spec.fiddler.api_key_secret_ref: "new"})
    after = build(snapshot_of(spec), rotated, attach_lua=True)
    changed = [b.key.kind for b, a in zip(before.objects, after.objects, strict=True) if a.digest != b.digest]
    assert changed == ["Secret"]


def test_a_binding_without_a_valid_spec_is_not_built() -> None:
    with pytest.raises(ValueError, match="has no valid spec"):
        build(snapshot_of(None), keys_of(spec_of()), attach_lua=True)


def test_prune_takes_only_our_own_in_order_of_deletion() -> None:
    plan = plan_of(spec_of())
    kept = {k: v for d in plan.objects for k, v in child(d.key.kind, d.key.name).items()}
    stale = {
        **child("Secret", "old-keys"),
        **child("KongPlugin", "assistant-old-ai-proxy"),
        **child("Service", "assistant-old"),
        **child("Ingress", "assistant-old"),
    }
    foreign = {**child("Secret", "theirs", OTHER_UID), **child("Service", "nobodys", None), **child("Ingress", "going", deleting=True)}
    snapshot = snapshot_of(spec_of(), children={**foreign, **stale, **kept})
    assert prune(snapshot, plan) == (
        ObjectKey("Ingress", "ai", "assistant-old"),
        ObjectKey("Service", "ai", "assistant-old"),
        ObjectKey("KongPlugin", "ai", "assistant-old-ai-proxy"),
        ObjectKey("Secret", "ai", "old-keys"),
    )


def test_removal_detaches_and_deletes_only_what_is_ours() -> None:
    children = {
        **child("Secret", "assistant-kong-keys"),
        **child("KongPlugin", OPENTELEMETRY),
        **child("KongPlugin", PRE_FUNCTION, OTHER_UID),
        **child("Service", "assistant-openai", None),
    }
    snapshot = snapshot_of(spec_of(ATTACHED), children=children, targets=attachable("theirs", OPENTELEMETRY, PRE_FUNCTION))
    removal = build_removal(snapshot)
    assert removal.attachments == (Attachment(CHAT, "uid-target", "7", ("theirs", PRE_FUNCTION)),)
    assert prune(snapshot, removal) == (ObjectKey("KongPlugin", "ai", OPENTELEMETRY), ObjectKey("Secret", "ai", "assistant-kong-keys"))


def test_removal_works_without_a_valid_spec() -> None:
    owners = {"assistant-chat-ai-proxy": UID}
    targets = attachable("theirs", "assistant-chat-ai-proxy", OPENTELEMETRY)
    (attachment,) = build_removal(snapshot_of(None, targets=targets, plugin_owners=owners)).attachments
    assert attachment.plugins == ("theirs",)


def test_a_cluster_plugin_of_the_same_name_is_not_ours() -> None:
    snapshot = snapshot_of(None, targets=attachable(OPENTELEMETRY), plugin_types={OPENTELEMETRY: "opentelemetry"})
    assert build_removal(snapshot).attachments == ()
