"""Several models behind one route."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.decision import decide
from fiddler_kong_operator.plan.objects.declarative import build_declarative, placeholders
from fiddler_kong_operator.plan.objects.overrides import check_plugins
from fiddler_kong_operator.plan.plugins import plugin_instances
from fiddler_kong_operator.plan.providers import check_providers, model_advice
from fiddler_kong_operator.plan.schemas import KNOWN_MINORS, SCHEMAS, violations
from fiddler_kong_operator.plan.snapshot import Attachable, Child, Snapshot
from tests.unit.plan.plans import EXPOSED, manifests, plan_of, spec_of
from tests.unit.plan.situations import WANTED, make_binding, make_container, make_snapshot, make_workload

FIRST = {"provider": "openai", "model": "gpt-4o-mini", "auth": {"secretRef": {"name": "openai", "key": "api-key"}}}
SECOND = {"provider": "anthropic", "model": "claude", "auth": {"secretRef": {"name": "fiddler", "key": "api-key"}}}
NAME = "assistant-openai-ai-proxy-advanced"


def shared(*targets: dict[str, Any], expose: dict[str, Any] | None = None, more: dict[str, Any] | None = None, **llm: Any) -> BindingSpec:
    route = {"name": "openai", "expose": expose or {"path": "/openai"}, "llm": {"targets": list(targets or (FIRST, SECOND)), **llm}}
    return spec_of(route, **(more or {}))


def plugin_of(spec: BindingSpec) -> Manifest:
    return manifests(plan_of(spec))[f"KongPlugin/{NAME}"]


def test_each_target_gets_its_own_key() -> None:
    made = manifests(plan_of(shared()))
    patches = {p["path"]: p["valueFrom"]["secretKeyRef"]["key"] for p in made[f"KongPlugin/{NAME}"]["configPatches"]}
    keys = {path: made["Secret/assistant-kong-keys"]["data"][entry] for path, entry in patches.items()}

    assert keys == {"/targets/0/auth/header_value": "IkJlYXJlciBzay10ZXN0Ig==", "/targets/1/auth/header_value": "ImlkLnNlY3JldCI="}


def test_targets_that_change_places_change_no_entry_of_the_secret() -> None:
    """It is written before the plugin: a provider must not get another one's key meanwhile."""
    one, other = (manifests(plan_of(shared(*targets))) for targets in ((FIRST, SECOND), (SECOND, FIRST)))

    assert one["Secret/assistant-kong-keys"] == other["Secret/assistant-kong-keys"]
    assert one[f"KongPlugin/{NAME}"] != other[f"KongPlugin/{NAME}"]


def test_the_service_leads_to_the_first_target() -> None:
    hosts = [
        manifests(plan_of(shared(*targets)))["Service/assistant-openai"]["spec"]["externalName"] for targets in ((FIRST,), (SECOND, FIRST))
    ]
    assert hosts == ["api.openai.com", "api.anthropic.com"]


def test_connection_settings_of_the_route_are_those_of_the_plugin_unless_it_has_its_own() -> None:
    expose = {"path": "/openai", "timeouts": {"read": "10m", "write": "1m"}, "retries": 2}

    alone = plugin_of(shared(expose=expose))["config"]["balancer"]
    own = plugin_of(shared(expose=expose, balancer={"retries": 0, "timeouts": {"read": "5m"}, "failTimeout": "3s"}))["config"]["balancer"]

    assert alone == {"read_timeout": 600_000, "write_timeout": 60_000, "retries": 2}
    assert own == {"algorithm": "round-robin", "read_timeout": 300_000, "write_timeout": 60_000, "retries": 0, "fail_timeout": 3000}


def test_without_settings_kong_balances_as_it_does_by_itself() -> None:
    assert "balancer" not in plugin_of(shared())["config"]


def test_a_declarative_file_has_every_key_at_its_target() -> None:
    spec = shared()
    (plugin,) = (p for p in build_declarative(spec, placeholders(spec))["plugins"] if p["name"] == "ai-proxy-advanced")

    assert [target["auth"]["header_value"] for target in plugin["config"]["targets"]] == ["Bearer ${OPENAI_API_KEY}", "${FIDDLER_API_KEY}"]


