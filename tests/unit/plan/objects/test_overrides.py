from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.plan.objects.overrides import check_plugins
from tests.unit.plan.plans import ATTACHED, EXPOSED, llm_with, manifests, plan_of, spec_of


def patched(plugin: str, *operations: dict[str, Any], **more: Any) -> BindingSpec:
    return spec_of(overrides=[{"plugin": plugin, "patch": list(operations), **more}])


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def message(spec: BindingSpec) -> str:
    found = check_plugins(spec)
    assert found is not None
    assert found.reason.name == "InvalidSpec"
    return found.message


@pytest.mark.parametrize(
    ("plugin", "operation"),
    [
        ("opentelemetry", add("/queue", {"max_batch_size": 100})),
        ("opentelemetry", add("/queue/max_batch_size", 100)),
        ("opentelemetry", add("/resource_attributes/deployment.environment", "prod")),
        ("opentelemetry", add("/propagation/extract", [])),
        ("opentelemetry", add("/sampling_rate", 0.5)),
        ("ai-proxy", add("/auth/allow_override", value=False)),
        ("ai-proxy", add("/max_request_body_size", 4194304)),
        ("ai-proxy", add("/model/options/bedrock/aws_region", "eu-west-1")),
        ("ai-proxy", {"op": "replace", "path": "/route_type", "value": "preserve"}),
        ("ai-proxy", {"op": "remove", "path": "/model/options/temperature"}),
    ],
)
def test_accepted_patches(plugin: str, operation: dict[str, Any]) -> None:
    assert check_plugins(patched(plugin, operation)) is None


@pytest.mark.parametrize(
    ("plugin", "operation"),
    [
        ("ai-proxy", add("/auth", {"header_name": "x", "header_value": "y"})),
        ("ai-proxy", add("/auth/header_value", "x")),
        ("ai-proxy", add("/auth/header_name", "X-Other")),
        ("ai-proxy", add("/auth/param_value", "x")),
        ("ai-proxy", add("/auth/aws_secret_access_key", "x")),
        ("ai-proxy", {"op": "remove", "path": "/auth"}),
        ("ai-proxy", add("/model", {"provider": "openai"})),
        ("ai-proxy", add("/model/provider", "azure")),
        ("ai-proxy", {"op": "remove", "path": "/logging"}),
        ("ai-proxy", add("/logging/log_payloads", value=True)),
        ("opentelemetry", add("/traces_endpoint", "https://evil.example")),
        ("opentelemetry", add("/headers", {})),
        ("opentelemetry", add("/headers/Authorization", "x")),
        ("opentelemetry", add("/headers/X-Other", "x")),
        ("opentelemetry", {"op": "remove", "path": "/resource_attributes"}),
        ("opentelemetry", add("/resource_attributes/service.name", "other")),
        ("opentelemetry", {"op": "remove", "path": "/resource_attributes/application.id"}),
    ],
)
def test_what_the_binding_depends_on_is_protected(plugin: str, operation: dict[str, Any]) -> None:
    text = message(patched(plugin, operation))
    assert text.startswith(f"spec.overrides[0].patch[0]: {operation['path']} of {plugin} must not be changed: ")


