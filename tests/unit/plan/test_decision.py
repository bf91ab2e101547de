"""The writes for a binding that is not accepted: none, but for those that keep a gateway from breaking."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fiddler_kong_operator.api.conditions import ConditionType
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.decision import decide
from fiddler_kong_operator.plan.gateway.env import INSTRUMENTATIONS, SAMPLING_RATE, UNTRUSTED_LUA
from fiddler_kong_operator.plan.snapshot import Attachable, Child, Snapshot
from fiddler_kong_operator.plan.workload import EnvEntry, EnvSource, Rollout, Workload
from tests.unit.plan.situations import (
    ATTACHED,
    EXPOSED,
    GATEWAY,
    WANTED,
    make_binding,
    make_container,
    make_snapshot,
    make_spec,
    make_workload,
)

TRACING = {INSTRUMENTATIONS: "all", SAMPLING_RATE: "1.0"}
OWN = ObjectKey("Service", "ai", "assistant-openai")
CHAT = ObjectKey("Service", "ai", "chat")
OURS = frozenset({"assistant-pre-function", "assistant-opentelemetry"})
TYPES = {"assistant-pre-function": "pre-function", "assistant-opentelemetry": "opentelemetry", "rate-limit": "rate-limiting"}


def seen(route: dict[str, Any], key: ObjectKey, *plugins: str, **more: Any) -> Snapshot:
    """A binding of namespace `ai` whose target lists these plugins; without more, the gateway's owner does not allow it."""
    binding = make_binding(make_spec(route), namespace="ai")
    child = {OWN: Child(OWN, "uid-service", "5", binding.uid, "assistant", b"")} if key == OWN else {}
    owners = dict.fromkeys(("assistant-pre-function", "assistant-opentelemetry"), binding.uid)
    targets = {key: Attachable(key, "uid-target", "5", plugins)}
    return make_snapshot(binding, targets=targets, children=child, plugin_types=TYPES, plugin_owners=owners, **more)


def test_without_a_grant_pre_function_leaves_other_peoples_lists_and_the_rest_stays() -> None:
    plan = decide(seen(ATTACHED, CHAT, "rate-limit", "assistant-opentelemetry", "ai:assistant-pre-function")).plan

    assert [(a.target, a.plugins) for a in plan.attachments] == [(CHAT, ("rate-limit", "assistant-opentelemetry"))]
    assert plan.objects == ()


def test_without_a_grant_pre_function_leaves_the_services_of_the_binding() -> None:
    plan = decide(seen(EXPOSED, OWN, "assistant-openai-ai-proxy", "assistant-pre-function", "assistant-opentelemetry")).plan

    assert [(a.target, a.plugins) for a in plan.attachments] == [(OWN, ("assistant-openai-ai-proxy", "assistant-opentelemetry"))]
    assert plan.objects == ()


def test_a_spec_that_is_refused_changes_nothing_of_an_own_service_but_its_list() -> None:
    """Its address may be the reason of the refusal, and its port another one than that of the Ingress."""
    local = EXPOSED | {"llm": EXPOSED["llm"] | {"options": {"upstreamUrl": "http://169.254.169.254:80/v1/chat/completions"}}}

    decision = decide(seen(local, OWN, "assistant-openai-ai-proxy", "assistant-pre-function"))

    assert decision.findings[ConditionType.ACCEPTED].reason.name == "EndpointRefused"
    assert decision.plan.objects == ()
    assert [(a.target, a.plugins) for a in decision.plan.attachments] == [(OWN, ("assistant-openai-ai-proxy",))]


@pytest.mark.parametrize(("route", "key"), [(ATTACHED, CHAT), (EXPOSED, OWN)], ids=["attached", "exposed"])
def test_without_a_grant_nothing_is_done_where_pre_function_is_not_attached(route: dict[str, Any], key: ObjectKey) -> None:
    plan = decide(seen(route, key, "rate-limit", "assistant-opentelemetry")).plan

    assert (plan.objects, plan.attachments) == ((), ())


@pytest.mark.parametrize(("lua", "leaves"), [("off", True), ("sandbox", False)])
def test_of_a_suspended_binding_pre_function_leaves_only_where_lua_is_off(lua: str, leaves: bool) -> None:  # noqa: FBT001
    workload = make_workload(make_container({**WANTED, UNTRUSTED_LUA: lua}), grant="ai")
    snapshot = seen(ATTACHED, CHAT, "assistant-pre-function", workload=workload)
    suspended = replace(snapshot.binding, spec=make_spec(ATTACHED, suspend=True))

    decision = decide(replace(snapshot, binding=suspended))

    assert [a.plugins for a in decision.plan.attachments] == ([()] if leaves else [])
    pending = decision.findings[ConditionType.PLUGINS_PROGRAMMED]
    assert pending.message.endswith(", but without pre-function, which could do harm now." if leaves else "stays as it is.")


