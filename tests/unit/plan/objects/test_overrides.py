from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.plan.objects.overrides import check_overrides
from tests.unit.plan.plans import ATTACHED, EXPOSED, manifests, plan_of, spec_of


def patched(plugin: str, *operations: dict[str, Any], **more: Any) -> BindingSpec:
    return spec_of(overrides=[{"plugin": plugin, "patch": list(operations), **more}])


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def message(spec: BindingSpec) -> str:
    found = check_overrides(spec)
    assert found is not None
    assert found.reason.name == "InvalidSpec"
    return found.message


@pytest.mark.parametrize(
    ("plugin", "operation"),
    [
        ("opentelemetry", add("/queue", {"max_batch_size": 100})),
        ("opentelemetry", add("/resource_attributes/deployment.environment", "prod")),
        ("opentelemetry", add("/propagation/extract", [])),
        ("opentelemetry", add("/sampling_rate", 0.5)),
        ("ai-proxy", add("/auth/allow_override", value=False)),
        ("ai-proxy", add("/max_request_body_size", 4194304)),
        ("ai-proxy", add("/model/options/gemini", {"api_endpoint": "example.com"})),
        ("ai-proxy", {"op": "replace", "path": "/route_type", "value": "preserve"}),
        ("ai-proxy", {"op": "remove", "path": "/model/options/temperature"}),
    ],
)
def test_accepted_patches(plugin: str, operation: dict[str, Any]) -> None:
    assert check_overrides(patched(plugin, operation)) is None


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
        ("pre-function", add("/access", ["os.exit()"])),
        ("pre-function", add("/rewrite", ["os.exit()"])),
        ("pre-function", {"op": "remove", "path": "/log"}),
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
        ("opentelemetry", add("/queue/max_batch_size", 100)),
        ("opentelemetry", {"op": "replace", "path": "/queue", "value": {}}),
        ("opentelemetry", {"op": "remove", "path": "/sampling_rate"}),
        ("ai-proxy", add("/route_type/deeper", 1)),
        ("ai-proxy", {"op": "replace", "path": "/route_type/deeper", "value": 1}),
        ("ai-proxy", {"op": "remove", "path": "/route_type/deeper"}),
        ("ai-proxy", add("/model/options/max_tokens/0", 1)),
    ],
)
def test_patches_that_do_not_fit_are_refused(plugin: str, operation: dict[str, Any]) -> None:
    assert message(patched(plugin, operation)).startswith("spec.overrides[0]: the patch does not fit the config of " + plugin)


def test_overrides_of_plugins_that_are_not_made_are_refused() -> None:
    operation = add("/sampling_rate", 0.5)
    assert "no opentelemetry plugin for the route `openai`" in message(patched("opentelemetry", operation, route="openai"))
    assert "no ai-proxy plugin for the route `other`" in message(patched("ai-proxy", add("/x", 1), route="other"))
    unobserved = spec_of({k: v for k, v in ATTACHED.items() if k != "llm"}, overrides=[{"plugin": "ai-proxy", "patch": [add("/x", 1)]}])
    assert "no ai-proxy plugin" in message(unobserved)


def test_overrides_apply_in_order_to_the_plugins_they_name() -> None:
    overrides = [
        {"plugin": "ai-proxy", "patch": [add("/model/options/seed", 1)]},
        {"plugin": "ai-proxy", "route": "chat", "patch": [{"op": "replace", "path": "/model/options/seed", "value": 2.0}]},
    ]
    made = manifests(plan_of(spec_of(EXPOSED, ATTACHED, overrides=overrides)))
    seeds = [made[f"KongPlugin/assistant-{r}-ai-proxy"]["config"]["model"]["options"]["seed"] for r in ("openai", "chat")]
    assert seeds == [1, 2]
    assert isinstance(seeds[1], int)


def test_every_problem_is_told() -> None:
    text = message(patched("opentelemetry", add("/headers/X", "1"), add("/sampling_rate", 1), add("/logs_endpoint", "x")))
    assert "patch[0]" in text
    assert "patch[1]" not in text
    assert "patch[2]" in text
