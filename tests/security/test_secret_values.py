"""Keys that are JSON, patches, templates or headers: Kong gets exactly that text as one header's value, or the key is refused."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any, Final

import pytest

from tests.integration.arena import Arena
from tests.integration.pushed import Pushed

SENT: Final = (
    'x"},{"op":"add","path":"/traces_endpoint","value":"http://evil/"',
    'x","x-evil":"1',
    "x\\",
    'x\\"',
    "x\\u0000\\n\\r",
    "x'||os.exit()--",
    '{"a":1}',
    "x%0d%0aX-Evil:1",
    "x" * 8000,
)
REFUSED: Final = {
    '"x"},{"op":"add","path":"/traces_endpoint","value":"http://evil/"': "SecretValueUnusable",
    '"x"': "SecretValueUnusable",
    "x\nX-Evil: 1": "SecretValueUnusable",
    "x\r\nX-Evil: 1": "SecretValueUnusable",
    "x\x00y": "SecretValueUnusable",
    "x\u2028y": "SecretValueUnusable",
    "\u202ex": "SecretValueUnusable",
    "\uff53\uff4b": "SecretValueUnusable",
    "x y": "SecretValueUnusable",
    "$(os.getenv('X'))": "SecretValuePlaceholder",
    "{vault://env/X}": "SecretValuePlaceholder",
    "x{vault://env/X}": "SecretValuePlaceholder",
    "${X}": "SecretValuePlaceholder",
}


def is_complete(pushed: Pushed) -> bool:
    return pushed.types() == ["ai-proxy", "opentelemetry", "pre-function"]


@pytest.fixture
def ready(arena: Arena) -> Arena:
    arena.put(arena.binding())
    arena.until_ready()
    arena.until_pushed(is_complete, "three plugins")
    return arena


def keys(pushed: Pushed) -> tuple[str, str]:
    """The headers that Kong sends to the provider and to Fiddler."""
    return (
        pushed.plugin("ai-proxy")["config"]["auth"]["header_value"],
        pushed.plugin("opentelemetry")["config"]["headers"]["Authorization"],
    )


def without_keys(pushed: Pushed) -> dict[str, Any]:
    """The plugins' configuration without these two headers."""
    configs = {plugin["name"]: copy.deepcopy(plugin["config"]) for plugin in pushed.plugins}
    del configs["ai-proxy"]["auth"]["header_value"], configs["opentelemetry"]["headers"]["Authorization"]
    return configs


@pytest.mark.parametrize(("place", "name"), [(0, "openai"), (1, "fiddler")])
def test_kong_gets_exactly_that_text_and_nothing_else_changes(ready: Arena, place: int, name: str) -> None:
    before = without_keys(ready.pushed())

    for value in SENT:
        ready.put(ready.secret(name, value))
        pushed = ready.until_pushed(partial(is_sent, place, f"Bearer {value}"), f"the key {value[:20]!r}")
        assert without_keys(pushed) == before


def is_sent(place: int, text: str, pushed: Pushed) -> bool:
    return keys(pushed)[place] == text


def test_what_cannot_be_one_header_value_is_refused_and_the_former_key_stays(ready: Arena) -> None:
    before = (keys(ready.pushed()), without_keys(ready.pushed()))

    for value, reason in REFUSED.items():
        ready.put(ready.secret("openai", value))
        message = ready.until_condition("SecretsResolved", "False", reason)["message"]
        assert message.startswith("spec.routes[0].llm.auth.secretRef: the value of `api-key` in the Secret `openai` ")
        ready.put(ready.secret("openai", ready.stage.keys.provider))
        ready.until_condition("SecretsResolved", "True", "SecretsResolved")

    ready.until_quiet()
    assert (keys(ready.pushed()), without_keys(ready.pushed())) == before


def test_a_binding_that_refers_to_its_own_derived_secret_does_not_feed_itself(ready: Arena) -> None:
    """Without a prefix the derived value is a JSON string, which each pass could quote again."""
    auth = {"secretRef": {"name": "assistant-kong-keys", "key": "ai-proxy.openai"}, "headerPrefix": ""}
    ready.put(ready.binding({"routes.0.llm.auth.headerPrefix": ""}))
    ready.until_pushed(lambda p: keys(p)[0] == ready.stage.keys.provider, "the key without a prefix")

    ready.put(ready.binding({"routes.0.llm.auth": auth}))

    ready.until_condition("SecretsResolved", "False", "SecretValueUnusable")
    ready.until_quiet()
    assert keys(ready.pushed())[0] == ready.stage.keys.provider