def test_ours_leave_a_service_that_has_come_to_share_a_rule_with_another() -> None:
    split = Attachable(ObjectKey("HTTPRoute", "ai", "split"), "uid-split", "5", backends=((ObjectKey("Service", "ai", "canary"), CHAT),))
    snapshot = seen(ATTACHED, CHAT, "rate-limit", *sorted(OURS), workload=make_workload(grant="ai"), routes=(split,))

    decision = decide(snapshot)

    assert decision.findings[ConditionType.ACCEPTED].reason.name == "SharedBackend"
    assert [a.plugins for a in decision.plan.attachments] == [("rate-limit",)]


def test_of_a_suspended_binding_ours_leave_it_too_and_the_reason_is_said() -> None:
    split = Attachable(ObjectKey("HTTPRoute", "ai", "split"), "uid-split", "5", backends=((ObjectKey("Service", "ai", "canary"), CHAT),))
    snapshot = seen(ATTACHED, CHAT, "rate-limit", *sorted(OURS), workload=make_workload(grant="ai"), routes=(split,))
    suspended = replace(snapshot.binding, spec=make_spec(ATTACHED, suspend=True))

    decision = decide(replace(snapshot, binding=suspended))

    accepted = decision.findings[ConditionType.ACCEPTED]
    assert (accepted.reason.name, [a.plugins for a in decision.plan.attachments]) == ("Suspended", [("rate-limit",)])
    assert "SharedBackend: Service ai/chat (route chat, attachTo) shares a rule of HTTPRoute ai/split" in accepted.message


def test_ours_leave_an_ingress_that_goes_to_another_gateway() -> None:
    web = ObjectKey("Ingress", "ai", "web")
    snapshot = seen({"name": "web", "attachTo": {"kind": "Ingress", "name": "web"}}, web, *sorted(OURS), workload=make_workload(grant="ai"))
    moved = {web: replace(snapshot.targets[web], ingress_class="internal")}

    assert [a.plugins for a in decide(replace(snapshot, targets=moved)).plan.attachments] == [()]


@pytest.mark.parametrize(
    "others", [("assistant-opentelemetry", "assistant-pre-function", "theirs"), ("assistant-pre-function", "theirs")], ids=["first", "then"]
)
def test_only_the_clashing_plugin_leaves_an_own_service_and_stays_away(others: tuple[str, ...]) -> None:
    """A policy adds `theirs` to each write. The rest stays: without ai-proxy, calls would reach the provider without its key."""
    snapshot = seen(EXPOSED, OWN, "assistant-openai-ai-proxy", *others, workload=make_workload(grant="ai"))
    child = {OWN: replace(snapshot.children[OWN], defaulted_from=b"what we wrote")}
    snapshot = replace(snapshot, children=child, plugin_types={**TYPES, "theirs": "opentelemetry"})

    decision = decide(snapshot)

    lists = [attachment.plugins for attachment in decision.plan.attachments]
    assert decision.findings[ConditionType.ACCEPTED].reason.name == "PluginClash"
    assert lists == ([("assistant-openai-ai-proxy", "assistant-pre-function")] if others[0] == "assistant-opentelemetry" else [])
    assert decision.plan.objects == ()


@pytest.mark.parametrize("suspend", [False, True])
def test_our_own_name_written_twice_on_an_own_service_stays_once(suspend: bool) -> None:  # noqa: FBT001
    """Without ai-proxy, calls would reach the provider without its key."""
    snapshot = seen(EXPOSED, OWN, *2 * ("assistant-openai-ai-proxy",), "assistant-opentelemetry", workload=make_workload(grant="ai"))
    types = {**TYPES, "assistant-openai-ai-proxy": "ai-proxy"}
    owners = {**snapshot.plugin_owners, "assistant-openai-ai-proxy": snapshot.binding.uid}
    binding = replace(snapshot.binding, spec=make_spec(EXPOSED, suspend=suspend))

    decision = decide(replace(snapshot, binding=binding, plugin_types=types, plugin_owners=owners, secrets=KEYS))

    assert [a.plugins for a in decision.plan.first] == [("assistant-openai-ai-proxy", "assistant-opentelemetry")]


