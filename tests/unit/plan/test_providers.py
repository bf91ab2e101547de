from __future__ import annotations

from itertools import product
from typing import Any, Final, get_args

import pytest

from fiddler_kong_operator.api import BindingSpec, Llm, Target
from fiddler_kong_operator.plan.objects.overrides import check_plugins
from fiddler_kong_operator.plan.plugins import plugin_instances
from fiddler_kong_operator.plan.providers import PROVIDERS, Provider, Upstream, check_providers, model_advice, upstream_of
from fiddler_kong_operator.plan.schemas import KNOWN_MINORS, SCHEMAS, Minor, dotted, violations
from tests.unit.plan.plans import EXPOSED, llm_with, manifests, plan_of, spec_of

_KEY: Final = {"auth": {"secretRef": {"name": "openai", "key": "api-key"}}}
_OWN_SERVER: Final = {"options": {"upstreamUrl": "http://models.ai.svc:8080/team/call"}}

MODELS: Final[dict[str, dict[str, Any]]] = {
    **dict.fromkeys(PROVIDERS, _KEY),
    "azure": {**_KEY, "azure": {"instance": "acme", "deploymentId": "d", "apiVersion": "preview"}},
    "bedrock": {"auth": {"aws": {}}, "bedrock": {"region": "eu-central-1", "videoOutputS3Uri": "s3://videos/out"}},
    "databricks": {**_KEY, "databricks": {"workspaceInstanceId": "dbc-1a2b"}},
    "gemini": {"auth": {"gcp": {}}, "gemini": {"projectId": "acme-1", "locationId": "us-central1"}},
    "llama2": {**_OWN_SERVER, "llama2": {"format": "openai"}},
    "ollama": _OWN_SERVER,
    "vllm": _OWN_SERVER,
}
"""The fields that each provider needs besides its name, the model and the route type."""

_STUDIO: Final[dict[str, Any]] = {**_KEY, "gemini": None}

ROUTE_TYPES: Final = get_args(Llm.model_fields["route_type"].annotation)
REALTIME: Final = "realtime/v1/realtime"
BATCHES: Final = {"routeType": "llm/v1/batches"}


def model(provider: str, **fields: Any) -> BindingSpec:
    return spec_of({**EXPOSED, "llm": {"provider": provider, "model": "m", **MODELS[provider], **fields}})


def call(provider: Provider, route_type: str) -> dict[str, Any]:
    """The fields of such a call besides `MODELS`."""
    studio = _STUDIO if (provider.name, route_type) == ("gemini", "llm/v1/files") else {}
    return {"routeType": route_type, **studio, **({"format": provider.name} if route_type in provider.native else {})}


@pytest.mark.parametrize(
    ("provider", "route_type"),
    [(provider, kind) for provider, kind in product(PROVIDERS.values(), ROUTE_TYPES) if kind in provider.route_types - {REALTIME}],
    ids=lambda given: given if isinstance(given, str) else given.name,
)
def test_kong_takes_every_call_that_a_provider_has(provider: Provider, route_type: str) -> None:
    spec = model(provider.name, **call(provider, route_type))
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
        ("anthropic", {"routeType": "llm/v1/batches"}, "format: must be anthropic for llm/v1/batches: Kong does not translate"),
        (
            "azure",
            {"routeType": "llm/v1/responses", "azure": {"instance": "acme", "deploymentId": "d"}},
            "azure.apiVersion: must be given for llm/v1/responses, for example preview: ",
        ),
        ("bedrock", {"bedrock": {"region": "x"}, "routeType": "video/v1/videos/generations"}, "bedrock.videoOutputS3Uri: must be given"),
        ("gemini", {**_STUDIO, "routeType": "llm/v1/completions"}, "gemini: must be given for llm/v1/completions"),
        ("gemini", {"format": "gemini", "routeType": "llm/v1/files"}, "gemini: must not be given for llm/v1/files"),
        ("gemini", {"format": "gemini", "routeType": REALTIME}, "gemini: must not be given for realtime/v1/realtime"),
        ("llama2", {"llama2": {"format": "raw"}, "routeType": "llm/v1/embeddings"}, "llama2.format: must not be raw"),
    ],
)
def test_a_model_that_breaks_a_rule_of_its_provider_is_refused(provider: str, fields: dict[str, Any], says: str) -> None:
    found = check_providers(model(provider, **fields))

    assert found is not None
    assert found.message.startswith(f"spec.routes[0].llm.{says}")


