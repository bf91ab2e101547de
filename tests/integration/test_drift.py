"""Drift: the operator restores every owned object that is deleted or edited, and keeps fields that it does not own."""

from __future__ import annotations

from typing import Any, Final

import pytest

from devcluster.audit import Mark
from tests.integration.arena import Arena
from tests.integration.children import (
    AI_PROXY,
    CHILDREN,
    INGRESS,
    KEYS,
    OPENTELEMETRY,
    PRE_FUNCTION,
    SERVICE,
    Key,
    children,
    write_lines,
)

pytestmark = pytest.mark.provided

Manifest = dict[str, Any]

OURS: Final = ("app.kubernetes.io/managed-by", "integrations.fiddler.ai/binding")

ANY_CHILD: Final[dict[str, Manifest]] = {
    "managed-by label removed": {"metadata": {"labels": {OURS[0]: None}}},
    "binding label changed": {"metadata": {"labels": {OURS[1]: "another"}}},
    "owner removed": {"metadata": {"ownerReferences": None}},
}
"""Edits of fields that every child has."""

OF_KIND: Final[dict[Key, dict[str, Manifest]]] = {
    KEYS: {
        "value changed": {"stringData": {"ai-proxy.openai": '"Bearer sk-stolen"'}},
        "value removed": {"data": {"opentelemetry": None}},
        "value added": {"stringData": {"extra": "1"}},
        "Kong Operator's label removed": {"metadata": {"labels": {"konghq.com/secret": None}}},
    },
    OPENTELEMETRY: {
        "endpoint changed": {"config": {"traces_endpoint": "http://collector.example/v1/traces"}},
        "patches removed": {"configPatches": None},
        "switched off": {"disabled": True},
        "protocols narrowed": {"protocols": ["grpc"]},
    },
    PRE_FUNCTION: {
        "Lua changed": {"config": {"access": ["kong.response.exit(503)"]}},
        "phase added": {"config": {"rewrite": ["kong.log('hello')"]}},
        "phase removed": {"config": {"log": None}},
    },
    AI_PROXY: {
        "model changed": {"config": {"model": {"name": "gpt-4"}}},
        "option removed": {"config": {"model": {"options": {"temperature": None}}}},
        "option added": {"config": {"model": {"options": {"top_p": 0.5}}}},
        "payloads off": {"config": {"logging": {"log_payloads": False}}},
        "route label removed": {"metadata": {"labels": {"integrations.fiddler.ai/route": None}}},
    },
    SERVICE: {
        "host changed": {"spec": {"externalName": "api.example.com"}},
        "port changed": {"spec": {"ports": [{"port": 80, "protocol": "TCP"}]}},
        "type changed": {"spec": {"type": "ClusterIP", "externalName": None}},
        "protocol changed": {"metadata": {"annotations": {"konghq.com/protocol": "http"}}},
        "plugins detached": {"metadata": {"annotations": {"konghq.com/plugins": None}}},
        "Kong's annotation added": {"metadata": {"annotations": {"konghq.com/path": "/elsewhere"}}},
    },
    INGRESS: {
        "class changed": {"spec": {"ingressClassName": "nginx"}},
        "rules emptied": {"spec": {"rules": [{"host": "nowhere.example"}]}},
        "TLS added": {"spec": {"tls": [{"hosts": ["llm.example"], "secretName": "llm-tls"}]}},
        "strip-path off": {"metadata": {"annotations": {"konghq.com/strip-path": "false"}}},
        "preserve-host removed": {"metadata": {"annotations": {"konghq.com/preserve-host": None}}},
        "taken out of its class": {"metadata": {"annotations": {"kubernetes.io/ingress.class": "nginx"}}},
    },
}
"""Edits of fields that only one child has."""


@pytest.fixture
def ready(arena: Arena) -> Arena:
    arena.put(arena.binding())
    arena.until_ready()
    return arena


def uids(arena: Arena) -> dict[Key, str]:
    return {key: (arena.get(*key) or {}).get("metadata", {}).get("uid", "") for key in CHILDREN}


def until_new(arena: Arena, key: Key, old: dict[Key, str]) -> None:
    arena.until(lambda: uids(arena)[key] not in {"", old[key]}, f"a new {key}")


