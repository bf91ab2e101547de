"""`expose` with a Gateway: an HTTPRoute in place of the Ingress, with the real Kong Ingress Controller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tests.integration.arena import Arena, Manifest
from tests.integration.pushed import Pushed
from tests.integration.targets import http_route, ingress, service

pytestmark = pytest.mark.provided

KONG: Final = {"namespace": "kong", "name": "kong"}
"""The Gateway that Kong serves."""

INGRESS: Final = ("Ingress", "assistant-openai")
ROUTE: Final = ("HTTPRoute", "assistant-openai")
TYPES: Final = ["ai-proxy", "opentelemetry", "pre-function"]
CONNECTION: Final = {"routes.0.expose.timeouts": {"read": "10m"}, "routes.0.expose.retries": 2}
FILTER: Final = {"type": "ExtensionRef", "extensionRef": {"group": "configuration.konghq.com", "kind": "KongPlugin", "name": "theirs"}}


@pytest.fixture(autouse=True)
def _whole(arena: Arena) -> Iterator[None]:
    """After each test, Kong has no plugin twice on one route and has refused nothing."""
    before = len(arena.stage.gateway.refusals)
    yield
    assert arena.pushed().doubles() == []
    assert list(arena.stage.gateway.refusals)[before:] == []


def on_gateway(arena: Arena, ref: Mapping[str, str] = KONG, changes: Mapping[str, Any] | None = None, name: str = "assistant") -> Manifest:
    """The quick start's binding, exposed on a Gateway."""
    return arena.binding({"routes.0.expose.gatewayRef": dict(ref), **(changes or {})}, name)


def served(pushed: Pushed) -> list[Any]:
    """How Kong handles a call: the plugins on its Kong services, their connections, and their routes, whatever these are called."""
    services = [{name: s[name] for name in ("protocol", "port", "read_timeout", "connect_timeout", "retries")} for s in pushed.services]
    routes = [
        {"paths": sorted(r["paths"]), **{name: r.get(name) for name in ("hosts", "strip_path", "preserve_host")}} for r in pushed.routes
    ]
    return [services, routes, sorted((kind, place.partition(" ")[0]) for kind, place in pushed.attached())]


def until_only(arena: Arena, present: tuple[str, str], gone: tuple[str, str]) -> Pushed:
    """Wait until the one object is there, and the other gone, in Kong too."""
    arena.until_ready()
    arena.until_gone(*gone)
    assert arena.get(*present) is not None
    return arena.until_pushed(lambda pushed: pushed.types() == TYPES and len(pushed.routes) == 1, "one route with all plugins")


def test_a_route_moves_between_an_ingress_and_a_gateway_and_stays_the_same_in_kong(arena: Arena) -> None:
    arena.put(arena.binding(CONNECTION))
    before = served(until_only(arena, INGRESS, ROUTE))

    arena.put(on_gateway(arena, changes=CONNECTION))

    assert served(until_only(arena, ROUTE, INGRESS)) == before
    assert arena.conditions()["PluginsProgrammed"]["message"] == "All plugins are applied and attached, and Kong has taken the routes."

    arena.put(arena.binding(CONNECTION))

    assert served(until_only(arena, INGRESS, ROUTE)) == before


def test_a_route_of_one_host_and_listener_is_served(arena: Arena) -> None:
    arena.put(on_gateway(arena, KONG | {"sectionName": "http"}, {"routes.0.expose.host": "llm.example"}))

    arena.until_ready()

    (route,) = arena.until_pushed(lambda pushed: len(pushed.routes) == 1, "its route").routes
    assert route["hosts"] == ["llm.example"]


def test_a_deleted_binding_leaves_no_http_route(arena: Arena) -> None:
    arena.put(on_gateway(arena))
    arena.until_ready()

    arena.delete("FiddlerKongBinding", "assistant")

    arena.until_gone(*ROUTE)
    arena.until_pushed(lambda pushed: not (pushed.routes or pushed.plugins), "nothing")


def content(arena: Arena) -> list[Any]:
    """The fields of its HTTPRoute that the operator manages."""
    found = arena.existing(*ROUTE)
    return [found["spec"], *(found["metadata"].get(part) for part in ("annotations", "labels", "ownerReferences"))]


