from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.attachables import reduce_attachable
from fiddler_kong_operator.observe.kinds.bindings import reduce_binding
from fiddler_kong_operator.plan.references import (
    attach_targets,
    children_of,
    named_plugin,
    places_of,
    possible_owners,
    references_of,
    secrets_of,
    served_places,
    wanted_children,
)
from fiddler_kong_operator.plan.snapshot import Binding
from tests.unit.observe.objects import (
    ASSISTANT,
    ATTACHED,
    CHAT,
    EXPOSED,
    FIDDLER,
    GATEWAY,
    LLM,
    OPENAI,
    binding,
    http_route,
    ingress,
    key,
    spec,
)


def make(*routes: Manifest, **fields: Any) -> Binding:
    return reduce_binding(ASSISTANT, binding(spec_=spec(*routes, **fields)))


INVALID = reduce_binding(ASSISTANT, binding(spec_={}))


def test_secrets_are_fiddlers_and_each_routes() -> None:
    other = {"name": "chat", "attachTo": ATTACHED["attachTo"], "llm": {**LLM, "auth": {"secretRef": {"name": "other", "key": "k"}}}}
    assert secrets_of(make(EXPOSED, other)) == {FIDDLER, OPENAI, ObjectKey("Secret", "ai", "other")}


def test_everything_a_binding_points_at_is_a_reference() -> None:
    assert references_of(make(EXPOSED, ATTACHED)) == {FIDDLER, OPENAI, CHAT, GATEWAY}


def test_a_gateway_without_namespace_is_in_the_bindings() -> None:
    assert ObjectKey("Deployment", "ai", "kong") in references_of(make(gateway={"targetRef": {"name": "kong"}}))


def test_targets_keep_their_order() -> None:
    shop = {"name": "shop", "attachTo": {"kind": "Ingress", "name": "shop"}}
    found = attach_targets(make(ATTACHED, EXPOSED, shop))
    assert [(key, route.name) for key, route in found.items()] == [(CHAT, "chat"), (ObjectKey("Ingress", "ai", "shop"), "shop")]


def test_an_invalid_binding_points_at_nothing_but_may_have_shared_children() -> None:
    assert (references_of(INVALID), places_of(INVALID)) == (frozenset(), frozenset())
    assert {child.name for child in children_of(INVALID)} == {"assistant-kong-keys", "assistant-opentelemetry", "assistant-pre-function"}
    assert wanted_children(INVALID) == ()


def test_wanted_children_come_in_the_order_of_creation() -> None:
    chat = {**EXPOSED, "name": "chat", "expose": {"path": "/chat"}}
    found = wanted_children(make(EXPOSED, ATTACHED | {"name": "observed"}, chat, sessions={"mode": "Disabled"}))
    assert [(child.kind, child.name) for child in found] == [
        ("Secret", "assistant-kong-keys"),
        ("KongPlugin", "assistant-openai-ai-proxy"),
        ("KongPlugin", "assistant-chat-ai-proxy"),
        ("KongPlugin", "assistant-opentelemetry"),
        ("Service", "assistant-openai"),
        ("Service", "assistant-chat"),
        ("Ingress", "assistant-openai"),
        ("Ingress", "assistant-chat"),
    ]


def test_an_exposed_route_with_a_gateway_has_an_http_route_in_place_of_its_ingress() -> None:
    on_gateway = {**EXPOSED, "expose": {"path": "/openai", "gatewayRef": {"name": "kong"}}}
    found = wanted_children(make(on_gateway, sessions={"mode": "Disabled"}))
    assert [(child.kind, child.name) for child in found[-2:]] == [("Service", "assistant-openai"), ("HTTPRoute", "assistant-openai")]
    assert set(wanted_children(make(EXPOSED))) <= set(children_of(make(on_gateway)))


def test_names_of_what_an_earlier_spec_wanted_are_still_known() -> None:
    now, earlier = make(ATTACHED, sessions={"mode": "Disabled"}), make({**ATTACHED, "llm": LLM})
    assert set(wanted_children(earlier)) - set(wanted_children(now)) != set()
    assert set(wanted_children(earlier)) <= set(children_of(now))


def test_places_are_class_host_and_path() -> None:
    host = {**EXPOSED, "name": "b", "expose": {"path": "/openai", "host": "a.example"}}
    found = places_of(make(EXPOSED, host, ATTACHED, gateway={"ingressClassName": "internal"}))
    assert {place for place in found if place[0]} == {("internal", "", "/openai"), ("internal", "a.example", "/openai")}


def test_places_are_also_those_of_an_http_route_whose_gateway_is_not_known() -> None:
    raw = http_route("chat", 1, "web", hostnames=["a.example"], paths=["/openai/", "/else"])
    host = {**EXPOSED, "expose": {"path": "/openai", "host": "a.example"}}
    assert places_of(make(host)) & served_places(reduce_attachable(key(raw), raw)) == {("", "a.example", "/openai")}


def test_a_place_on_a_gateway_is_that_of_its_http_routes_and_near_those_of_the_ingress_class() -> None:
    on_gateway = {**EXPOSED, "expose": {"path": "/openai", "gatewayRef": {"name": "kong"}}}
    raw = http_route("chat", 1, "web", paths=["/openai/"])
    found = places_of(make(on_gateway))
    assert found == {("ai/kong", "", "/openai"), ("", "", "/openai"), ("kong", "", "/openai")}
    assert served_places(reduce_attachable(key(raw), raw)) == {("ai/kong", "", "/openai"), ("", "", "/openai")}


@pytest.mark.parametrize(("path", "expected"), [("/openai/", "/openai"), ("/openai", "/openai"), ("/", "/"), ("", "/")])
def test_a_trailing_slash_makes_no_other_place(path: str, expected: str) -> None:
    raw = ingress("shop", 1, ("a.example", path))
    assert served_places(reduce_attachable(key(raw), raw)) == {("kong", "a.example", expected)}


def test_an_ingress_without_class_serves_nothing() -> None:
    raw = ingress("shop", 1, ("a.example", "/"), ingress_class=None)
    assert served_places(reduce_attachable(key(raw), raw)) == frozenset()


def test_every_child_leads_back_to_its_binding() -> None:
    kinds = [child.kind for child in children_of(make(EXPOSED, ATTACHED))]
    counts = [kinds.count(kind) for kind in ("Secret", "KongPlugin", "Service", "Ingress", "HTTPRoute")]
    assert counts == [1, 6, 2, 2, 2], "one model, or several"
    assert all(ASSISTANT in possible_owners(child) for child in children_of(make(EXPOSED, ATTACHED)))


def test_a_name_with_hyphens_has_several_possible_owners() -> None:
    owners = possible_owners(ObjectKey("Service", "ai", "my-bot-chat"))
    assert [(owner.kind, owner.namespace, owner.name) for owner in owners] == [
        ("FiddlerKongBinding", "ai", "my"),
        ("FiddlerKongBinding", "ai", "my-bot"),
    ]


@pytest.mark.parametrize(("written", "expected"), [("auth", ("ai", "auth")), ("kong:auth", ("kong", "auth"))])
def test_a_name_in_a_list_may_say_its_namespace(written: str, expected: tuple[str, str]) -> None:
    assert named_plugin(CHAT, written) == ObjectKey("KongPlugin", *expected)
