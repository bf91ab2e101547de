from __future__ import annotations

import openai
import pytest

from devcluster.provider import ProviderStandIn

KEY = "sk-provider-canary"


def _client(provider: ProviderStandIn, key: str = KEY) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key=key, max_retries=0)


async def test_conversation_with_the_real_client() -> None:
    async with ProviderStandIn(KEY) as provider, _client(provider) as client:
        first = await client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "What is the capital of France?"}]
        )
        said = first.choices[0].message.content or ""
        second = await client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[
                {"role": "user", "content": "What is the capital of France?"},
                {"role": "assistant", "content": said},
                {"role": "user", "content": "And of Germany?"},
            ],
        )
    assert said == "The capital of France is Paris. This was turn 1."
    assert second.choices[0].message.content == "The capital of Germany is Berlin. This was turn 2."
    assert first.usage is not None
    assert (first.usage.prompt_tokens, first.usage.completion_tokens, first.usage.total_tokens) == (9, 10, 19)


async def test_stream_with_usage_says_the_same() -> None:
    async with ProviderStandIn(KEY) as provider, _client(provider) as client:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello there"}], stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "You said: hello there. This was turn 1."
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 8


async def test_max_tokens_cuts_the_answer() -> None:
    async with ProviderStandIn(KEY) as provider, _client(provider) as client:
        answer = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}], max_tokens=2)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("You said:", "length")


async def test_equal_requests_get_equal_answers() -> None:
    async with ProviderStandIn(KEY) as provider, _client(provider) as client:
        answers = [await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}]) for _ in range(2)]
        vectors = [(await client.embeddings.create(model="e", input="x", encoding_format="float")).data[0].embedding for _ in range(2)]
        models = [model.id async for model in client.models.list()]
    assert answers[0] == answers[1]
    assert vectors[0] == vectors[1]
    assert "gpt-4o-mini" in models


async def test_wrong_key_is_refused_and_never_repeated() -> None:
    async with ProviderStandIn(KEY) as provider, _client(provider, "sk-wrong-canary") as client:
        with pytest.raises(openai.AuthenticationError) as refusal:
            await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
        assert refusal.value.code == "invalid_api_key"
        assert provider.seen[0].headers["authorization"] == "no match"
    assert "canary" not in str(refusal.value) + repr(provider.seen)


async def test_request_without_messages_is_refused() -> None:
    async with ProviderStandIn(KEY) as provider, _client(provider) as client:
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model="m", messages=[])