@pytest.mark.parametrize(
    "operation",
    [
        add("/endpoint", "https://evil.example"),
        add("/logs_endpoint", "https://evil.example"),
        add("/access_logs/endpoint", "https://evil.example"),
        add("/access_logs", {"endpoint": "https://evil.example"}),
        add("/access_logs", {"custom_attributes_by_lua": {"a": "return 1"}}),
        add("/metrics", {"nested": [{"endpoint": "https://evil.example"}]}),
    ],
)
def test_no_further_endpoint_gets_the_fiddler_key_and_no_lua_gets_in(operation: dict[str, Any]) -> None:
    assert "must not be set (`" in message(patched("opentelemetry", operation))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("$(os.getenv('KONG_PG_PASSWORD'))", "evaluate it as Lua"),
        ({"a": ["x $(y)"]}, "evaluate it as Lua"),
        ({"$(y)": 1}, "evaluate it as Lua"),
        ("{vault://env/pg-password}", "own secrets"),
        ("a\r\nX-Evil: 1", "control characters"),
        ({"a\n": 1}, "control characters"),
        ([["\x00"]], "control characters"),
        (None, "null"),
        ({"a": [None]}, "null"),
        (2**60, "2^53"),
        (10**400, "2^53"),
        (float("nan"), "2^53"),
        (float("inf"), "2^53"),
        ([[[[[[[[[[1]]]]]]]]]], "nested"),
        ("x" * 5000, "at most 4096 characters"),
        (list(range(5000)), "at most 4096 characters"),
        ({"\x1b[31mlua": 1}, "control characters"),
        ({"upstream_url": "http://169.254.169.254"}, "use llm.options.upstreamUrl"),
    ],
)
def test_dangerous_values_are_refused(value: Any, words: str) -> None:
    assert words in message(patched("ai-proxy", add("/model/options/extra", value)))


@pytest.mark.parametrize(
    ("plugin", "operation"),
    [
        ("opentelemetry", {"op": "replace", "path": "/queue", "value": {}}),
        ("opentelemetry", add("/propagation/extract/-", "w3c")),
        ("opentelemetry", {"op": "remove", "path": "/sampling_rate"}),
        ("ai-proxy", add("/route_type/deeper", 1)),
        ("ai-proxy", {"op": "replace", "path": "/route_type/deeper", "value": 1}),
        ("ai-proxy", {"op": "remove", "path": "/route_type/deeper"}),
        ("ai-proxy", add("/model/options/max_tokens/0", 1)),
    ],
)
def test_patches_that_do_not_fit_are_refused(plugin: str, operation: dict[str, Any]) -> None:
    where = f"spec.overrides[0].patch[0]: {operation['op']} {operation['path']} does not fit the config of {plugin}"
    assert message(patched(plugin, operation)).startswith(where)


@pytest.mark.parametrize("path", ["/model/options/gemini/api_endpoint", "/model/options/bedrock/aws_sts_endpoint_url"])
def test_an_override_cannot_name_an_address_to_call(path: str) -> None:
    assert "an address that the operator does not check" in message(patched("ai-proxy", add(path, "169.254.169.254")))


def test_overrides_of_plugins_that_are_not_made_are_refused() -> None:
    operation = add("/sampling_rate", 0.5)
    assert "no opentelemetry plugin for the route `openai`" in message(patched("opentelemetry", operation, route="openai"))
    assert "no ai-proxy plugin for the route `other`" in message(patched("ai-proxy", add("/x", 1), route="other"))
    unobserved = spec_of({k: v for k, v in ATTACHED.items() if k != "llm"}, overrides=[{"plugin": "ai-proxy", "patch": [add("/x", 1)]}])
    assert "no ai-proxy plugin" in message(unobserved)


def test_overrides_apply_in_order_to_the_plugins_they_name() -> None:
    overrides = [
        {"plugin": "ai-proxy", "patch": [add("/model/options/embeddings_dimensions", 1)]},
        {"plugin": "ai-proxy", "route": "chat", "patch": [{"op": "replace", "path": "/model/options/embeddings_dimensions", "value": 2.0}]},
    ]
    made = manifests(plan_of(spec_of(EXPOSED, ATTACHED, overrides=overrides)))
    options = [made[f"KongPlugin/assistant-{r}-ai-proxy"]["config"]["model"]["options"] for r in ("openai", "chat")]
    found = [each["embeddings_dimensions"] for each in options]
    assert found == [1, 2]
    assert isinstance(found[1], int)


def test_every_problem_is_told() -> None:
    text = message(patched("opentelemetry", add("/headers/X", "1"), add("/sampling_rate", 1), add("/logs_endpoint", "x")))
    assert "patch[0]" in text
    assert "patch[1]" not in text
    assert "patch[2]" in text


