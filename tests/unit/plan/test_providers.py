from __future__ import annotations

from itertools import product
from typing import Any, Final, get_args

import pytest

from fiddler_kong_operator.api import BindingSpec, Llm, Target
from fiddler_kong_operator.plan.plugins import plugin_instances
from fiddler_kong_operator.plan.providers import PROVIDERS, Provider, Upstream, check_providers, model_advice, upstream_of
from fiddler_kong_operator.plan.schemas import KNOWN_MINORS, SCHEMAS, violations
from tests.unit.plan.plans import EXPOSED, llm_with, manifests, plan_of, spec_of

_KEY: Final = {"auth": {"secretRef": {"name": "openai", "key": "api-key"}}}
_OWN_SERVER: Final = {"options": {"upstreamUrl": "http://models.ai.svc:8080/team/call"}}

MODELS: Final[dict[str, dict[str, Any]]] = {
    **dict.fromkeys(PROVIDERS, _KEY),
    "azure": {**_KEY, "azure": {"instance": "acme", "deploymentId": "d"}},
    "bedrock": {"auth": {"aws": {}}, "bedrock": {"region": "eu-central-1", "videoOutputS3Uri": "s3://videos/out"}},
    "databricks": {**_KEY, "databricks": {"workspaceInstanceId": "dbc-1a2b"}},
    "gemini": {"auth": {"gcp": {}}, "gemini": {"projectId": "acme-1", "locationId": "us-central1"}},
    "llama2": {**_OWN_SERVER, "llama2": {"format": "openai"}},
    "ollama": _OWN_SERVER,
    "vllm": _OWN_SERVER,
}
"""The fields that each provider needs besides its name, the model and the route type."""

ROUTE_TYPES: Final = get_args(Llm.model_fields["route_type"].annotation)


def model(provider: str, **fields: Any) -> BindingSpec:
    return spec_of({**EXPOSED, "llm": {"provider": provider, "model": "m", **MODELS[provider], **fields}})


def own_format(provider: Provider, route_type: str) -> dict[str, str]:
    return {"format": provider.name} if route_type in provider.native else {}


@pytest.mark.parametrize(
    ("provider", "route_type"),
    [(provider, kind) for provider, kind in product(PROVIDERS.values(), ROUTE_TYPES) if kind in provider.route_types],
    ids=lambda given: given if isinstance(given, str) else given.name,
)
def test_kong_takes_every_call_that_a_provider_has(provider: Provider, route_type: str) -> None:
    spec = model(provider.name, routeType=route_type, **own_format(provider, route_type))
    plugin = next(instance for instance in plugin_instances(spec) if instance.plugin == "ai-proxy")
    config = {**plugin.config, "auth": {**plugin.config.get("auth", {}), **{key.pointer.rpartition("/")[2]: "x" for key in plugin.keys}}}

    assert check_providers(spec) is None
    assert any(not violations(SCHEMAS["ai-proxy"], config, minor) for minor in KNOWN_MINORS)
    assert not violations(SCHEMAS["ai-proxy"], config, KNOWN_MINORS[-1])


@pytest.mark.parametrize("name", [name for name, provider in PROVIDERS.items() if len(provider.route_types) < len(ROUTE_TYPES)])
def test_calls_that_a_provider_has_not_are_refused_with_those_it_has(name: str) -> None:
    provider = PROVIDERS[name]
    missing = next(kind for kind in ROUTE_TYPES if kind not in provider.route_types)

    found = check_providers(model(provider.name, routeType=missing))

    assert found is not None
    assert found.message.startswith(f"spec.routes[0].llm.routeType: Kong has no {missing} for {provider.name}. Choose one of ")
    assert "llm/v1/chat" in found.message