def test_an_edited_or_deleted_http_route_is_put_back(arena: Arena) -> None:
    arena.put(on_gateway(arena))
    arena.until_ready()
    before, rules = content(arena), arena.existing(*ROUTE)["spec"]["rules"]
    edits: list[Manifest] = [
        {"spec": {"parentRefs": [{"name": "elsewhere"}]}},
        {"spec": {"hostnames": ["elsewhere.example"]}},
        {"spec": {"rules": [{**rules[0], "filters": [FILTER]}]}},
        {"metadata": {"annotations": {"konghq.com/strip-path": "false"}}},
        {"metadata": {"annotations": {"konghq.com/plugins": "theirs"}}},
        {"metadata": {"ownerReferences": None}},
    ]

    for edit in edits:
        edited = arena.patch(*ROUTE, edit)["metadata"]["resourceVersion"]
        arena.until(
            lambda edited=edited: arena.existing(*ROUTE)["metadata"]["resourceVersion"] != edited and content(arena) == before,  # type: ignore[misc]
            f"put back: {edit}",
        )
    uid = arena.existing(*ROUTE)["metadata"]["uid"]
    arena.delete(*ROUTE)

    arena.until(lambda: (arena.get(*ROUTE) or {"metadata": {"uid": uid}})["metadata"]["uid"] != uid, "a new HTTPRoute")
    arena.until_ready()
    arena.until_quiet()


def gateway(arena: Arena, name: str, **listener: Any) -> None:
    """A Gateway of Kong's with one listener, in the test's namespace."""
    listeners = [{"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}, **listener}]
    manifest = arena.manifest("gateway.networking.k8s.io/v1", "Gateway", name, spec={"gatewayClassName": "kong", "listeners": listeners})
    arena.stage.cluster.apply(manifest)


NOBODY: Final = {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"nobody": "yes"}}}}


@pytest.mark.parametrize(
    ("listener", "section", "told"),
    [
        ({"allowedRoutes": NOBODY}, None, "NotAllowedByListeners. Let a listener of the Gateway admit HTTPRoutes of namespace"),
        ({}, "nowhere", "NoMatchingParent. Name a listener that the Gateway has"),
        ({"hostname": "only.example"}, None, "NoMatchingListenerHostname. Use a host name that a listener of the Gateway serves."),
    ],
    ids=["not allowed", "no such listener", "no such host"],
)
def test_what_kongs_controller_says_against_the_http_route_is_told_until_it_is_mended(
    arena: Arena, listener: dict[str, Any], section: str | None, told: str
) -> None:
    gateway(arena, "own", **listener)
    ref = {"name": "own", **({"sectionName": section} if section else {})}
    arena.put(on_gateway(arena, ref, {"routes.0.expose.host": "other.example"}))

    found = arena.until_condition("Ready", "False", "RouteNotAccepted")

    assert f"Gateway {arena.namespace}/own: {told}" in found["message"]

    arena.put(on_gateway(arena, KONG, {"routes.0.expose.host": "other.example"}))

    arena.until_ready()


def test_a_gateway_that_does_not_exist_is_not_confirmed(arena: Arena) -> None:
    arena.put(on_gateway(arena, {"name": "nowhere"}))

    found = arena.until_condition("Ready", "Unknown", "KongNotConfirmed")

    assert "Check that its parentRefs name a Gateway that exists" in found["message"]


def test_the_same_place_on_the_gateway_is_refused_and_on_an_ingress_it_is_told(arena: Arena) -> None:
    place = {"routes.0.expose.path": f"/{arena.namespace}"}
    arena.put(on_gateway(arena, changes=place))
    arena.until_ready()

    arena.put(on_gateway(arena, changes=place, name="second"))
    refused = arena.until_condition("Ready", "False", "RouteClash", "second")

    assert f"HTTPRoute {arena.namespace}/assistant-openai of the same Gateway already serves" in refused["message"]
    assert arena.get("HTTPRoute", "second-openai") is None

    arena.put(service(arena), ingress(arena, path=f"/{arena.namespace}"))
    told = arena.until_condition("Accepted", "True", "PathOverlap")

    assert f"Ingress {arena.namespace}/llm serves the path" in told["message"]


def test_an_http_route_of_its_name_is_left_alone_until_it_is_gone(arena: Arena) -> None:
    arena.put(service(arena), http_route(arena, ("llm",), name="assistant-openai"))
    before = arena.existing(*ROUTE)["spec"]

    arena.put(on_gateway(arena))
    arena.until_condition("Ready", "False", "NameTaken")

    assert arena.existing(*ROUTE)["spec"] == before

    arena.delete(*ROUTE)

    arena.until_ready()
