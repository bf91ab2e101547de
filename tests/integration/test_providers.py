"""Every provider that the stand-in knows: the key of a Secret arrives in the provider's own place, and the span of a call in Fiddler."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from devcluster.operator_process import OperatorProcess
from devcluster.provider import FORMS
from devcluster.provider.bedrock import ACCESS_KEY_ID
from devcluster.stage import Stage
from fiddler_kong_operator.plan.providers import PROVIDERS
from tests.integration.arena import Arena
from tests.integration.own import granted, own_arena

OWN: Final[dict[str, dict[str, Any]]] = {
    "anthropic": {"options": {"maxTokens": 99}},
    "azure": {"azure": {"instance": "acme", "deploymentId": "chat"}},
    "bedrock": {
        "bedrock": {"region": "eu-central-1"},
        "auth": {
            "aws": {
                "accessKeyIdRef": {"name": "bedrock-key", "key": "id"},
                "secretAccessKeyRef": {"name": "bedrock-key", "key": "secret"},
            }
        },
    },
}
"""The fields that a provider needs besides its name, a model and the reference to its key."""

NEWER: Final = frozenset({"databricks", "deepseek"})
"""Kong 3.13, which the stage's gateway runs, does not have them."""

CALLED: Final = sorted(FORMS.keys() - NEWER)


def route(provider: str, namespace: str) -> dict[str, Any]:
    auth = {"secretRef": {"name": f"{provider}-key", "key": "api-key"}}
    llm = {"provider": provider, "model": f"{provider}-model", "auth": auth, **OWN.get(provider, {})}
    return {"name": provider, "expose": {"path": f"/{namespace}/{provider}"}, "llm": llm}


@pytest.fixture(scope="module")
def called(stage: Stage, operator: OperatorProcess) -> Iterator[Arena]:
    """A binding with a route for each provider on the stage's own gateway, whose settings the stand-in has."""
    with granted(stage), own_arena(stage, operator) as arena:
        for provider in CALLED:
            arena.put(arena.secret(f"{provider}-key", stage.provider.key_of(provider)))
        pair = {"id": ACCESS_KEY_ID, "secret": stage.provider.key_of("bedrock")}
        arena.put(arena.manifest("v1", "Secret", "bedrock-key", stringData=pair))
        routes = [route(provider, arena.namespace) for provider in CALLED]
        arena.put(arena.binding({"routes": routes, "gateway.targetRef": {"namespace": "kong", "name": "kong-gateway"}}))
        arena.until_ready()
        arena.until_pushed(lambda pushed: pushed.types().count("pre-function") == len(CALLED), "every route, observed")
        arena.until(lambda: traced(arena, "openai", "warm-up"), "the span of a first call")
        yield arena


def call(arena: Arena, provider: str, conversation: str) -> tuple[int, str]:
    """Status and text of the answer to an LLM call in OpenAI's form."""
    address = urlsplit(arena.stage.gateway.proxy_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    body = json.dumps({"messages": [{"role": "user", "content": "What is the capital of France?"}]})
    headers = {"Content-Type": "application/json", "Authorization": "Bearer of-the-client", "X-Fiddler-Conversation-Id": conversation}
    try:
        connection.request("POST", f"/{arena.namespace}/{provider}", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def spans(arena: Arena, conversation: str) -> list[tuple[Any, ...]]:
    """Provider, model and tokens of the conversation's LLM spans that Fiddler has."""
    wanted = ("gen_ai.provider.name", "gen_ai.request.model")
    found = [span for span in arena.stage.sink.spans() if span.session_id == conversation]
    return [(*map(span.text, wanted), span.input_tokens, span.output_tokens) for span in found]


def traced(arena: Arena, provider: str, conversation: str) -> bool:
    """Whether a span of the conversation has arrived, after another call."""
    call(arena, provider, conversation)
    return bool(spans(arena, conversation))


def test_every_provider_of_the_stand_in_is_one_of_the_operators() -> None:
    assert FORMS.keys() - PROVIDERS.keys() == set()


@pytest.mark.parametrize("provider", CALLED)
def test_a_call_carries_the_providers_key_in_its_own_place_and_makes_a_span(called: Arena, provider: str) -> None:
    status, text = call(called, provider, f"conversation-{provider}")

    assert (status, json.loads(text)["choices"][0]["message"]["content"]) == (200, "The capital of France is Paris. This was turn 1.")
    seen = called.stage.provider.seen[-1]
    assert (seen.provider, [*seen.headers.values()].count("match")) == (provider, 1)
    called.until(lambda: bool(spans(called, f"conversation-{provider}")), "the call's span")
    assert spans(called, f"conversation-{provider}") == [(provider, f"{provider}-model", 9, 10)]