@pytest.mark.parametrize(
    ("llm", "says"),
    [
        ({"routeType": "llm/v1/embeddings"}, "spec.routes[0].llm.routeType: Kong has no llm/v1/embeddings for anthropic. Choose one of "),
        ({"format": "cohere"}, "spec.routes[0].llm.format: must be one of openai where provider is openai."),
        (
            {"targets": [FIRST, FIRST | {"options": {"upstreamUrl": "https://1.2.3/call"}}]},
            "spec.routes[0].llm.targets[1].options.upstreamUrl: ",
        ),
    ],
    ids=["route type", "format", "address"],
)
def test_a_target_that_breaks_a_rule_of_its_provider_is_named(llm: dict[str, Any], says: str) -> None:
    found = check_providers(spec_of({**EXPOSED, "llm": {"targets": [FIRST, SECOND], **llm}}))

    assert found is not None
    assert found.message.startswith(says)


@pytest.mark.parametrize(
    ("criteria", "told"),
    [(["http_429", "http_500"], True), (["http_429", "non_idempotent"], False), (["error", "timeout"], False), (None, False)],
)
def test_criteria_without_effect_on_llm_calls_are_told(criteria: list[str] | None, told: bool) -> None:  # noqa: FBT001
    advice = model_advice(shared(balancer={"failoverCriteria": criteria} if criteria else {}))

    assert [text.partition(" without non_idempotent")[0] for text in advice if "failoverCriteria" in text] == (
        ["spec.routes[0].llm.balancer.failoverCriteria has http_429, http_500"] if told else []
    )


def test_a_model_without_its_cost_is_told_where_costs_are_compared() -> None:
    priced = FIRST | {"options": {"inputCost": 0.5, "outputCost": 1.5}}
    advice = model_advice(shared(priced, SECOND, balancer={"algorithm": "lowest-usage", "tokensCountStrategy": "cost"}))

    assert [text for text in advice if "inputCost" in text] == [
        "spec.routes[0].llm.targets[1].options lacks inputCost or outputCost, which Kong needs for balancer.tokensCountStrategy: cost."
    ]


def override(path: str, value: Any) -> dict[str, Any]:
    return {"overrides": [{"plugin": "ai-proxy-advanced", "patch": [{"op": "add", "path": path, "value": value}]}]}


@pytest.mark.parametrize(
    "path",
    [
        "/targets",
        "/targets/-",
        "/targets/0",
        "/targets/1/auth",
        "/targets/1/auth/header_value",
        "/targets/0/model",
        "/targets/0/model/provider",
        "/targets/0/logging/log_payloads",
        "/balancer",
        "/balancer/algorithm",
        "/embeddings/model",
        "/vectordb",
    ],
)
def test_keys_providers_and_logging_of_a_target_are_protected(path: str) -> None:
    found = check_plugins(shared(more=override(path, {})))

    assert found is not None
    assert found.message.startswith(f"spec.overrides[0].patch[0]: {path} of ai-proxy-advanced must not be changed: ")


@pytest.mark.parametrize(
    ("path", "value"),
    [("/balancer/slots", 100), ("/targets/1/weight", 5), ("/response_streaming", "deny"), ("/targets/0/auth/allow_override", False)],
)
def test_other_fields_can_be_overridden(path: str, value: Any) -> None:
    assert check_plugins(shared(more=override(path, value))) is None


@pytest.mark.parametrize("option", ["upstream_url", "bedrock/aws_sts_endpoint_url", "gemini/api_endpoint"])
def test_no_override_names_an_address_that_a_target_calls(option: str) -> None:
    found = check_plugins(shared(more=override(f"/targets/0/model/options/{option}", "169.254.169.254")))

    assert found is not None
    assert "must not be set (`" in found.message


