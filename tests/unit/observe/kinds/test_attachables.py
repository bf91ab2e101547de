from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.attachables import reduce_attachable
from tests.unit.observe.changes import NONE, changed, deleted, written
from tests.unit.observe.objects import (
    ASSISTANT,
    ATTACHED,
    CHAT,
    at,
    binding,
    http_route,
    ingress,
    key,
    leading,
    ours,
    plugin,
    service,
    spec,
)

OWN = ours(plugin("assistant-opentelemetry", type_="opentelemetry"))
ATTACHING = binding(spec_=spec(ATTACHED))


# Reduction


@pytest.mark.parametrize(
    ("written_as", "expected"),
    [(None, ()), ("", ()), ("a", ("a",)), (" a , kong:b,,a ", ("a", "kong:b", "a"))],
)
def test_a_plugin_list_is_split_and_trimmed(written_as: str | None, expected: tuple[str, ...]) -> None:
    assert reduce_attachable(CHAT, service(plugins=written_as)).plugins == expected


def test_an_ingress_keeps_class_and_rules() -> None:
    raw = ingress("shop", 1, ("a.example", "/x"), ("", "/y"))
    raw["spec"]["rules"] += [{"host": "b.example"}, {"host": "c.example", "http": {"paths": [{"pathType": "Prefix"}]}}]
    found = reduce_attachable(key(raw), raw)
    assert (found.ingress_class, found.rules) == ("kong", (("a.example", "/x"), ("", "/y"), ("c.example", "/")))


def test_the_class_may_be_an_annotation() -> None:
    raw = ingress(ingress_class=None, annotations={"kubernetes.io/ingress.class": "old"})
    assert reduce_attachable(key(raw), raw).ingress_class == "old"


@pytest.mark.parametrize(
    ("balancer", "expected"), [(None, False), ({}, False), ({"ingress": []}, False), ({"ingress": [{"ip": "192.0.2.1"}]}, True)]
)
def test_an_ingress_is_published_once_kongs_controller_gave_it_an_address(balancer: Manifest | None, expected: bool) -> None:  # noqa: FBT001
    raw = {**ingress("shop", 1, ("", "/shop")), "status": {"loadBalancer": balancer}}
    assert reduce_attachable(key(raw), raw).published == expected


@pytest.mark.parametrize(("address", "expected"), [([], 0.0), ([{"ip": "192.0.2.1"}], 60.0)], ids=["no address", "address"])
def test_the_time_of_an_address_is_that_of_the_last_write_of_the_status(address: list[Manifest], expected: float) -> None:
    raw = {**ingress("shop", 1, ("", "/shop")), "status": {"loadBalancer": {"ingress": address}}}
    written = [("status", "1970-01-01T00:01:00Z"), ("", "1970-01-01T00:02:00Z")]
    raw["metadata"]["managedFields"] = [{"manager": "kong", "subresource": place, "time": time} for place, time in written]
    assert reduce_attachable(key(raw), raw).published_at == expected


# Triggers


def test_a_binding_is_requeued_when_its_ingress_gets_an_address() -> None:
    waiting, confirmed = (ours(ingress("assistant-openai", n, ("", "/openai"), address=a)) for n, a in ((1, None), (2, "192.0.2.1")))
    assert changed(binding(), waiting, then=confirmed) == {ASSISTANT}