@pytest.mark.parametrize(
    ("provider", "fields", "before", "since", "instead", "form"),
    [
        ("bedrock", BATCHES, (3, 13), (3, 14), "bedrock for llm/v1/batches", "openai"),
        ("gemini", BATCHES, (3, 13), (3, 14), "gemini for llm/v1/batches", "openai"),
        ("gemini", {**_STUDIO, **BATCHES}, (3, 13), (3, 14), "gemini for llm/v1/batches", "openai"),
        ("databricks", {"format": "anthropic"}, (3, 14), (3, 15), "openai for llm/v1/chat", "anthropic"),
    ],
    ids=["bedrock", "Vertex AI", "AI Studio", "databricks"],
)
def test_a_form_that_only_a_newer_kong_has_is_refused_with_its_version(
    provider: str, fields: dict[str, Any], before: Minor, since: Minor, instead: str, form: str
) -> None:
    spec = model(provider, **fields)
    found = check_plugins(spec, before)

    assert found is not None
    says = f"must be {instead}, or upgrade Kong: the form {form} exists from Kong {dotted(since)} on, the gateway runs {dotted(before)}."
    assert found.message == f"spec.routes[0].llm.format: {says}"
    assert [check_plugins(spec, kong) for kong in (since, (3, 15), (3, 99), None)] == [None] * 4


def test_the_place_and_the_role_of_bedrocks_batches_need_a_newer_kong() -> None:
    batches = {"region": "eu-west-1", "batchBucketPrefix": "s3://batches/", "batchRoleArn": "arn:aws:iam::123456789012:role/batch"}
    spec = model("bedrock", routeType="llm/v1/batches", format="bedrock", bedrock=batches)
    (config,) = [instance.config for instance in plugin_instances(spec) if instance.plugin == "ai-proxy"]
    refused = check_plugins(spec, (3, 13))

    given = {"batch_bucket_prefix": "s3://batches/", "batch_role_arn": "arn:aws:iam::123456789012:role/batch"}
    assert config["model"]["options"]["bedrock"] == {"aws_region": "eu-west-1", **given}
    assert refused is not None
    assert "batch_bucket_prefix of ai-proxy exists from Kong 3.14 on" in refused.message
    assert check_plugins(spec, (3, 14)) is None


def realtime(provider: str, *, place: dict[str, Any], targets: bool) -> BindingSpec:
    fields = {"provider": provider, "model": "m", **MODELS[provider], **(_STUDIO if provider == "gemini" else {})}
    calls = {"routeType": REALTIME, **({"format": "gemini"} if provider == "gemini" else {})}
    return spec_of({"name": "talk", **place, "llm": {**({"targets": [fields]} if targets else fields), **calls}})


ATTACHED: Final = {"attachTo": {"kind": "Service", "name": "talk"}}


@pytest.mark.parametrize("name", [name for name, provider in PROVIDERS.items() if REALTIME in provider.route_types])
def test_realtime_calls_are_accepted_on_an_attached_route_with_targets(name: str) -> None:
    spec = realtime(name, place=ATTACHED, targets=True)

    assert [check_plugins(spec, kong) for kong in KNOWN_MINORS] == [None] * len(KNOWN_MINORS)
    assert [text for text in model_advice(spec) if "realtime/v1/realtime was never tried" in text] != []


@pytest.mark.parametrize(
    ("place", "targets", "says"),
    [
        ({"expose": {"path": "/talk"}}, True, "spec.routes[0].expose: must not be given where llm.routeType is realtime/v1/realtime: "),
        (ATTACHED, False, "spec.routes[0].llm.targets: must be given where routeType is realtime/v1/realtime: "),
    ],
    ids=["exposed", "a single model"],
)
def test_realtime_calls_that_kong_could_not_make_are_refused(place: dict[str, Any], targets: bool, says: str) -> None:  # noqa: FBT001
    found = check_providers(realtime("openai", place=place, targets=targets))

    assert found is not None
    assert found.message.startswith(says)


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