def test_ours_leave_a_clash_on_an_own_service_of_an_unreadable_binding() -> None:
    snapshot = seen(EXPOSED, OWN, "assistant-opentelemetry", "theirs")
    snapshot = replace(snapshot, binding=replace(snapshot.binding, spec=None), plugin_types={**TYPES, "theirs": "opentelemetry"})

    assert [a.plugins for a in decide(snapshot).plan.attachments] == [("theirs",)]


def test_a_gateway_that_is_gone_costs_no_attachment() -> None:
    snapshot = seen(ATTACHED, CHAT, "assistant-pre-function", "assistant-opentelemetry", workload=None)

    assert snapshot.binding.workload == GATEWAY
    assert decide(snapshot).plan.attachments == ()


def test_ours_leave_a_clash_on_a_target_that_a_refused_spec_no_longer_names() -> None:
    """Suspended, refused or unreadable: two plugins of a type freeze the gateway all the same."""
    snapshot = seen(ATTACHED, CHAT, "assistant-opentelemetry", "theirs")
    snapshot = replace(snapshot, binding=replace(snapshot.binding, spec=None), plugin_types={**TYPES, "theirs": "opentelemetry"})

    assert [a.plugins for a in decide(snapshot).plan.attachments] == [("theirs",)]


def test_ours_stay_where_only_what_is_asked_for_in_addition_would_clash() -> None:
    wish = make_spec(ATTACHED | {"llm": EXPOSED["llm"]})
    snapshot = seen(ATTACHED, CHAT, "theirs", "assistant-opentelemetry", workload=make_workload(grant="ai"))
    snapshot = replace(snapshot, binding=replace(snapshot.binding, spec=wish), plugin_types={**TYPES, "theirs": "ai-proxy"})

    decision = decide(snapshot)

    assert (decision.findings[ConditionType.ACCEPTED].reason.name, decision.plan.attachments) == ("PluginClash", ())


@pytest.mark.parametrize("written", ["assistant-opentelemetry", "ai:assistant-opentelemetry"])
def test_our_own_name_written_twice_is_taken_out_of_a_refused_bindings_list(written: str) -> None:
    snapshot = seen(ATTACHED, CHAT, written, written)
    snapshot = replace(snapshot, binding=replace(snapshot.binding, spec=None), plugin_types={**TYPES, written: "opentelemetry"})

    assert [a.plugins for a in decide(snapshot).plan.attachments] == [()]


def test_the_plan_decides_three_conditions_and_a_fourth_only_where_the_plugins_are_left_alone() -> None:
    decided = [ConditionType.ACCEPTED, ConditionType.SECRETS_RESOLVED, ConditionType.GATEWAY_CONFIGURED]
    keys = {"fiddler": {"api-key": b"id.secret"}, "openai": {"api-key": b"sk-test"}}
    ready, without_keys = decide(make_snapshot(secrets=keys)), decide(make_snapshot())

    assert (list(ready.findings), ready.retreats) == (decided, False)
    assert (list(without_keys.findings), without_keys.retreats) == ([*decided, ConditionType.PLUGINS_PROGRAMMED], True)


KEYS = {"fiddler": {"api-key": b"id.secret"}, "openai": {"api-key": b"sk-test"}}


def listing(plugins: str | None, image: str = "kong/kong-gateway:3.13.0.7") -> Workload:
    """A gateway with that KONG_PLUGINS, None for one from a ConfigMap."""
    entries = tuple(EnvEntry(name, value) for name, value in WANTED.items())
    return make_workload(
        make_container((*entries, EnvEntry("KONG_PLUGINS", plugins, from_source=plugins is None)), image=image), grant="ai"
    )


@pytest.mark.parametrize("plugins", ["key-auth,cors,ai-proxy", "off", None])
def test_nothing_is_made_for_a_gateway_that_does_not_have_the_plugins(plugins: str | None) -> None:
    decision = decide(make_snapshot(workload=listing(plugins), secrets=KEYS))

    assert (decision.plan.objects, decision.plan.attachments, decision.prune) == ((), (), ())
    assert decision.findings[ConditionType.PLUGINS_PROGRAMMED].reason.name == "PluginsPending"
    assert decision.findings[ConditionType.PLUGINS_PROGRAMMED].message.startswith("Nothing is changed while GatewayConfigured is ")


OLD_PODS = "The operator attaches the plugins, which older pods may not have, when all run with the settings."


