"""Each provider in its own form: the gateway stand-in puts the key where it belongs, and translates call and answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import aiohttp
import pytest

from devcluster.gateway.drivers import DRIVERS
from devcluster.provider import FORMS, ProviderStandIn
from devcluster.provider.bedrock import ACCESS_KEY_ID

from .conftest import PROVIDER_KEY, TRACING, Rig, page_config

QUESTION: Final = {"messages": [{"role": "user", "content": "What is the capital of France?"}]}
ANSWER: Final = "The capital of France is Paris. This was turn 1."
TOKENS: Final = (9, 10)


@dataclass(frozen=True)
class Case:
    """The configuration of a provider as Kong's documentation has it, and where its call arrives."""

    path: str
    options: dict[str, Any] = field(default_factory=dict)
    header: tuple[str, str] = ("Authorization", "Bearer ")
    version: tuple[int, ...] = (3, 13, 0, 7)
    model: str = "a-model"
    more: dict[str, Any] = field(default_factory=dict)


CASES: Final = {
    "anthropic": Case("/v1/messages", {"anthropic_version": "2023-06-01", "max_tokens": 99}, ("x-api-key", "")),
    "azure": Case("/openai/deployments/chat/chat/completions", {"azure_instance": "acme", "azure_deployment_id": "chat"}, ("api-key", "")),
    "bedrock": Case("/model/a.model-v1:0/converse", {"bedrock": {"aws_region": "eu-central-1"}}, model="a.model-v1:0"),
    "cerebras": Case("/v1/chat/completions"),
    "cohere": Case("/v1/chat"),
    "dashscope": Case("/compatible-mode/v1/chat/completions"),
    "databricks": Case("/serving-endpoints/v1/chat/completions", {"databricks": {"workspace_instance_id": "dbc-1"}}, version=(3, 14, 0, 7)),
    "deepseek": Case("/v1/chat/completions", version=(3, 14, 0, 7)),
    "gemini": Case("/v1beta/models/a-model:generateContent", {}, ("x-goog-api-key", "")),
    "mistral": Case("/v1/chat/completions", {"mistral_format": "openai"}),
    "openai": Case("/v1/chat/completions"),
    "xai": Case("/v1/chat/completions"),
}


def auth_of(name: str, key: str) -> dict[str, Any]:
    """The `auth` that puts a key in the provider's place."""
    if name == "bedrock":
        return {"aws_access_key_id": ACCESS_KEY_ID, "aws_secret_access_key": key}
    header, prefix = CASES[name].header
    return {"header_name": header, "header_value": prefix + key}


async def configured(make_rig: Callable[..., Any], name: str, auth: dict[str, Any] | None = None, **changes: Any) -> Rig:
    """A gateway that calls the provider, by default with its key in its place."""
    case = replace(CASES[name], **changes)
    rig: Rig = await make_rig(replace(TRACING, version=case.version))
    config = page_config(f"{rig.receiver.listener.url}/v1/traces")
    model = {"provider": name, "name": case.model, "options": case.options}
    config["plugins"][0]["config"] |= {"model": model, "auth": auth or auth_of(name, rig.provider.key_of(name)), **case.more}
    status, answer = await rig.push(config)
    assert status == 201, answer
    return rig


async def call(rig: Rig, **more: Any) -> tuple[int, Any]:
    async with rig.client.post(f"{rig.gateway.proxy_url}/openai", json=QUESTION | more) as response:
        return response.status, await response.json()


def test_every_provider_that_answers_can_be_called() -> None:
    assert set(FORMS) == set(DRIVERS) == set(CASES)


@pytest.mark.parametrize("name", CASES)
async def test_a_call_reaches_the_provider_by_its_path_and_key_and_the_client_gets_openais_form(
    make_rig: Callable[..., Any], name: str
) -> None:
    rig = await configured(make_rig, name)

    status, answer = await call(rig)

    seen = rig.provider.seen[0]
    assert (status, seen.provider, seen.path) == (200, name, CASES[name].path)
    assert answer["choices"][0]["message"]["content"] == ANSWER
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (*TOKENS, sum(TOKENS))
    assert [value for value in seen.headers.values() if value == "match"] == ["match"]
    assert PROVIDER_KEY not in repr(rig.provider.seen)


