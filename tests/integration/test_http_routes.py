"""attachTo an HTTPRoute: with the real Kong Ingress Controller, which merges its annotation with the filters of its rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.integration.arena import Arena, changed
from tests.integration.pushed import Pushed
from tests.integration.targets import PLUGINS, attached_binding, foreign_plugin, http_route, listed, rest_of, service

pytestmark = pytest.mark.provided

OURS: Final = ",".join(PLUGINS)
TYPES: Final = ("ai-proxy", "opentelemetry", "pre-function")
FILTER: Final = {"type": "ExtensionRef", "extensionRef": {"group": "configuration.konghq.com", "kind": "KongPlugin", "name": "theirs"}}


@pytest.fixture(autouse=True)
def _whole(arena: Arena) -> Iterator[None]:
    """After each test, Kong has no plugin twice on one route and has refused nothing."""
    before = len(arena.stage.gateway.refusals)
    yield
    assert arena.pushed().doubles() == []
    assert list(arena.stage.gateway.refusals)[before:] == []


@pytest.fixture
def split(arena: Arena) -> Arena:
    """An HTTPRoute with two rules, one of which splits its calls between two Services, and a user's plugin on it."""
    arena.put(foreign_plugin(arena, "cors"), service(arena), service(arena, "canary"))
    arena.put(http_route(arena, ("llm", "canary"), ("llm",), plugins="cors"))
    return arena


def on_routes(pushed: Pushed) -> set[tuple[str, str]]:
    """The type of each plugin, with the kind of Kong's entity that it is on."""
    return {(plugin, place.partition(" ")[0]) for plugin, place in pushed.attached()}


def test_our_plugins_run_on_every_route_of_an_http_route_whose_services_share_a_rule(split: Arena) -> None:
    before = split.existing("HTTPRoute", "split")

    split.put(attached_binding(split, "HTTPRoute", "split"))
    split.until_ready()

    assert split.conditions()["PluginsProgrammed"]["message"] == "All plugins are applied and attached, and Kong has taken the routes."
    assert listed(split, "HTTPRoute", "split") == f"cors,{OURS}"
    assert rest_of(split.existing("HTTPRoute", "split")) == rest_of(before)
    pushed = split.until_pushed(lambda pushed: set(pushed.types()) >= set(TYPES), "our plugins")
    assert on_routes(pushed) == {(plugin, "route") for plugin in (*TYPES, "cors")}
    assert len([*pushed.attached()]) == 2 * len((*TYPES, "cors"))


def test_deleting_the_binding_gives_the_list_back(split: Arena) -> None:
    before = split.existing("HTTPRoute", "split")
    split.put(attached_binding(split, "HTTPRoute", "split"))
    split.until_ready()

    split.delete("FiddlerKongBinding", "assistant")
    split.until_gone("FiddlerKongBinding", "assistant")

    assert listed(split, "HTTPRoute", "split") == "cors"
    assert rest_of(split.existing("HTTPRoute", "split")) == rest_of(before)
    split.until_pushed(lambda pushed: set(pushed.types()) == {"cors"} and len(pushed.routes) == 2, "only the user's plugin")


def test_an_http_route_that_is_created_later_is_attached(arena: Arena) -> None:
    arena.put(service(arena), attached_binding(arena, "HTTPRoute", "split"))
    arena.until_condition("Accepted", "False", "TargetNotFound")

    arena.put(http_route(arena, ("llm",)))

    arena.until_ready()
    assert listed(arena, "HTTPRoute", "split") == OURS


def test_an_http_route_of_a_gateway_that_nobody_serves_is_not_confirmed(arena: Arena) -> None:
    route = http_route(arena, ("llm",))
    elsewhere = changed(route, {"spec.parentRefs": [{"name": "nobody", "namespace": "kong"}]})
    arena.put(service(arena), elsewhere, attached_binding(arena, "HTTPRoute", "split"))

    told = arena.until_condition("Ready", "Unknown", "KongNotConfirmed")

    assert f"No Kong Gateway has accepted HTTPRoute {arena.namespace}/split yet" in told["message"]

    arena.put(route)

    arena.until_ready()


def test_ours_stay_away_from_an_http_route_whose_filter_names_a_plugin_of_their_type(arena: Arena) -> None:
    route = http_route(arena, ("llm", "canary"))
    arena.put(foreign_plugin(arena, "theirs", "opentelemetry"), service(arena), service(arena, "canary"))
    arena.put(changed(route, {"spec.rules.0.filters": [FILTER]}), attached_binding(arena, "HTTPRoute", "split"))

    refused = arena.until_condition("Ready", "False", "PluginClash")

    assert "Take the filter (extensionRef) that names theirs out of its rules" in refused["message"]
    assert listed(arena, "HTTPRoute", "split") is None
    arena.until_pushed(lambda pushed: pushed.types() == ["opentelemetry"], "the plugin of the filter")

    arena.put(route)

    arena.until_ready()
    arena.until_pushed(lambda pushed: set(pushed.types()) == set(TYPES), "our plugins")
