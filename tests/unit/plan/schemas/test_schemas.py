from __future__ import annotations

from typing import Any, Final

import pytest

from fiddler_kong_operator.plan.schemas import KNOWN_MINORS, SCHEMAS, violations

OLDEST, NEWER = KNOWN_MINORS[:2]
MODELS: Final[dict[str, dict[str, Any]]] = {
    "anthropic": {"anthropic_version": "2023-06-01"},
    "azure": {"azure_instance": "acme", "azure_deployment_id": "gpt-4o"},
    "llama2": {"llama2_format": "ollama", "upstream_url": "http://llama.ai/api/chat"},
    "mistral": {"mistral_format": "openai"},
}
"""Options that Kong demands for a provider."""


def config(provider: str = "openai", options: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"route_type": "llm/v1/chat", "model": {"provider": provider, "name": "m", "options": options or {}}, **more}


def refused(of: dict[str, Any], kong: tuple[int, ...] | None = None) -> list[str]:
    return [f"/{'/'.join(found.path)} {found.rule}" for found in violations(SCHEMAS["ai-proxy"], of, kong)]


@pytest.mark.parametrize("provider", sorted(MODELS))
def test_a_provider_needs_each_of_its_options(provider: str) -> None:
    options = MODELS[provider]
    assert refused(config(provider, options)) == []
    for missing in options:
        rest = {name: value for name, value in options.items() if name != missing}
        assert refused(config(provider, rest)) == [f"/model/options/{missing} must be set where /model/provider is {provider}"]


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"auth": {"header_name": "x"}}, "/auth/header_value must be set where /auth/header_name is set"),
        ({"auth": {"param_name": "x", "param_value": "y"}}, "/auth/param_location must be set where /auth/param_name is set"),
    ],
)
def test_parts_of_one_key_go_together(fields: dict[str, Any], missing: str) -> None:
    assert refused(config(**fields)) == [missing]


@pytest.mark.parametrize("provider", ["bedrock", "gemini"])
def test_a_signed_call_cannot_be_overridden(provider: str) -> None:
    found = refused(config(provider, auth={"allow_override": True}))
    assert found == [f"/auth/allow_override must not be true where /model/provider is {provider}"]
    assert refused(config(provider, auth={"allow_override": False})) == []


def test_calls_whose_tokens_kong_cannot_count_are_refused() -> None:
    found = refused({**config("anthropic", MODELS["anthropic"]), "route_type": "llm/v1/completions"})
    assert found == ["/route_type must not be llm/v1/completions where /model/provider is anthropic"]


@pytest.mark.parametrize("native", ["bedrock", "cohere", "gemini", "huggingface"])
def test_a_native_format_goes_only_to_its_own_provider(native: str) -> None:
    assert refused(config(native, llm_format=native)) == []
    assert refused(config(llm_format=native)) == [f"/llm_format must not be {native} where /model/provider is openai"]


def test_a_provider_exists_from_a_version_on() -> None:
    (found,) = refused(config("vllm"), OLDEST)
    assert found.startswith("/model/provider must be one of anthropic, azure, ")
    assert found.endswith(", xai (vllm: exists from Kong 3.14 on, the gateway runs 3.13)")
    assert [refused(config("vllm"), kong) for kong in (NEWER, None)] == [[], []]


def test_a_field_that_kong_dropped_is_refused_where_it_is_gone() -> None:
    access = {"access_logs_endpoint": "https://logs.example"}
    found = {kong: [v.rule for v in violations(SCHEMAS["opentelemetry"], access, kong)] for kong in (OLDEST, NEWER, None)}
    assert found == {OLDEST: [], NEWER: ["exists only up to Kong 3.13: leave it out"], None: []}


def test_fields_of_two_versions_cannot_be_mixed_even_where_the_version_is_unknown() -> None:
    mixed = {"access_logs_endpoint": "https://logs.example", "metrics": {"enable_ai_metrics": True}}
    assert [v.path for v in violations(SCHEMAS["opentelemetry"], mixed, None)] == [("access_logs_endpoint",)]


def test_each_field_of_a_listed_record_is_needed() -> None:
    options = {"cache_write_cost_list": [{"ttl": "5m", "cost": 1.25}, {"ttl": "1h"}]}
    assert refused(config(options=options)) == ["/model/options/cache_write_cost_list/1/cost must be set, to a number above 0"]


@pytest.mark.parametrize(
    ("acls", "path"),
    [
        ({"allow": []}, "/acls/allow"),
        ({"deny": [{"match": []}]}, "/acls/deny/0/match"),
        ({"allow": [{"match": [{"type": "header", "key": "x-team", "values": []}]}]}, "/acls/allow/0/match/0/values"),
    ],
)
def test_a_rule_about_access_needs_what_it_compares(acls: dict[str, Any], path: str) -> None:
    targets = [config()]
    found = violations(SCHEMAS["ai-proxy-advanced"], {"targets": targets, "acls": acls}, NEWER)
    assert [f"/{'/'.join(v.path)} {v.rule}" for v in found] == [f"{path} must be a list that is not empty"]
    whole = {"allow": [{"match": [{"type": "header", "key": "x-team", "values": ["blue"]}]}]}
    assert violations(SCHEMAS["ai-proxy-advanced"], {"targets": targets, "acls": whole}, NEWER) == ()
