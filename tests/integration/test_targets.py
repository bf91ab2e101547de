"""Several models behind one route: the plugin takes the place of ai-proxy without a gap, and a call goes on to the next model."""

from __future__ import annotations

import http.client
import json
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from tests.integration.arena import Arena
from tests.integration.children import children, object_lines
from tests.integration.pushed import Pushed

SECOND: Final = {"provider": "openai", "model": "gpt-4o", "auth": {"secretRef": {"name": "openai", "key": "api-key"}}}
FIRST: Final = {
    **SECOND,
    "model": "tiny",
    "options": {"upstreamUrl": "https://model.invalid/v1/chat/completions"},
    "auth": {"secretRef": {"name": "spare", "key": "api-key"}, "headerName": "X-Key", "headerPrefix": ""},
}
BALANCER: Final = {"algorithm": "priority", "retries": 1}


def shared(arena: Arena, *targets: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The quick start's binding with several models."""
    return arena.binding({"routes.0.llm": {"targets": list(targets), "balancer": BALANCER}, **changes})


def proxies(pushed: Pushed) -> list[str]:
    """The plugins that call a model, by type."""
    return [kind for kind in pushed.types() if kind.startswith("ai-proxy")]


def call(arena: Arena) -> tuple[int, str | None]:
    """Status of an LLM call, and the model that Kong says has answered."""
    address = urlsplit(arena.stage.gateway.proxy_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    body = json.dumps({"messages": [{"role": "user", "content": "What is the capital of France?"}]})
    try:
        connection.request("POST", f"/{arena.namespace}", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.getheader("X-Kong-LLM-Model")
    finally:
        connection.close()


@pytest.mark.provided
def test_a_call_is_answered_by_the_second_model_where_the_first_fails_each_with_its_own_key(arena: Arena) -> None:
    arena.put(arena.secret("spare", "key-of-the-first"))
    arena.put(shared(arena, FIRST | {"weight": 2}, SECOND | {"weight": 1}, sessions={"mode": "Disabled"}))
    arena.until_ready()

    pushed = arena.until_pushed(lambda pushed: proxies(pushed) == ["ai-proxy-advanced"], "the plugin for several models")
    keys = [(t["auth"]["header_name"], t["auth"]["header_value"]) for t in pushed.plugin("ai-proxy-advanced")["config"]["targets"]]

    assert keys == [("X-Key", "key-of-the-first"), ("Authorization", f"Bearer {arena.stage.keys.provider}")]
    arena.until(lambda: call(arena)[0] != 404, "the route")
    assert call(arena) == (200, "openai/gpt-4o")
    assert arena.stage.provider.seen[-1].headers["authorization"] == "match"
    assert "x-key" not in arena.stage.provider.seen[-1].headers


@pytest.mark.provided
def test_a_route_switches_to_several_models_and_back_by_one_write_of_its_list(arena: Arena) -> None:
    arena.put(arena.binding())
    arena.until_ready()
    before, refused = children(arena), arena.stage.gateway.refused_pushes
    mark = arena.mark()

    arena.put(shared(arena, SECOND, SECOND | {"model": "gpt-4o-mini"}))
    arena.until_ready()
    arena.until_pushed(lambda pushed: proxies(pushed) == ["ai-proxy-advanced"], "the plugin for several models")

    assert object_lines(arena, mark) == [
        "patch secrets assistant-kong-keys",
        "create kongplugins assistant-openai-ai-proxy-advanced",
        "patch services assistant-openai",
        "delete kongplugins assistant-openai-ai-proxy",
        "patch secrets assistant-kong-keys",
    ]
    arena.put(arena.binding())
    arena.until_ready()
    arena.until_pushed(lambda pushed: proxies(pushed) == ["ai-proxy"], "the plugin for one model")
    assert children(arena) == before
    assert arena.stage.gateway.refused_pushes == refused
