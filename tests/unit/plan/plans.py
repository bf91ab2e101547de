"""Specs, keys and snapshots for tests of what a binding creates: the quickstart of the integration page unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.objects.build import build
from fiddler_kong_operator.plan.objects.desired import BindingPlan
from fiddler_kong_operator.plan.secrets import ResolvedKeys, resolve_keys
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Child, Snapshot

UID = "11111111-2222-4333-8444-555555555555"
OTHER_UID = "99999999-2222-4333-8444-555555555555"
SECRETS: Mapping[str, Mapping[str, bytes] | None] = {"fiddler": {"api-key": b"id.secret\n"}, "openai": {"api-key": b"sk-test"}}
LLM = {
    "provider": "openai",
    "model": "gpt-4o-mini",
    "options": {"maxTokens": 512, "temperature": 0.7},
    "auth": {"secretRef": {"name": "openai", "key": "api-key"}},
}
EXPOSED = {"name": "openai", "expose": {"path": "/openai"}, "llm": LLM}
ATTACHED = {"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}, "llm": LLM}
CHAT = ObjectKey("Service", "ai", "chat")
OPENTELEMETRY, PRE_FUNCTION, AI_PROXY = "assistant-opentelemetry", "assistant-pre-function", "assistant-chat-ai-proxy"


def spec_of(*routes: Mapping[str, Any], **fields: Any) -> BindingSpec:
    """A spec with these routes (the quickstart's when none); `fields` are further top-level fields as in YAML."""
    fiddler = {
        "url": "https://acme.fiddler.ai",
        "applicationId": "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11",
        "apiKeySecretRef": {"name": "fiddler", "key": "api-key"},
    }
    gateway = {"targetRef": {"name": "kong-gateway", "namespace": "kong"}}
    return BindingSpec.model_validate({"fiddler": fiddler, "gateway": gateway, "routes": list(routes or (EXPOSED,)), **fields})


def llm_with(**fields: Any) -> dict[str, Any]:
    """The quickstart's route with other `llm` fields."""
    return {**EXPOSED, "llm": {**LLM, **fields}}


def keys_of(spec: BindingSpec) -> ResolvedKeys:
    """The test keys of a spec."""
    keys = resolve_keys(spec, SECRETS)
    assert isinstance(keys, ResolvedKeys), keys
    return keys


def snapshot_of(spec: BindingSpec | None, **more: Any) -> Snapshot:
    """A snapshot around the binding `ai/assistant`."""
    key = ObjectKey("FiddlerKongBinding", "ai", "assistant")
    binding = Binding(key, UID, 1, "2026-01-01T00:00:00Z", "1", spec)
    return Snapshot(binding, 1_800_000_000.0, secrets=SECRETS, **more)


def plan_of(spec: BindingSpec, *, attach: bool = True, excluded: Iterable[ObjectKey] = (), **more: Any) -> BindingPlan:
    """The plan of a spec; `more` are fields of its snapshot."""
    return build(snapshot_of(spec, **more), keys_of(spec), attach_lua=attach, excluded_targets=frozenset(excluded))


def manifests(plan: BindingPlan) -> dict[str, Manifest]:
    """Planned manifests by `Kind/name`."""
    return {f"{d.key.kind}/{d.key.name}": d.manifest for d in plan.objects}


def attachable(*plugins: str, key: ObjectKey = CHAT) -> dict[ObjectKey, Attachable]:
    """One foreign target with that list."""
    return {key: Attachable(key, "uid-target", "7", plugins)}


def child(kind: str, name: str, owner: str | None = UID, *, deleting: bool = False) -> dict[ObjectKey, Child]:
    """One observed object with that owner."""
    key = ObjectKey(kind, "ai", name)
    return {key: Child(key, f"uid-{name}", "5", owner, "assistant", b"", deleting=deleting)}
