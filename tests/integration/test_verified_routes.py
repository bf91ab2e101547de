"""`gateway.management: Verify` with an HTTPRoute: people add the plugins, by annotation or by filters, and the operator checks that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from tests.integration.arena import Arena, changed
from tests.integration.targets import attached_binding, http_route, listed, service

pytestmark = pytest.mark.provided

TYPES: Final = ["ai-proxy", "opentelemetry", "pre-function"]


@pytest.fixture(autouse=True)
def _whole(arena: Arena) -> Iterator[None]:
    """After each test, Kong has no plugin twice on one route and has refused nothing."""
    before = len(arena.stage.gateway.refusals)
    yield
    assert arena.pushed().doubles() == []
    assert list(arena.stage.gateway.refusals)[before:] == []


@pytest.fixture
def told(arena: Arena) -> str:
    """The status's message about the HTTPRoute of a binding that only verifies."""
    arena.put(service(arena), http_route(arena, ("llm",)))
    arena.put(attached_binding(arena, "HTTPRoute", "split", changes={"gateway.management": "Verify"}))
    message: str = arena.until_condition("Ready", "False", "PluginsNotAdded")["message"]
    assert listed(arena, "HTTPRoute", "split") is None
    return message


def yaml_after(message: str, words: str) -> Any:
    """The YAML that the message has after these words, up to its last bracket."""
    text = message.partition(words)[2]
    return yaml.safe_load(text[: max(text.find("}. "), text.find("]. "), 0) + 1])


def until_all_run(arena: Arena) -> None:
    arena.until_ready()
    arena.until_pushed(lambda pushed: pushed.types() == TYPES, "our plugins")
    arena.until_quiet()


def test_the_annotation_of_the_message_is_what_is_missing(arena: Arena, told: str) -> None:
    annotations = yaml_after(told.partition(" Or, for a gateway")[0] + " ", "Set in its metadata: annotations: ")

    arena.patch("HTTPRoute", "split", {"metadata": {"annotations": annotations}})

    until_all_run(arena)

    arena.delete("FiddlerKongBinding", "assistant")
    arena.until_gone("FiddlerKongBinding", "assistant")
    assert listed(arena, "HTTPRoute", "split") is None


def test_the_filters_of_the_message_are_what_is_missing(arena: Arena, told: str) -> None:
    filters = yaml_after(told, "add to each rule: filters: ")

    arena.put(changed(http_route(arena, ("llm",)), {"spec.rules.0.filters": filters}))

    until_all_run(arena)
