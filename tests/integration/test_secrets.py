"""Keys: a binding waits for its Secret, impossible values are refused, and a key changes while Kong uses it."""

from __future__ import annotations

import pytest

from tests.integration.arena import Arena
from tests.integration.children import CHILDREN, KEYS, children, write_lines
from tests.integration.pushed import Pushed

pytestmark = pytest.mark.provided


def provider_key(pushed: Pushed) -> str:
    found: str = pushed.plugin("ai-proxy")["config"]["auth"]["header_value"]
    return found


def fiddler_key(pushed: Pushed) -> str:
    found: str = pushed.plugin("opentelemetry")["config"]["headers"]["Authorization"]
    return found


def is_complete(pushed: Pushed) -> bool:
    return pushed.types() == ["ai-proxy", "opentelemetry", "pre-function"]


@pytest.fixture
def ready(arena: Arena) -> Arena:
    arena.put(arena.binding())
    arena.until_ready()
    arena.until_pushed(is_complete, "three plugins")
    return arena


def test_a_binding_waits_for_its_secret_and_becomes_ready_with_it(arena: Arena) -> None:
    arena.delete("Secret", "openai")
    arena.put(arena.binding())

    condition = arena.until_condition("SecretsResolved", "False", "SecretNotFound")

    assert condition["message"] == (
        "spec.routes[0].llm.auth.secretRef: the Secret `openai` does not exist in this namespace. Create it with the key `api-key`."
    )
    assert children(arena) == {}
    arena.put(arena.secret("openai", arena.stage.keys.provider))
    arena.until_ready()


def test_the_order_of_binding_and_secret_makes_no_difference(ready: Arena) -> None:
    secret_first = children(ready)
    ready.delete("FiddlerKongBinding", "assistant")
    for kind, name in CHILDREN:
        ready.until_gone(kind, name)
    ready.delete("Secret", "fiddler")
    ready.put(ready.binding())
    ready.until_condition("SecretsResolved", "False", "SecretNotFound")

    ready.put(ready.secret("fiddler", ready.stage.keys.fiddler))

    ready.until_ready()
    binding_first = children(ready)
    for child in (*secret_first.values(), *binding_first.values()):
        del child["metadata"]["ownerReferences"][0]["uid"]
    assert binding_first == secret_first


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "SecretValueEmpty"),
        ("\n", "SecretValueEmpty"),
        ("${FIDDLER_API_KEY}", "SecretValuePlaceholder"),
        ("Bearer fdl_demo.f0e1d2c3b4a5", "SecretValuePrefixed"),
        ("fdl_demo f0e1d2c3b4a5", "SecretValueUnusable"),
        ("fdl_demo\r\nX-Injected: yes", "SecretValueUnusable"),
    ],
)
def test_a_value_that_cannot_be_a_key_is_named_and_never_reaches_kong(arena: Arena, value: str, reason: str) -> None:
    arena.put(arena.secret("fiddler", value), arena.binding())

    condition = arena.until_condition("SecretsResolved", "False", reason)

    assert condition["message"].startswith("spec.fiddler.apiKeySecretRef: the value of `api-key` in the Secret `fiddler` ")
    assert children(arena) == {}


def test_a_secret_without_the_key_says_which_one(arena: Arena) -> None:
    arena.put(arena.binding({"fiddler.apiKeySecretRef.key": "token"}))

    condition = arena.until_condition("SecretsResolved", "False", "SecretKeyNotFound")

    assert condition["message"] == (
        "spec.fiddler.apiKeySecretRef: the Secret `fiddler` has no key `token`. Add it, or correct the reference."
    )


def test_a_trailing_newline_does_not_reach_kong(arena: Arena) -> None:
    keys = arena.stage.keys
    arena.put(arena.secret("openai", f"{keys.provider}\n"), arena.secret("fiddler", f"{keys.fiddler}\r\n"), arena.binding())
    arena.until_ready()

    pushed = arena.until_pushed(is_complete, "three plugins")

    assert (provider_key(pushed), fiddler_key(pushed)) == (f"Bearer {keys.provider}", f"Bearer {keys.fiddler}")


def test_a_changed_provider_key_costs_one_write_and_reaches_kong(ready: Arena) -> None:
    ready.until_quiet()
    mark = ready.mark()

    ready.put(ready.secret("openai", "sk-rotated-9876543210"))

    ready.until_pushed(lambda pushed: provider_key(pushed) == "Bearer sk-rotated-9876543210", "the new provider key", seconds=10)
    ready.until_quiet()
    assert write_lines(ready, mark) == ["patch secrets assistant-kong-keys"]


def test_a_changed_fiddler_key_reaches_kong_and_is_asked_about(ready: Arena) -> None:
    before = children(ready)
    ready.until_quiet()
    mark = ready.mark()

    ready.put(ready.secret("fiddler", "fdl_demo.unknown-to-fiddler"))

    ready.until_pushed(lambda pushed: fiddler_key(pushed) == "Bearer fdl_demo.unknown-to-fiddler", "the new Fiddler key", seconds=10)
    ready.until_condition("TraceEndpointReachable", "False", "Unauthorized")
    assert [write for write in write_lines(ready, mark) if "/status" not in write] == ["patch secrets assistant-kong-keys"]
    assert {key: child for key, child in children(ready).items() if key != KEYS} == {k: c for k, c in before.items() if k != KEYS}


def test_a_key_that_turns_bad_leaves_the_working_one_with_kong(ready: Arena) -> None:
    before = children(ready)
    ready.until_quiet()
    mark = ready.mark()

    ready.put(ready.secret("openai", "${OPENAI_API_KEY}"))

    ready.until_condition("SecretsResolved", "False", "SecretValuePlaceholder")
    ready.until_quiet()
    assert write_lines(ready, mark) == ["patch fiddlerkongbindings/status assistant"]
    assert children(ready) == before


def test_a_secret_deleted_under_a_working_binding_breaks_nothing_until_it_returns(ready: Arena) -> None:
    before = children(ready)

    ready.delete("Secret", "openai")
    ready.until_condition("SecretsResolved", "False", "SecretNotFound")
    assert children(ready) == before

    ready.put(ready.secret("openai", ready.stage.keys.provider))
    ready.until_ready()
    assert children(ready) == before