def test_what_kong_refuses_of_a_target_is_named() -> None:
    found = check_plugins(shared(more=override("/targets/1/weight", 70_000)))

    assert found is not None
    assert found.message == ("spec.overrides[0].patch[0]: /targets/1/weight of ai-proxy-advanced must be an integer between 1 and 65535.")


@pytest.mark.parametrize("minor", KNOWN_MINORS)
def test_rules_between_fields_hold_for_each_target(minor: tuple[int, ...]) -> None:
    (plugin,) = (instance for instance in plugin_instances(shared()) if instance.plugin == "ai-proxy-advanced")
    openai, anthropic = plugin.config["targets"]
    bare = {**anthropic, "auth": {}, "model": {"provider": "anthropic"}}
    config = {"targets": [{**openai, "auth": {}}, bare], "llm_format": "cohere"}

    found = [(v.path, v.rule) for v in violations(SCHEMAS["ai-proxy-advanced"], config, minor)]

    assert found == [
        (("targets", "1", "model", "options", "anthropic_version"), "must be set where /model/provider is anthropic"),
        (("llm_format",), "must not be cohere where /model/provider is openai"),
    ]


SERVICE, INGRESS = (ObjectKey(kind, "ai", "assistant-openai") for kind in ("Service", "Ingress"))
KEYS = {"fiddler": {"api-key": b"id.secret"}, "openai": {"api-key": b"sk-test"}}


def switching(kong_plugins: str) -> Snapshot:
    """The route had one model until now; the gateway has these plugins only."""
    binding = make_binding(shared(), namespace="ai")
    children = {key: Child(key, f"uid-{key.kind}", "5", binding.uid, "assistant", b"") for key in (SERVICE, INGRESS)}
    listed = ("assistant-openai-ai-proxy", "assistant-opentelemetry")
    workload = make_workload(make_container({**WANTED, "KONG_PLUGINS": kong_plugins}), grant="ai")
    return make_snapshot(
        binding,
        targets={SERVICE: Attachable(SERVICE, "uid-Service", "5", listed)},
        children=children,
        plugin_types=dict(zip(listed, ("ai-proxy", "opentelemetry"), strict=True)),
        plugin_owners=dict.fromkeys(listed, binding.uid),
        workload=workload,
        secrets=KEYS,
    )


def test_a_route_goes_on_with_its_one_model_while_the_gateway_has_no_plugin_for_several() -> None:
    decision = decide(switching("ai-proxy,pre-function,opentelemetry"))

    assert (decision.retreats, decision.plan.attachments, decision.plan.withdrawn, decision.prune) == (True, (), (), ())


def test_a_route_does_not_serve_where_the_gateway_has_neither() -> None:
    decision = decide(switching("pre-function,opentelemetry"))

    assert decision.plan.withdrawn == (INGRESS, SERVICE)


def test_the_switch_is_one_write_of_the_list() -> None:
    decision = decide(switching("bundled"))
    service = next(desired for desired in decision.plan.objects if desired.key == SERVICE)

    assert service.manifest["metadata"]["annotations"]["konghq.com/plugins"] == (
        "assistant-openai-ai-proxy-advanced,assistant-pre-function,assistant-opentelemetry"
    )
    assert (decision.plan.first, decision.plan.withdrawn) == ((), ())


def test_a_plugin_of_the_other_type_on_the_object_is_a_clash() -> None:
    snapshot = switching("bundled")
    chat = ObjectKey("Service", "ai", "chat")
    route = {"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}, "llm": {"targets": [FIRST]}}
    binding = replace(snapshot.binding, spec=spec_of(route))
    targets = {chat: Attachable(chat, "uid-chat", "5", ("theirs",))}

    decision = decide(replace(snapshot, binding=binding, targets=targets, children={}, plugin_types={"theirs": "ai-proxy"}))
    accepted = next(iter(decision.findings.values()))

    assert accepted.reason.name == "PluginClash"
    assert "beside ai-proxy-advanced on one Service, both would answer the call" in accepted.message
    assert "(or remove llm from this route)" in accepted.message