def test_a_binding_is_requeued_when_the_first_ingress_of_its_class_gets_an_address_or_the_last_loses_it() -> None:
    """Until then a missing address of its own tells nothing."""
    without, there = (ingress("a", 1, ("a.example", "/x"), address=address) for address in (None, "192.0.2.1"))
    another = ingress("b", 1, ("a.example", "/y"), address="192.0.2.1")
    assert changed(binding(), without, then=at(there, 2)) == {ASSISTANT}
    assert changed(binding(), there, then=at(without, 2)) == {ASSISTANT}
    assert changed(binding(), another, without, then=at(there, 2)) == NONE
    assert changed(binding(), another, there, then=at(without, 2)) == NONE


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (service(version=2, plugins="a"), NONE),
        (written(service(plugins="a"), 2, "2026-01-01T00:00:02Z"), NONE),
        (service(version=2, plugins="a,b"), {ASSISTANT}),
        (service(version=2), {ASSISTANT}),
        (service(version=2, plugins="a", uid="new"), {ASSISTANT}),
    ],
    ids=["nothing", "our write", "another plugin", "no plugin", "recreated"],
)
def test_a_binding_is_requeued_by_its_target(later: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(ATTACHING, service(plugins="a"), then=later) == expected


def test_a_binding_is_requeued_where_its_plugin_is_put_on_an_object_it_does_not_name() -> None:
    assert changed(binding(), OWN, then=service("unrelated", plugins="assistant-opentelemetry")) == {ASSISTANT}


def test_a_binding_is_requeued_where_its_plugin_is_taken_off() -> None:
    before = service("unrelated", plugins="assistant-opentelemetry")
    assert changed(binding(), OWN, before, then=service("unrelated", 2, plugins="x")) == {ASSISTANT}


def test_a_list_in_another_namespace_does_not_requeue_the_owner_of_a_plugin_it_names() -> None:
    assert changed(binding(), OWN, then=service("elsewhere", plugins="ai:assistant-opentelemetry", namespace="other")) == NONE


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (ingress("shop", 1, ("", "/openai")), {ASSISTANT}),
        (ingress("shop", 1, ("", "/openai/")), {ASSISTANT}),
        (ingress("shop", 1, ("", "/openai"), namespace="other"), {ASSISTANT}),
        (ingress("shop", 1, ("a.example", "/openai")), NONE),
        (ingress("shop", 1, ("", "/openai"), ingress_class="nginx"), NONE),
        (ingress("shop", 1, ("", "/other")), NONE),
    ],
    ids=["same place", "trailing slash", "other namespace", "other host", "other class", "other path"],
)
def test_a_binding_is_requeued_by_an_ingress_in_its_place(then: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(binding(), then=then) == expected


def test_a_binding_is_requeued_when_its_place_becomes_free() -> None:
    there = ingress("shop", 1, ("", "/openai"))
    assert deleted(binding(), there, then=there) == {ASSISTANT}
    assert changed(binding(), there, then=ingress("shop", 2, ("", "/other"))) == {ASSISTANT}


@pytest.mark.parametrize(
    "then",
    [
        http_route("split", 1, "chat", "canary"),
        leading(ingress("front"), "chat"),
        leading(ingress("front", plugins="rate-limit"), "chat"),
    ],
    ids=["a route of two Services", "an Ingress", "an Ingress with a plugin"],
)
def test_a_binding_is_requeued_by_what_leads_to_its_target(then: Manifest) -> None:
    assert changed(ATTACHING, service(), then=then) == {ASSISTANT}
    assert deleted(ATTACHING, service(), then, then=then) == {ASSISTANT}


def test_a_binding_is_requeued_by_what_leads_to_its_own_service() -> None:
    assert changed(binding(), ours(service("assistant-openai")), then=leading(ingress("front"), "assistant-openai")) == {ASSISTANT}


def test_a_route_to_other_services_requeues_nobody() -> None:
    assert changed(ATTACHING, service(), then=http_route("other", 1, "web", "canary")) == NONE


def test_a_binding_is_requeued_where_the_plugin_of_a_route_to_its_target_changes() -> None:
    assert changed(ATTACHING, http_route("front", 1, "chat", plugins="rate-limit"), then=plugin()) == {ASSISTANT}


def test_a_binding_is_requeued_by_a_regular_expression_of_its_class() -> None:
    assert changed(binding(), then=ingress("web", 1, ("", "/~/open.*"))) == {ASSISTANT}
    assert changed(binding(), then=ingress("web", 1, ("", "/~/open.*"), ingress_class="nginx")) == NONE


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ((), ingress("web", 1, ("", "/x"), plugins="a,a")),
        ((ingress("web", 1, ("", "/x"), plugins="a,a"),), ingress("web", 2, ("", "/x"), plugins="a")),
        ((leading(ingress("web"), "web"),), service("web", plugins="a,a")),
        ((service("web", plugins="a,a"),), leading(ingress("web"), "web")),
        ((ingress("web", 1, ("", "/x"), plugins="a,a"),), plugin("a")),
    ],
    ids=["a list with a name twice", "it is mended", "on a Service", "a route to the Service", "the plugin appears"],
)
def test_every_binding_is_requeued_where_a_list_freezes_a_gateway(before: tuple[Manifest, ...], then: Manifest) -> None:
    assert changed(binding(), *before, then=then) == {ASSISTANT}
