"""`ai-proxy-advanced` in the stand-in: which target gets a call, with which key, and what the trace shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web

from devcluster.listener import Listener

from .conftest import Rig, page_config, until

SPANS = 6
"""Those of a call that needs one attempt."""


class Backend:
    """A model of one's own that answers with `status` and keeps the keys it is shown."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.keys: list[str] = []
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        self.listener = Listener(app)

    @property
    def url(self) -> str:
        return f"{self.listener.url}/v1/chat/completions"

    async def _answer(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers["X-Key"])
        body = {"model": (await request.json())["model"], "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
        return web.json_response(body, status=self.status)


@pytest.fixture
async def backends() -> AsyncIterator[list[Backend]]:
    made = [Backend(), Backend()]
    async with AsyncExitStack() as stack:
        for backend in made:
            await stack.enter_async_context(backend.listener)
        yield made


def target(name: str, url: str, **more: Any) -> dict[str, Any]:
    model = {"provider": "openai", "name": name, "options": {"upstream_url": url}}
    auth = {"header_name": "X-Key", "header_value": f"key of {name}"}
    logging = {"log_statistics": True, "log_payloads": False}
    return {"route_type": "llm/v1/chat", "model": model, "auth": auth, "logging": logging, **more}


async def balance(rig: Rig, *targets: dict[str, Any], **balancer: Any) -> None:
    config = page_config(f"{rig.receiver.listener.url}/v1/traces")
    config["plugins"][0] |= {"name": "ai-proxy-advanced", "config": {"targets": list(targets), "balancer": balancer}}
    status, answer = await rig.push(config)
    assert status == 201, answer


async def call(rig: Rig, **headers: str) -> tuple[int, str]:
    """Status, and the model that answered."""
    url = f"{rig.gateway.proxy_url}/openai/v1/chat/completions"
    async with rig.client.post(url, json={"messages": [{"role": "user", "content": "hello"}]}, headers=headers) as response:
        return response.status, response.headers.get("x-kong-llm-model", "")


async def test_calls_are_shared_by_weight_and_each_target_gets_its_key(rig: Rig, backends: list[Backend]) -> None:
    one, two = backends
    await balance(rig, target("a", one.url, weight=2), target("b", two.url, weight=1))

    answers = [await call(rig) for _ in range(6)]

    assert answers == [(200, "openai/a"), (200, "openai/a"), (200, "openai/b")] * 2
    assert (one.keys, two.keys) == (["key of a"] * 4, ["key of b"] * 2)


async def test_the_trace_has_the_model_that_answered(rig: Rig, backends: list[Backend]) -> None:
    await balance(rig, target("a", "http://127.0.0.1:1/v1/chat/completions"), target("b", backends[1].url), algorithm="priority")

    assert await call(rig) == (200, "openai/b")
    await rig.delivered()

    spans = [span.name for span in rig.receiver.spans]
    assert [name for name in spans if name.startswith("chat")] == ["chat b"]
    assert "kong.access.plugin.ai-proxy-advanced" in spans
    assert rig.receiver.named("chat b")["gen_ai.request.model"] == "b"
    assert rig.receiver.named("chat b")["gen_ai.usage.output_tokens"] == 4


@pytest.mark.parametrize(
    ("criteria", "model"),
    [(["http_500", "non_idempotent"], "openai/b"), (["http_500"], "openai/a"), (["http_503", "non_idempotent"], "openai/a")],
)
async def test_a_call_that_was_sent_is_repeated_only_where_the_criteria_say_so(
    rig: Rig, backends: list[Backend], criteria: list[str], model: str
) -> None:
    backends[0].status = 500
    await balance(rig, target("a", backends[0].url), target("b", backends[1].url), failover_criteria=criteria)

    assert (await call(rig))[1] == model


async def test_a_target_that_cannot_be_reached_is_passed_over_by_default_and_without_retries_it_is_not(
    rig: Rig, backends: list[Backend]
) -> None:
    targets = target("a", "http://127.0.0.1:1/v1/chat/completions", weight=100), target("b", backends[1].url, weight=1)
    await balance(rig, *targets, algorithm="priority")
    assert await call(rig) == (200, "openai/b")

    await balance(rig, *targets, algorithm="priority", retries=0)
    assert await call(rig) == (502, "")


async def test_a_call_goes_on_to_another_provider_in_its_own_form_and_with_its_own_key(rig: Rig) -> None:
    first = target("gpt-4o-mini", "https://api.openai.com/v1/chat/completions")
    second = target("claude", "https://api.anthropic.com/v1/messages")
    first["auth"] = {"header_name": "Authorization", "header_value": f"Bearer {rig.provider.key_of('openai')}"}
    second["auth"] = {"header_name": "x-api-key", "header_value": rig.provider.key_of("anthropic")}
    second["model"] |= {"provider": "anthropic", "options": {"anthropic_version": "2023-06-01", "max_tokens": 99}}
    await balance(rig, first, second, algorithm="priority", failover_criteria=["http_503", "non_idempotent"])

    assert await call(rig) == (200, "openai/gpt-4o-mini")
    rig.provider.down.add("openai")
    assert await call(rig) == (200, "anthropic/claude")

    assert [seen.provider for seen in rig.provider.seen] == ["openai", "openai", "anthropic"]
    await until(lambda: len(rig.receiver.spans) >= 2 * SPANS, "the spans of both calls")
    assert [span.name for span in rig.receiver.spans if span.name.startswith("chat")] == ["chat gpt-4o-mini", "chat claude"]
    answered = rig.receiver.named("chat claude")
    assert (answered["gen_ai.provider.name"], answered["gen_ai.usage.output_tokens"]) == ("anthropic", 7)


async def test_calls_with_the_same_header_go_to_the_same_target(rig: Rig, backends: list[Backend]) -> None:
    one, two = backends
    await balance(rig, target("a", one.url), target("b", two.url), algorithm="consistent-hashing", hash_on_header="X-User")

    answers = {user: {(await call(rig, **{"X-User": user}))[1] for _ in range(3)} for user in ("u1", "u2", "u3", "u4", "u5", "u6")}

    assert {len(models) for models in answers.values()} == {1}
    assert set.union(*answers.values()) == {"openai/a", "openai/b"}


async def test_what_it_cannot_balance_is_an_error(rig: Rig, backends: list[Backend]) -> None:
    await balance(rig, target("a", backends[0].url), algorithm="lowest-latency")

    assert (await call(rig))[0] == 500


@pytest.mark.parametrize(
    ("config", "field", "message"),
    [
        ({}, "config.targets", "required field missing"),
        ({"targets": []}, "config.targets", "length must be at least 1"),
        ({"targets": [target("a", "https://a.example/x", weight=0)]}, "config.targets.1.weight", "value should be between 1 and 65535"),
        ({"targets": [target("a", "a.example")]}, "config.targets.1.model.options.upstream_url", "missing host in url"),
        (
            {"targets": [target("a", "https://a.example/x")], "balancer": {"algorithm": "random"}},
            "config.balancer.algorithm",
            "expected one of: ",
        ),
        ({"targets": [target("a", "https://a.example/x", auth={"header_name": "X"})]}, "", "all or none of these fields must be set: "),
    ],
    ids=["no targets", "none", "weight", "url", "algorithm", "half a key"],
)
async def test_its_configuration_is_checked_as_ai_proxys(rig: Rig, config: dict[str, Any], field: str, message: str) -> None:
    page = page_config("https://acme.fiddler.ai/v1/traces")
    page["plugins"][0] |= {"name": "ai-proxy-advanced", "config": config}

    status, answer = await rig.push(page)

    (error,) = answer["flattened_errors"][0]["errors"]
    assert (status, error.get("field", "")) == (400, field)
    assert error["message"].startswith(message)