@pytest.mark.parametrize(
    ("plugin", "operation", "says"),
    [
        ("opentelemetry", add("/queue/max_batch", 1), "/queue/max_batch of opentelemetry is unknown to Kong: did you mean max_batch_size?"),
        ("opentelemetry", add("/nowhere/at/all", 1), "/nowhere of opentelemetry is unknown to Kong: correct its path or leave it out."),
        (
            "opentelemetry",
            add("/queue", {"max_batch_size": 0}),
            "/queue/max_batch_size of opentelemetry must be an integer between 1 and 1000000.",
        ),
        ("opentelemetry", add("/queue/concurrency_limit", 2), "/queue/concurrency_limit of opentelemetry must be one of -1, 1."),
        ("opentelemetry", add("/sampling_rate", 1.5), "/sampling_rate of opentelemetry must be a number between 0 and 1."),
        ("opentelemetry", add("/connect_timeout", 2**31), "/connect_timeout of opentelemetry must be an integer between 0 and 2147483646."),
        ("opentelemetry", add("/connect_timeout", 0.5), "/connect_timeout of opentelemetry must be an integer between 0 and 2147483646."),
        ("opentelemetry", add("/batch_span_count", "y"), "/batch_span_count of opentelemetry must be an integer."),
        ("opentelemetry", add("/batch_span_count", value=True), "/batch_span_count of opentelemetry must be an integer."),
        (
            "opentelemetry",
            add("/resource_attributes/team", ""),
            "/resource_attributes/team of opentelemetry must be a string that is not empty.",
        ),
        (
            "opentelemetry",
            add("/resource_attributes/team", 1),
            "/resource_attributes/team of opentelemetry must be a string that is not empty.",
        ),
        (
            "opentelemetry",
            add("/propagation/extract", ["b3-single"]),
            "/propagation/extract/0 of opentelemetry must be one of w3c, b3, jaeger, ",
        ),
        ("opentelemetry", add("/propagation/extract", "w3c"), "/propagation/extract of opentelemetry must be a list."),
        (
            "opentelemetry",
            add("/propagation/clear", ["a b"]),
            "/propagation/clear/0 of opentelemetry must be the name of a header: letters, ",
        ),
        ("opentelemetry", add("/propagation", {}), "/propagation/default_format of opentelemetry must be set, to one of w3c, "),
        (
            "opentelemetry",
            {"op": "remove", "path": "/propagation/default_format"},
            "/propagation/default_format of opentelemetry must be set, to",
        ),
        ("ai-proxy", add("/model/options/input_cost", 0), "/model/options/input_cost of ai-proxy must be a number above 0."),
        ("ai-proxy", add("/max_request_body_size", -1), "/max_request_body_size of ai-proxy must be an integer of at least 0."),
        ("ai-proxy", add("/response_streaming", "maybe"), "/response_streaming of ai-proxy must be one of allow, always, deny."),
        ("ai-proxy", add("/model_name_header", "yes"), "/model_name_header of ai-proxy must be true or false."),
        ("ai-proxy", {"op": "remove", "path": "/route_type"}, "/route_type of ai-proxy must be set, to one of "),
        (
            "ai-proxy",
            add("/model/options/azure_instance", "10.0.0.1/"),
            "/model/options/azure_instance of ai-proxy must be a part of a host's",
        ),
        ("ai-proxy", add("/model/options/bedrock", []), "/model/options/bedrock of ai-proxy must be an object."),
        (
            "ai-proxy",
            add("/model/options/gemini", {"project_id": "p"}),
            "/model/options/gemini/api_endpoint of ai-proxy must be set where /model/options/gemini/project_id is set.",
        ),
        ("ai-proxy", add("/llm_format", "bedrock"), "/llm_format of ai-proxy must not be bedrock where /model/provider is openai."),
    ],
)
def test_what_kong_would_refuse_is_refused_first(plugin: str, operation: dict[str, Any], says: str) -> None:
    assert message(patched(plugin, operation)).startswith(f"spec.overrides[0].patch[0]: {says}")