@pytest.mark.parametrize("older", ["key-auth,cors", None, "unseen"])
def test_nothing_is_made_until_the_last_pod_has_the_plugins(older: str | None) -> None:
    """Kong's controller configures every pod alike, and one that lacks a plugin refuses everything."""
    replaced = None if older == "unseen" else (listing(older).containers,)
    workload = replace(listing("bundled"), rollout=Rollout(complete=False, ready=True), replaced=replaced)

    during, after = (decide(make_snapshot(workload=seen, secrets=KEYS)) for seen in (workload, listing("bundled")))

    assert (during.plan.objects, during.plan.attachments, during.prune) == ((), (), ())
    gateway = during.findings[ConditionType.GATEWAY_CONFIGURED]
    assert (gateway.reason.name, OLD_PODS in gateway.message) == ("GatewayRollingOut", True)
    assert (after.retreats, bool(after.plan.objects)) == (False, True)


def test_what_is_attached_stays_while_pods_of_an_unseen_template_run() -> None:
    workload = replace(listing("bundled"), rollout=Rollout(complete=False, ready=True), replaced=None)
    snapshot = seen(ATTACHED, CHAT, "assistant-pre-function", "assistant-opentelemetry", workload=workload, secrets=KEYS)

    decision = decide(snapshot)

    assert (decision.retreats, decision.plan.attachments) == (False, ())


def test_plugins_that_the_gateway_does_not_have_any_more_leave_other_peoples_lists() -> None:
    lists = ("rate-limit", "assistant-pre-function", "assistant-opentelemetry")

    plan = decide(seen(ATTACHED, CHAT, *lists, workload=listing("rate-limiting,opentelemetry"), secrets=KEYS)).plan

    assert [a.plugins for a in plan.attachments] == [("rate-limit", "assistant-opentelemetry")]


def test_a_route_keeps_the_plugins_that_the_gateway_has_and_gets_no_other() -> None:
    snapshot = seen(EXPOSED, OWN, "assistant-openai-ai-proxy", "assistant-opentelemetry", workload=listing("ai-proxy"), secrets=KEYS)

    decision = decide(snapshot)

    assert [(a.target, a.plugins) for a in decision.plan.attachments] == [(OWN, ("assistant-openai-ai-proxy",))]
    assert (decision.plan.objects, decision.prune) == ((), ())


def test_a_route_without_its_ai_proxy_does_not_serve() -> None:
    snapshot = seen(EXPOSED, OWN, "assistant-openai-ai-proxy", workload=listing("off"), secrets=KEYS)
    ingress, service = (ObjectKey(kind, "ai", "assistant-openai") for kind in ("Ingress", "Service"))
    child = Child(ingress, "uid-ingress", "6", snapshot.binding.uid, "assistant", b"")

    assert decide(replace(snapshot, children={**snapshot.children, ingress: child})).prune == (ingress, service)


@pytest.mark.parametrize(
    "workload",
    [
        None,
        make_workload(make_container(name="other"), grant="ai"),
        make_workload(make_container(image="kong/kubernetes-ingress-controller:3.5")),
    ],
    ids=["no workload", "no container", "a controller"],
)
def test_nothing_is_made_while_there_is_no_kong_to_ask_for_its_plugins(workload: Workload | None) -> None:
    decision = decide(make_snapshot(workload=workload, secrets=KEYS))

    assert (decision.retreats, decision.plan.objects, decision.plan.attachments) == (True, (), ())
    assert decision.findings[ConditionType.PLUGINS_PROGRAMMED].message.startswith("Nothing is changed while GatewayConfigured is ")


def test_what_is_attached_stays_where_the_gateways_plugins_cannot_be_read() -> None:
    snapshot = seen(ATTACHED, CHAT, "assistant-pre-function", "assistant-opentelemetry", workload=listing(None), secrets=KEYS)

    decision = decide(snapshot)

    assert (decision.retreats, decision.plan.attachments) == (False, ())


def test_no_further_type_is_attached_where_the_gateways_plugins_cannot_be_read() -> None:
    snapshot = seen(EXPOSED, OWN, "assistant-pre-function", "assistant-opentelemetry", workload=listing(None), secrets=KEYS)

    decision = decide(snapshot)

    assert (decision.retreats, decision.plan.objects, decision.plan.attachments) == (True, (), ())


def test_pre_function_leaves_a_gateway_whose_lua_may_be_off_in_a_config_map() -> None:
    container = replace(make_container({**TRACING, "KONG_PLUGINS": "bundled"}), env_from=(EnvSource("ConfigMap kong-env"),))
    snapshot = seen(ATTACHED, CHAT, "assistant-pre-function", workload=make_workload(container, grant="ai"), secrets=KEYS)
    unmanaged = replace(snapshot.binding, spec=make_spec(ATTACHED, untrustedLua="Unmanaged"))

    decision = decide(replace(snapshot, binding=unmanaged))

    assert [a.plugins for a in decision.plan.attachments] == [("assistant-opentelemetry",)]
    assert decision.lua_withheld