def until_put_back(arena: Arena, key: Key, edited: str, before: dict[Key, Manifest], what: str) -> None:
    """Wait until the object was written after its edited version `edited`, and everything is as before."""

    def holds() -> bool:
        found = arena.get(*key)
        return found is not None and found["metadata"]["resourceVersion"] != edited and children(arena) == before

    arena.until(holds, f"{key[1]}: {what}, put back", 15)


def test_each_deleted_object_comes_back_as_it_was(ready: Arena) -> None:
    before, old = children(ready), uids(ready)

    for key in CHILDREN:
        ready.delete(*key)
        until_new(ready, key, old)

    assert children(ready) == before


def test_everything_deleted_at_once_comes_back_and_serves(ready: Arena) -> None:
    before, old = children(ready), uids(ready)

    for key in CHILDREN:
        ready.delete(*key)

    ready.until(lambda: not {"", *old.values()}.intersection(uids(ready).values()), "six new objects")
    assert children(ready) == before
    ready.until_ready()
    pushed = ready.until_pushed(lambda pushed: pushed.types() == ["ai-proxy", "opentelemetry", "pre-function"], "three plugins")
    assert pushed.doubles() == []


@pytest.mark.parametrize("key", OF_KIND.keys(), ids=lambda key: key[1])
def test_each_edited_field_is_put_back(ready: Arena, key: Key) -> None:
    before = children(ready)

    for what, edit in {**OF_KIND[key], **ANY_CHILD}.items():
        edited = ready.patch(*key, edit)["metadata"]["resourceVersion"]
        until_put_back(ready, key, edited, before, what)

    assert ready.conditions()["Ready"]["status"] == "True"


def test_what_others_add_is_left_alone_even_when_the_object_is_written(ready: Arena) -> None:
    theirs = {"labels": {"team": "llm"}, "annotations": {"example.com/note": "kept", "argocd.argoproj.io/sync-wave": "1"}}
    ready.until_quiet()
    mark = ready.mark()
    for key in CHILDREN:
        ready.patch(*key, {"metadata": theirs})
    ready.put(ready.binding({"payloads": "Disabled"}))
    ready.until_ready()

    assert write_lines(ready, mark) == ["patch kongplugins assistant-openai-ai-proxy", "patch fiddlerkongbindings/status assistant"]
    for key, child in children(ready).items():
        metadata = child["metadata"]
        assert {name: metadata["labels"].get(name) for name in theirs["labels"]} == theirs["labels"], key
        assert {name: metadata["annotations"].get(name) for name in theirs["annotations"]} == theirs["annotations"], key


def test_kongs_annotations_of_others_stay_where_the_binding_sets_none(ready: Arena) -> None:
    """Somebody raised Kong's timeout by hand: it must not fall back to a minute."""
    ready.until_quiet()
    mark = ready.mark()
    ready.patch(*SERVICE, {"metadata": {"annotations": {"konghq.com/read-timeout": "600000"}}})

    ready.put(ready.binding({"routes.0.llm.model": "gpt-4.1", "routes.0.expose.timeouts": {"connect": "10s"}}))

    ready.until_pushed(lambda pushed: [(s["connect_timeout"], s["read_timeout"]) for s in pushed.services] == [(10_000, 600_000)], "both")
    ready.put(ready.binding())
    ready.until_pushed(lambda pushed: [(s["connect_timeout"], s["read_timeout"]) for s in pushed.services] == [(60_000, 600_000)], "theirs")
    ready.until_quiet()
    assert len([write for write in write_lines(ready, mark) if write.endswith(" services assistant-openai")]) == 2


def test_a_client_that_edits_without_end_is_named_and_not_fought(ready: Arena) -> None:
    def given_up() -> bool:
        if ready.existing(*SERVICE)["spec"]["externalName"] != "api.example.com":
            ready.patch(*SERVICE, {"spec": {"externalName": "api.example.com"}})
        return bool(ready.conditions()["PluginsProgrammed"]["reason"] == "ChildrenReverted")

    ready.until(given_up, "the operator gives up")
    ready.until_quiet()

    written = [write for write in write_lines(ready, Mark(0)) if write.endswith(" services assistant-openai")]
    assert len(written) == 10
    words = (
        f"Service {ready.namespace}/assistant-openai: the operator wrote it 10 times within 60 s, and something changed it back each time."
    )
    assert [name for name, condition in ready.conditions().items() if condition["message"].startswith(words)] == [
        "PluginsProgrammed",
        "Ready",
        "Stalled",
    ]
    assert ready.existing(*SERVICE)["spec"]["externalName"] == "api.example.com"