@pytest.mark.parametrize(
    ("provider", "fields", "says"),
    [
        ("openai", {"format": "anthropic"}, "format: must be one of openai where provider is openai."),
        ("bedrock", {"routeType": "llm/v1/batches"}, "format: must be bedrock for llm/v1/batches"),
        ("bedrock", {"bedrock": {"region": "x"}, "routeType": "video/v1/videos/generations"}, "bedrock.videoOutputS3Uri: must be given"),
        ("gemini", {**_KEY, "gemini": None, "routeType": "llm/v1/completions"}, "gemini: must be given for llm/v1/completions"),
        ("llama2", {"llama2": {"format": "raw"}, "routeType": "llm/v1/embeddings"}, "llama2.format: must not be raw"),
    ],
)
def test_a_model_that_breaks_a_rule_of_its_provider_is_refused(provider: str, fields: dict[str, Any], says: str) -> None:
    found = check_providers(model(provider, **fields))

    assert found is not None
    assert found.message.startswith(f"spec.routes[0].llm.{says}")


def test_a_call_without_token_counts_is_told() -> None:
    assert [*model_advice(model("openai", routeType="audio/v1/audio/speech"))] == [
        "spec.routes[0].llm.routeType: Kong counts no tokens of audio/v1/audio/speech, so Fiddler shows none."
    ]


def test_an_anthropic_model_without_a_largest_number_of_tokens_is_told() -> None:
    assert [*model_advice(model("anthropic", options={}))] == [
        (
            "spec.routes[0].llm.options.maxTokens is not given: Anthropic refuses a call without max_tokens, "
            "so set it, or have every call bring one."
        )
    ]
    assert [*model_advice(model("anthropic", options={"maxTokens": 9}))] == []
    assert "max_tokens" not in str(model_advice(model("anthropic", routeType="llm/v1/batches", format="anthropic", options={})))


def llm(**options: Any) -> Llm:
    made = spec_of(llm_with(options=options)).routes[0].llm
    assert made is not None
    return made


def test_every_provider_of_the_api_is_registered() -> None:
    assert set(get_args(Target.model_fields["provider"].annotation)) == set(PROVIDERS)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, Upstream("api.openai.com", 443, "https")),
        ("https://llm.example.com/v1/chat/completions", Upstream("llm.example.com", 443, "https")),
        ("http://ollama.ai.svc:11434/v1/chat/completions?x=1", Upstream("ollama.ai.svc", 11434, "http")),
        ("http://10.0.0.5:80/call", Upstream("10.0.0.5", 80, "http")),
        ("https://LLM.Example.com/call", Upstream("llm.example.com", 443, "https")),
    ],
)
def test_upstream(url: str | None, expected: Upstream) -> None:
    assert upstream_of(llm(**({"upstreamUrl": url} if url else {}))) == expected


@pytest.mark.parametrize(
    "url",
    ["https://a:70000/x", "https://a:0/x", "https://a..b/x", "https://a-/x", "https://1.2.3/x", "https://123/x", "https://1.2.3.400/x"],
)
def test_addresses_a_service_cannot_express_are_refused(url: str) -> None:
    found = check_providers(spec_of(llm_with(options={"upstreamUrl": url})))
    assert found is not None
    assert found.reason.name == "InvalidSpec"
    assert found.message.startswith("spec.routes[0].llm.options.upstreamUrl: ")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/chat/completions", []),
        ("/chat/completions?api-version=2024-10-21", []),
        (
            "/team-a/invocations",
            ["spec.routes[0].llm.options.upstreamUrl does not end in /chat/completions, as is usual for llm/v1/chat"],
        ),
    ],
)
def test_a_url_with_an_unusual_end_gets_advice(path: str, expected: list[str]) -> None:
    found = model_advice(spec_of(llm_with(options={"upstreamUrl": f"https://llm.example.com{path}"})))

    assert [text.removesuffix(": Kong calls exactly this URL.") for text in found] == expected


def test_the_quickstart_is_accepted() -> None:
    assert check_providers(spec_of()) is None


def test_the_service_follows_upstream_url() -> None:
    made = manifests(plan_of(spec_of(llm_with(options={"upstreamUrl": "http://ollama.ai.svc:11434/v1/chat/completions"}))))
    service, ingress = made["Service/assistant-openai"], made["Ingress/assistant-openai"]
    assert service["spec"]["externalName"] == "ollama.ai.svc"
    assert service["metadata"]["annotations"]["konghq.com/protocol"] == "http"
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] == {"number": 11434}
