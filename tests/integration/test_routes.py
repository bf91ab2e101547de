"""Each change of a spec reaches Kong with only the necessary writes, and is reverted with the spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.integration.arena import Arena
from tests.integration.children import CHILDREN, PRE_FUNCTION, children, object_lines, write_lines
from tests.integration.pushed import Pushed

STATUS: Final = "patch fiddlerkongbindings/status assistant"
CHAT: Final = {
    "name": "chat",
    "expose": {"path": "/chat"},
    "llm": {"provider": "openai", "model": "gpt-4o", "auth": {"secretRef": {"name": "openai", "key": "api-key"}}},
}


def config(kind: str) -> Callable[[Pushed], dict[str, Any]]:
    return lambda pushed: dict(pushed.plugin(kind)["config"])


def options(pushed: Pushed) -> dict[str, Any]:
    return dict(config("ai-proxy")(pushed)["model"]["options"])


def is_complete(pushed: Pushed) -> bool:
    return pushed.types() == ["ai-proxy", "opentelemetry", "pre-function"]


@pytest.fixture
def ready(arena: Arena) -> Arena:
    arena.put(arena.binding())
    arena.until_ready()
    arena.until_pushed(is_complete, "three plugins")
    arena.until_quiet(1.0)
    return arena


CHANGES: Final[list[tuple[str, dict[str, Any], str, Callable[[Pushed], bool]]]] = [
    (
        "model",
        {"routes.0.llm.model": "gpt-4.1"},
        "kongplugins assistant-openai-ai-proxy",
        lambda pushed: config("ai-proxy")(pushed)["model"]["name"] == "gpt-4.1",
    ),
    (
        "options",
        {"routes.0.llm.options": {"topP": 0.5}},
        "kongplugins assistant-openai-ai-proxy",
        lambda pushed: options(pushed).get("top_p") == 0.5 and options(pushed).get("max_tokens") != 512,
    ),
    (
        "payloads",
        {"payloads": "Disabled"},
        "kongplugins assistant-openai-ai-proxy",
        lambda pushed: config("ai-proxy")(pushed)["logging"]["log_payloads"] is False,
    ),
    (
        "session headers",
        {"sessions": {"headers": ["X-Thread"]}},
        "kongplugins assistant-pre-function",
        lambda pushed: 'get_header("X-Thread")' in config("pre-function")(pushed)["access"][0],
    ),
    (
        "attributes",
        {"attributes": [{"name": "gen_ai.agent.name", "value": "bot"}, {"name": "fiddler.span.user.team", "fromHeader": "X-Team"}]},
        "kongplugins assistant-pre-function",
        lambda pushed: 'get_header("X-Team")' in "".join(config("pre-function")(pushed)["access"]),
    ),
    (
        "sampling rate",
        {"tracing": {"samplingRate": 0.5}},
        "kongplugins assistant-opentelemetry",
        lambda pushed: config("opentelemetry")(pushed).get("sampling_rate") == 0.5,
    ),
    (
        "propagation",
        {"tracing": {"propagation": "Ignore"}},
        "kongplugins assistant-opentelemetry",
        lambda pushed: config("opentelemetry")(pushed)["propagation"].get("extract") == [],
    ),
    (
        "path",
        {"routes.0.expose.path": "/elsewhere"},
        "ingresses assistant-openai",
        lambda pushed: "/elsewhere/" in pushed.routes[0]["paths"],
    ),
    (
        "host",
        {"routes.0.expose.host": "llm.example"},
        "ingresses assistant-openai",
        lambda pushed: pushed.routes[0].get("hosts") == ["llm.example"],
    ),
    (
        "timeouts and retries",
        {"routes.0.expose.timeouts": {"read": "10m"}, "routes.0.expose.retries": 0},
        "services assistant-openai",
        lambda pushed: (pushed.services[0]["read_timeout"], pushed.services[0]["retries"]) == (600_000, 0),
    ),
    (
        "override",
        {"overrides": [{"plugin": "opentelemetry", "patch": [{"op": "add", "path": "/queue", "value": {"max_batch_size": 50}}]}]},
        "kongplugins assistant-opentelemetry",
        lambda pushed: config("opentelemetry")(pushed)["queue"]["max_batch_size"] == 50,
    ),
]


@pytest.mark.provided
def test_each_change_of_the_spec_reaches_kong_by_one_write_and_goes_back_without_a_trace(ready: Arena) -> None:
    before = children(ready)

    for what, changes, written, holds in CHANGES:
        mark = ready.mark()
        ready.put(ready.binding(changes))
        ready.until_ready()
        ready.until_pushed(holds, what)
        assert write_lines(ready, mark) == [f"patch {written}", STATUS], what

        ready.put(ready.binding())
        ready.until_ready()
        assert children(ready) == before, f"{what}, undone"


@pytest.mark.provided
def test_an_added_route_is_created_beside_the_first(ready: Arena) -> None:
    first = children(ready)
    mark = ready.mark()

    ready.put(ready.binding({"routes.1": CHAT}))
    ready.until_ready()

    pushed = ready.until_pushed(lambda pushed: len(pushed.services) == 2, "two services")
    assert object_lines(ready, mark) == [
        "patch secrets assistant-kong-keys",
        "create kongplugins assistant-chat-ai-proxy",
        "create services assistant-chat",
        "create ingresses assistant-chat",
    ]
    assert {key: child for key, child in children(ready).items() if key in CHILDREN[1:]} == {key: first[key] for key in CHILDREN[1:]}
    assert pushed.doubles() == []
    assert ready.existing("FiddlerKongBinding", "assistant")["status"]["routes"] == "2/2"


@pytest.mark.provided
def test_a_removed_route_goes_traffic_first_and_its_key_last(ready: Arena) -> None:
    first = children(ready)
    ready.put(ready.binding({"routes.1": CHAT}))
    ready.until_ready()
    ready.until_pushed(lambda pushed: len(pushed.services) == 2, "two services")
    mark = ready.mark()

    ready.put(ready.binding())
    ready.until_ready()

    ready.until_pushed(lambda pushed: len(pushed.services) == 1, "one service")
    assert write_lines(ready, mark) == [
        "delete ingresses assistant-chat",
        "delete services assistant-chat",
        "delete kongplugins assistant-chat-ai-proxy",
        "patch secrets assistant-kong-keys",
        STATUS,
    ]
    assert children(ready) == first


@pytest.mark.provided
def test_a_renamed_route_is_replaced_without_a_gap(ready: Arena) -> None:
    mark = ready.mark()

    ready.put(ready.binding({"routes.0.name": "gpt"}))
    ready.until_ready()

    assert object_lines(ready, mark) == [
        "patch secrets assistant-kong-keys",
        "create kongplugins assistant-gpt-ai-proxy",
        "create services assistant-gpt",
        "create ingresses assistant-gpt",
        "delete ingresses assistant-openai",
        "delete services assistant-openai",
        "delete kongplugins assistant-openai-ai-proxy",
        "patch secrets assistant-kong-keys",
    ]
    pushed = ready.until_pushed(lambda pushed: [s["name"].rsplit(".", 2)[1] for s in pushed.services] == ["assistant-gpt"], "the new one")
    assert (is_complete(pushed), pushed.doubles()) == (True, [])


def test_sessions_disabled_takes_the_lua_from_kong_and_the_setting_from_the_gateway(arena: Arena) -> None:
    arena.put(arena.binding())
    arena.until_ready()
    arena.until_pushed(is_complete, "three plugins")
    mark = arena.mark()

    arena.put(arena.binding({"sessions": {"mode": "Disabled"}}))

    arena.until_pushed(lambda pushed: pushed.types() == ["ai-proxy", "opentelemetry"], "no pre-function")
    arena.until(
        lambda: arena.settings() == {"KONG_TRACING_INSTRUMENTATIONS": "all", "KONG_TRACING_SAMPLING_RATE": "1.0"}, "two settings only"
    )
    arena.until_ready()
    done = write_lines(arena, mark)
    assert done.index("patch services assistant-openai") < done.index("delete kongplugins assistant-pre-function")
    assert arena.get(*PRE_FUNCTION) is None


def test_sessions_enabled_again_attach_the_lua_only_after_the_rollout(arena: Arena) -> None:
    arena.put(arena.binding({"sessions": {"mode": "Disabled"}}))
    arena.until_ready()
    mark = arena.mark()

    arena.put(arena.binding())
    arena.until_condition("PluginsProgrammed", "Unknown", "WaitingForGateway")
    arena.until_ready()

    arena.until_pushed(is_complete, "three plugins")
    done = [write for write in write_lines(arena, mark) if write != STATUS]
    assert done[-1] == "patch services assistant-openai"
    assert sorted(done[:-1]) == ["create kongplugins assistant-pre-function", "patch deployments kong-gateway"]


@pytest.mark.provided
def test_an_override_of_a_protected_field_never_reaches_kong_and_names_the_alternative(ready: Arena) -> None:
    before = children(ready)
    mark = ready.mark()
    patch = [{"op": "replace", "path": "/traces_endpoint", "value": "https://collector.example/v1/traces"}]

    ready.put(ready.binding({"routes.0.llm.model": "gpt-4.1", "overrides": [{"plugin": "opentelemetry", "patch": patch}]}))

    condition = ready.until_condition("Accepted", "False", "InvalidSpec")
    assert condition["message"] == (
        "spec.overrides[0].patch[0]: /traces_endpoint of opentelemetry must not be changed: use spec.fiddler.url, or spec.fiddler.export."
    )
    ready.until_quiet()
    assert write_lines(ready, mark) == [STATUS]
    assert children(ready) == before


@pytest.mark.provided
def test_a_suspended_binding_changes_nothing_and_catches_up_afterwards(ready: Arena) -> None:
    before = children(ready)
    mark = ready.mark()

    ready.put(ready.binding({"suspend": True, "routes.0.llm.model": "gpt-4.1"}))
    ready.until_condition("Accepted", "Unknown", "Suspended")
    ready.patch("Service", "assistant-openai", {"spec": {"externalName": "api.example.com"}})
    ready.until_quiet()
    assert write_lines(ready, mark) == [STATUS]

    ready.put(ready.binding({"routes.0.llm.model": "gpt-4.1"}))
    ready.until_ready()
    ready.until_pushed(lambda pushed: config("ai-proxy")(pushed)["model"]["name"] == "gpt-4.1", "the model set while suspended")
    assert children(ready)["Service", "assistant-openai"] == before["Service", "assistant-openai"]