def test_the_operation_that_set_the_refused_field_last_is_named() -> None:
    overrides = [
        {"plugin": "opentelemetry", "patch": [add("/queue/max_entries", 0), add("/sampling_rate", 1)]},
        {"plugin": "opentelemetry", "patch": [add("/propagation/inject", ["w3c"]), add("/propagation/inject/-", "none")]},
    ]
    text = message(spec_of(overrides=overrides))
    assert "spec.overrides[0].patch[0]: /queue/max_entries of opentelemetry must be" in text
    assert "spec.overrides[1].patch[1]: /propagation/inject/1 of opentelemetry must be one of" in text
    assert "patch[0]: /propagation" not in text


def test_a_later_operation_may_mend_an_earlier_one() -> None:
    mended = patched("opentelemetry", add("/queue/max_entries", 0), add("/queue/max_entries", 5))
    assert check_plugins(mended) is None


def test_one_override_of_two_routes_is_refused_once() -> None:
    overrides = [{"plugin": "ai-proxy", "patch": [add("/llm_format", "x")]}]
    assert message(spec_of(EXPOSED, ATTACHED, overrides=overrides)).count("spec.overrides[0]") == 1


METRICS = patched("opentelemetry", add("/metrics/enable_ai_metrics", value=True))
FACTOR = patched("ai-proxy", add("/model/options/service_tier_factor", [{"tier": "flex", "factor": 0.5}]))


@pytest.mark.parametrize("value", [{}, {"value": None}], ids=["none", "null"])
@pytest.mark.parametrize("op", ["add", "replace"])
def test_an_operation_without_a_value_says_so(op: str, value: dict[str, Any]) -> None:
    text = message(patched("opentelemetry", {"op": op, "path": "/sampling_rate", **value}))
    assert text == (
        f"spec.overrides[0].patch[0]: /sampling_rate of opentelemetry must have a value other than null for `{op}`; "
        "to take a field away, use `remove`."
    )


@pytest.mark.parametrize("spec", [METRICS, FACTOR], ids=["opentelemetry", "ai-proxy"])
def test_a_field_is_accepted_from_the_version_that_has_it_and_where_the_version_is_unknown(spec: BindingSpec) -> None:
    found = check_plugins(spec, (3, 13))
    assert found
    assert "exists from Kong 3.14 on, the gateway runs 3.13: leave it out or upgrade Kong." in found.message
    assert [check_plugins(spec, kong) for kong in ((3, 14), (3, 15), (3, 99), None)] == [None] * 4


def test_objects_around_an_added_field_are_made_and_others_stay() -> None:
    spec = spec_of(
        llm_with(options={}),
        overrides=[
            {"plugin": "opentelemetry", "patch": [add("/queue/max_batch_size", 100), add("/queue/max_entries", 7)]},
            {"plugin": "ai-proxy", "patch": [add("/model/options/cohere/wait_for_model", value=True)]},
        ],
    )
    made = manifests(plan_of(spec))
    assert made["KongPlugin/assistant-opentelemetry"]["config"]["queue"] == {"max_batch_size": 100, "max_entries": 7}
    assert made["KongPlugin/assistant-openai-ai-proxy"]["config"]["model"]["options"] == {"cohere": {"wait_for_model": True}}


def test_objects_around_a_field_of_one_target_are_made_too() -> None:
    target = {"provider": "openai", "model": "gpt-4o", "auth": {"secretRef": {"name": "openai", "key": "api-key"}}}
    route = {**EXPOSED, "llm": {"targets": [target, target]}}
    spec = spec_of(
        route, overrides=[{"plugin": "ai-proxy-advanced", "patch": [add("/targets/1/model/options/cohere/wait_for_model", value=True)]}]
    )

    targets = manifests(plan_of(spec))["KongPlugin/assistant-openai-ai-proxy-advanced"]["config"]["targets"]

    assert [target["model"].get("options") for target in targets] == [None, {"cohere": {"wait_for_model": True}}]