@pytest.mark.parametrize("name", CASES)
async def test_the_span_has_provider_model_and_tokens_and_text(make_rig: Callable[..., Any], name: str) -> None:
    rig = await configured(make_rig, name)

    await call(rig)
    await rig.delivered()

    span = rig.receiver.named(f"chat {CASES[name].model}")
    assert (span["gen_ai.provider.name"], span["gen_ai.request.model"]) == (name, CASES[name].model)
    assert (span["gen_ai.usage.input_tokens"], span["gen_ai.usage.output_tokens"]) == TOKENS
    assert ANSWER in span["gen_ai.output.messages"]
    assert "What is the capital of France?" in span["gen_ai.input.messages"]


@pytest.mark.parametrize("name", CASES)
async def test_another_providers_key_is_refused_in_the_providers_own_form(make_rig: Callable[..., Any], name: str) -> None:
    other = next(provider for provider in CASES if provider != name)
    rig = await configured(make_rig, name, auth_of(name, f"{PROVIDER_KEY}.{other}"))

    status, answer = await call(rig)

    unauthorized = FORMS[name].unauthorized
    assert (status, answer) == (unauthorized.status, FORMS[name].error(unauthorized))
    await rig.delivered()
    assert [s.status.message for s in rig.receiver.spans if s.name.startswith("chat")] == [f"status {unauthorized.status}"]


@pytest.mark.parametrize(
    ("name", "header", "prefix"),
    [
        ("anthropic", "Authorization", "Bearer "),
        ("anthropic", "x-api-key", "Bearer "),
        ("azure", "Authorization", "Bearer "),
        ("azure", "api-key", "Bearer "),
        ("cohere", "Authorization", ""),
        ("cohere", "x-api-key", ""),
        ("gemini", "Authorization", "Bearer "),
        ("openai", "api-key", ""),
    ],
)
async def test_a_key_in_the_wrong_place_is_refused(make_rig: Callable[..., Any], name: str, header: str, prefix: str) -> None:
    key = PROVIDER_KEY if name == "openai" else f"{PROVIDER_KEY}.{name}"
    rig = await configured(make_rig, name, {"header_name": header, "header_value": prefix + key})

    assert (await call(rig))[0] == 401
    assert "match" not in rig.provider.seen[0].headers.values()


async def test_gemini_takes_its_key_as_a_parameter_too(make_rig: Callable[..., Any]) -> None:
    auth = {"param_name": "key", "param_value": f"{PROVIDER_KEY}.gemini", "param_location": "query"}
    rig = await configured(make_rig, "gemini", auth)

    assert (await call(rig))[0] == 200
    assert rig.provider.seen[0].query == {"key": "match"}


async def test_a_key_can_go_into_the_body(make_rig: Callable[..., Any]) -> None:
    rig = await configured(make_rig, "anthropic", {"param_name": "token", "param_value": PROVIDER_KEY, "param_location": "body"})

    assert (await call(rig))[0] == 401
    assert rig.provider.seen[0].body["token"] == PROVIDER_KEY


async def test_azure_gets_the_version_of_its_api(make_rig: Callable[..., Any]) -> None:
    rig = await configured(make_rig, "azure")

    await call(rig)

    assert rig.provider.seen[0].query == {"api-version": "2023-05-15"}


async def test_bedrock_is_called_in_the_region_for_which_the_call_is_signed(make_rig: Callable[..., Any]) -> None:
    rig = await configured(make_rig, "bedrock")

    await call(rig)

    assert rig.provider.seen[0].headers["host"] == "bedrock-runtime.eu-central-1.amazonaws.com"


async def test_a_signature_for_another_region_is_refused(make_rig: Callable[..., Any]) -> None:
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/a.model-v1:0/converse"
    rig = await configured(make_rig, "bedrock", options={"bedrock": {"aws_region": "eu-central-1"}, "upstream_url": url})

    assert (await call(rig))[0] == 403


async def test_cohere_is_called_by_its_second_api_from_314(make_rig: Callable[..., Any]) -> None:
    rig = await configured(make_rig, "cohere", version=(3, 14, 0, 7))

    status, answer = await call(rig)

    assert (status, answer["choices"][0]["message"]["content"]) == (200, ANSWER)
    assert rig.provider.seen[0].path == "/v2/chat"


