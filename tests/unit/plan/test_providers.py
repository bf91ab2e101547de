from __future__ import annotations

from typing import Any, get_args

import pytest

from fiddler_kong_operator.api import Llm
from fiddler_kong_operator.plan.providers import PROVIDERS, Upstream, check_providers, upstream_advice, upstream_of
from tests.unit.plan.plans import llm_with, manifests, plan_of, spec_of


def llm(**options: Any) -> Llm:
    made = spec_of(llm_with(options=options)).routes[0].llm
    assert made is not None
    return made


def test_every_provider_of_the_api_is_registered() -> None:
    assert set(get_args(Llm.model_fields["provider"].annotation)) == set(PROVIDERS)


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
    found = upstream_advice(spec_of(llm_with(options={"upstreamUrl": f"https://llm.example.com{path}"})))

    assert [text.removesuffix(": Kong calls exactly this URL.") for text in found] == expected


def test_the_quickstart_is_accepted() -> None:
    assert check_providers(spec_of()) is None


def test_the_service_follows_upstream_url() -> None:
    made = manifests(plan_of(spec_of(llm_with(options={"upstreamUrl": "http://ollama.ai.svc:11434/v1/chat/completions"}))))
    service, ingress = made["Service/assistant-openai"], made["Ingress/assistant-openai"]
    assert service["spec"]["externalName"] == "ollama.ai.svc"
    assert service["metadata"]["annotations"]["konghq.com/protocol"] == "http"
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] == {"number": 11434}