async def test_a_conversation_keeps_its_turns_in_every_form(make_rig: Callable[..., Any]) -> None:
    turns = [*QUESTION["messages"], {"role": "assistant", "content": ANSWER}, {"role": "user", "content": "And of Italy?"}]
    for name in CASES:
        rig = await configured(make_rig, name)

        _, answer = await call(rig, messages=turns)

        assert answer["choices"][0]["message"]["content"] == "The capital of Italy is Rome. This was turn 2.", name


@pytest.mark.parametrize(("name", "turn"), [(name, 2 if name == "cohere" else 1) for name in CASES])
async def test_a_system_prompt_is_no_turn_but_in_coheres_first_api(make_rig: Callable[..., Any], name: str, turn: int) -> None:
    """Kong's driver gives that API a system prompt as a turn of the user."""
    rig = await configured(make_rig, name)

    _, answer = await call(rig, messages=[{"role": "system", "content": "Be brief."}, *QUESTION["messages"]])

    assert answer["choices"][0]["message"]["content"] == ANSWER.replace("1", str(turn))
    assert answer["usage"]["prompt_tokens"] == TOKENS[0] + 5


async def test_anthropic_refuses_a_call_without_a_limit_of_tokens(make_rig: Callable[..., Any]) -> None:
    rig = await configured(make_rig, "anthropic", options={"anthropic_version": "2023-06-01"})

    status, answer = await call(rig)

    assert (status, answer["error"]["message"]) == (400, "max_tokens: Field required")


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("anthropic", {}, "cannot stream from anthropic"),
        ("gemini", {"options": {"gemini": {"api_endpoint": "a.b", "project_id": "p", "location_id": "l"}}}, "cannot call gemini"),
        ("bedrock", {"auth": {}}, "cannot call bedrock"),
        ("mistral", {"options": {"mistral_format": "ollama"}}, "does not speak ollama"),
        ("cohere", {"more": {"llm_format": "cohere"}}, "does not speak cohere"),
    ],
    ids=["streams", "Vertex AI", "an identity", "a server's own form", "a native form"],
)
async def test_it_says_what_it_cannot_do(make_rig: Callable[..., Any], name: str, changes: dict[str, Any], words: str) -> None:
    auth = {"allow_override": False} if "auth" in changes else None
    rig = await configured(make_rig, name, auth, **{key: value for key, value in changes.items() if key != "auth"})

    status, answer = await call(rig, stream=name == "anthropic")

    assert status == 500
    assert words in answer["message"]


async def test_an_answer_that_is_none_is_an_error_of_the_gateway(make_rig: Callable[..., Any]) -> None:
    rig = await configured(make_rig, "cohere", options={"upstream_url": "http://127.0.0.1:1/nothing"})
    assert (await call(rig))[0] == 502

    openai = "https://api.openai.com/v1/models"
    rig = await configured(make_rig, "cohere", auth_of("openai", PROVIDER_KEY), options={"upstream_url": openai})
    async with rig.client.get(f"{rig.gateway.proxy_url}/openai", json=QUESTION) as response:
        assert response.status == 500
        assert "transformation failed" in await response.text()


async def test_a_provider_that_is_down_says_so_in_its_own_form(make_rig: Callable[..., Any]) -> None:
    rig = await configured(make_rig, "anthropic")
    rig.provider.down.add("anthropic")

    assert await call(rig) == (503, {"type": "error", "error": {"type": "api_error", "message": "Service Unavailable"}})


async def test_what_is_no_call_is_refused_in_the_providers_form() -> None:
    async with ProviderStandIn(PROVIDER_KEY) as provider, aiohttp.ClientSession() as client:
        headers = {"Host": "api.anthropic.com", "x-api-key": provider.key_of("anthropic"), "anthropic-version": "2023-06-01"}
        for path, body, status in (("/v1/messages", b"[]", 400), ("/v1/messages", b"{", 400), ("/v1/message", b"{}", 404)):
            async with client.post(provider.url + path, data=body, headers=headers) as response:
                assert response.status == status
                assert json.loads(await response.text())["type"] == "error"
