from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.api.conditions import Finding
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import Attachable, Child, KongWarning, Parent, Snapshot
from fiddler_kong_operator.plan.status.confirmation import seconds_to_confirm
from fiddler_kong_operator.plan.status.programming import evaluate_programming
from fiddler_kong_operator.plan.status.warnings import APPLY_FAILED, TRANSLATION_FAILED, WARNING_LIFETIME, outdate_warnings
from tests.unit.plan.situations import ATTACHED, EXPOSED, make_binding, make_snapshot, make_spec

PLUGIN = ObjectKey("KongPlugin", "kong", "assistant-opentelemetry")
TARGET = ObjectKey("Service", "kong", "chat")
INGRESS = ObjectKey("Ingress", "kong", "assistant-openai")
NOW = make_snapshot().now
WEB = ObjectKey("Ingress", "shop", "web")
TWO_OF_A_TYPE = {"a": "acl", "b": "acl"}


def to_target(ingress_class: str) -> Attachable:
    """An Ingress of that class that leads to the target."""
    return Attachable(ObjectKey("Ingress", "kong", "front"), "uid-front", "1", ingress_class=ingress_class, backends=((TARGET,),))


def found(seen: Snapshot, *, lua_withheld: bool = False) -> Finding:
    return evaluate_programming(seen, lua_withheld=lua_withheld)


@pytest.mark.parametrize(
    ("kongs", "ours", "consequence"),
    [
        (APPLY_FAILED, "KongRefused", "Correct that: until then, Kong refuses its whole configuration, and no change reaches the gateway."),
        (
            TRANSLATION_FAILED,
            "KongTranslationFailed",
            "Correct that: until then, the controller leaves the object out of Kong's configuration.",
        ),
    ],
)
@pytest.mark.parametrize("about", [PLUGIN, TARGET], ids=lambda key: key.kind)
def test_a_warning_that_holds_is_shown_with_what_to_do(about: ObjectKey, kongs: str, ours: str, consequence: str) -> None:
    shown = found(make_snapshot(warnings=(KongWarning(about, kongs, "no such field.", NOW),)), lua_withheld=True)
    assert (shown.reason.name, shown.message) == (ours, f"Kong Ingress Controller says of {about}: no such field. {consequence}")


def test_what_is_withheld_waits_for_the_gateway() -> None:
    shown = found(make_snapshot(), lua_withheld=True)
    assert shown.reason.name == "WaitingForGateway"
    assert "assistant-pre-function" in shown.message


# Confirmation

ROUTE = ObjectKey("HTTPRoute", "kong", "chat")
TO_ROUTE = make_binding(make_spec({"name": "chat", "attachTo": {"kind": "HTTPRoute", "name": "chat"}}))


def route(*parents: Parent) -> Snapshot:
    """A binding that is attached to an HTTPRoute of which Kong's controllers say that."""
    published = any(parent.programmed == "True" for parent in parents)
    return make_snapshot(TO_ROUTE, targets={ROUTE: Attachable(ROUTE, "uid", "1", parents=parents, published=published)})


@pytest.mark.parametrize(
    ("parents", "expected", "phrase"),
    [
        ((), "KongNotConfirmed", "No Kong Gateway has accepted HTTPRoute kong/chat yet"),
        (
            (Parent("kong/kong", accepted=False, message="NotAllowedByListeners: no listener"),),
            "RouteNotAccepted",
            "accepts HTTPRoute kong/chat. Gateway kong/kong: NotAllowedByListeners: no listener.",
        ),
        (
            (Parent("kong/kong", accepted=True, programmed="Unknown", message="Pending: not yet"),),
            "KongNotConfirmed",
            "a condition in its status.parents is not True. Gateway kong/kong: Pending: not yet.",
        ),
        ((Parent("kong/kong", accepted=True),), "PluginsProgrammed", "and Kong has not refused them."),
        ((Parent("kong/kong", accepted=True, programmed="True"),), "PluginsProgrammed", "and Kong has taken the routes."),
        (
            (Parent("kong/old", accepted=False), Parent("kong/kong", accepted=True, programmed="True")),
            "PluginsProgrammed",
            "and Kong has taken the routes.",
        ),
    ],
    ids=["nobody", "refused", "not yet programmed", "a controller that does not say", "programmed", "by one of two"],
)
def test_an_http_route_is_confirmed_by_its_parents(parents: tuple[Parent, ...], expected: str, phrase: str) -> None:
    shown = found(route(*parents))
    assert (shown.reason.name, phrase in shown.message) == (expected, True)


OWN_ROUTE = ObjectKey("HTTPRoute", "kong", "assistant-openai")
ON_GATEWAY = make_binding(make_spec({**EXPOSED, "expose": {"path": "/openai", "gatewayRef": {"name": "kong"}}}))


@pytest.mark.parametrize(
    ("parents", "expected", "phrase"),
    [
        (None, "KongNotConfirmed", "No Kong Gateway has accepted HTTPRoute kong/assistant-openai yet"),
        ((), "KongNotConfirmed", "No Kong Gateway has accepted HTTPRoute kong/assistant-openai yet"),
        ((Parent("kong/kong", accepted=True, programmed="True"),), "PluginsProgrammed", "and Kong has taken the routes."),
        ((Parent("kong/kong", accepted=True),), "PluginsProgrammed", "and Kong has not refused them."),
        (
            (Parent("kong/kong", accepted=False, message="NotAllowedByListeners"),),
            "RouteNotAccepted",
            "Let a listener of the Gateway admit HTTPRoutes of namespace kong (allowedRoutes).",
        ),
        (
            (Parent("kong/kong", accepted=False, message="NoMatchingParent"),),
            "RouteNotAccepted",
            "Name a listener that the Gateway has",
        ),
        (
            (Parent("kong/kong", accepted=False, message="NoMatchingListenerHostname"),),
            "RouteNotAccepted",
            "Use a host name that a listener of the Gateway serves.",
        ),
        (
            (Parent("kong/kong", accepted=True, programmed="True", message="BackendNotFound: target x does not exist"),),
            "KongNotConfirmed",
            "Gateway kong/kong: BackendNotFound: target x does not exist. Create the Service that the rule names.",
        ),
    ],
    ids=["not there", "nobody", "taken", "a controller that does not say", "not allowed", "no listener", "no host", "no backend"],
)
def test_an_exposed_http_route_is_confirmed_by_its_parents(parents: tuple[Parent, ...] | None, expected: str, phrase: str) -> None:
    published = any(parent.programmed == "True" and not parent.message for parent in parents or ())
    seen = {} if parents is None else {OWN_ROUTE: Attachable(OWN_ROUTE, "uid", "1", parents=parents, published=published)}
    shown = found(make_snapshot(ON_GATEWAY, targets=seen, class_published=True))
    assert (shown.reason.name, phrase in shown.message) == (expected, True)


def test_an_exposed_http_route_that_another_implementation_serves_is_not_kongs() -> None:
    shown = found(make_snapshot(ON_GATEWAY, targets={OWN_ROUTE: Attachable(OWN_ROUTE, "uid", "1", foreign=True)}))
    assert (shown.reason.name, "is not Kong's" in shown.message) == ("RouteNotAccepted", True)


def exposing(*, published: bool, **more: Any) -> Snapshot:
    return make_snapshot(targets={INGRESS: Attachable(INGRESS, "uid", "1", (), "kong", (("", "/openai"),), published=published)}, **more)


def test_an_ingress_whose_class_a_policy_changes_with_each_write_is_not_confirmed_by_its_address() -> None:
    child = Child(INGRESS, "uid", "1", "uid-assistant", "assistant", b"seen", defaulted_from=b"written")
    moved = {INGRESS: Attachable(INGRESS, "uid", "1", (), "nginx", (("", "/openai"),), published=True)}
    shown = found(make_snapshot(targets=moved, children={INGRESS: child}, class_published=True))
    assert (shown.reason.name, "gives Ingress kong/assistant-openai the class nginx with each write" in shown.message) == (
        "KongNotConfirmed",
        True,
    )


def test_an_address_confirms_the_route() -> None:
    shown = found(exposing(published=True, class_published=True))
    assert (shown.reason.name, shown.message) == (
        "PluginsProgrammed",
        "All plugins are applied and attached, and Kong has taken the routes.",
    )


@pytest.mark.parametrize("seen", [exposing(published=False, class_published=True), make_snapshot(class_published=True)])
def test_a_route_without_an_address_waits_where_others_of_its_class_have_one(seen: Snapshot) -> None:
    shown = found(seen)
    assert shown.reason.name == "KongNotConfirmed"
    assert f"no address in the status of {INGRESS}, but others of class kong" in shown.message


def test_each_route_is_confirmed_on_its_own() -> None:
    second = {**EXPOSED, "name": "second", "expose": {"path": "/second"}}
    shown = found(exposing(published=True, class_published=True, binding=make_binding(make_spec(EXPOSED, second))))
    assert "no address in the status of Ingress kong/assistant-second, but" in shown.message


def test_where_nobody_of_the_class_has_an_address_the_binding_is_ready_and_says_that_it_is_not_confirmed() -> None:
    shown = found(exposing(published=False))
    assert (shown.status, "Not confirmed" in shown.message) == ("True", True)


def test_what_is_attached_to_objects_of_others_waits_for_no_address() -> None:
    shown = found(make_snapshot(make_binding(make_spec(ATTACHED)), class_published=True))
    assert (shown.reason.name, "onfirmed" in shown.message) == ("PluginsProgrammed", False)


def frozen(*about: ObjectKey, ago: float = 5.0) -> str:
    events = tuple(KongWarning(key, APPLY_FAILED, "the key is hunter2", NOW - ago) for key in about)
    return found(exposing(published=False, class_published=True, refusals=events)).message


def test_a_gateway_that_somebody_elses_object_freezes_is_told_by_its_name_and_without_its_words() -> None:
    message = frozen(ObjectKey("Pod", "kong", "controller"), ObjectKey("KongPlugin", "shop", "broken"))
    assert message.endswith(
        "Kong refuses every change by anybody at present; an Event about KongPlugin shop/broken says why. "
        "Nothing is wrong with this binding."
    )


def test_where_no_object_is_named_the_pod_of_kongs_controller_has_the_event() -> None:
    assert "an Event about Pod kong/controller says why" in frozen(ObjectKey("Pod", "kong", "controller"))


def test_a_refusal_of_long_ago_freezes_nothing() -> None:
    assert "Check that Kong's controller runs" in frozen(ObjectKey("KongPlugin", "shop", "broken"), ago=WARNING_LIFETIME)


# The last change while somebody else's object freezes the gateway

BROKEN = ObjectKey("KongPlugin", "shop", "broken")
POD = ObjectKey("Pod", "kong", "controller")


def attached(ago: float, *, about: ObjectKey = BROKEN, message: str = "no such field", first: float = 60.0, **more: Any) -> Finding:
    """The finding of an attached binding whose list was written that many seconds ago; Kong has refused everything for `first` seconds."""
    refusal = KongWarning(about, APPLY_FAILED, message, NOW - 5, NOW - first)
    target = Attachable(TARGET, "uid", "1", attached_at=NOW - ago)
    return found(make_snapshot(make_binding(make_spec(ATTACHED)), targets={TARGET: target}, refusals=(refusal,), **more))


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (attached(30), "KongNotConfirmed"),
        (attached(65), "KongNotConfirmed"),
        (attached(300), "PluginsProgrammed"),
        (attached(30, taken_at=NOW - 40), "KongNotConfirmed"),
        (attached(30, taken_at=NOW - 20), "PluginsProgrammed"),
        (attached(30, about=TARGET), "PluginsProgrammed"),
        (attached(30, about=POD, message="HTTP status 400"), "KongNotConfirmed"),
        (attached(30, about=POD, message="connection refused"), "PluginsProgrammed"),
        (attached(30, about=ObjectKey("Pod", "elsewhere", "controller"), message="HTTP status 400"), "PluginsProgrammed"),
    ],
    ids=[
        "since the gateway is frozen",
        "just before it was",
        "long before",
        "after the last success",
        "before the last success",
        "about its own target",
        "the controller's Pod tells",
        "a gateway that cannot be reached refuses nothing",
        "the Pod of another gateway's controller",
    ],
)
def test_a_change_that_kong_cannot_have_taken_is_not_confirmed(shown: Finding, expected: str) -> None:
    assert shown.reason.name == expected


def test_who_freezes_the_gateway_is_named_to_a_binding_that_is_only_attached() -> None:
    assert attached(30).message == (
        "Kong has not confirmed the last change yet. Kong refuses every change by anybody at present; an Event about KongPlugin "
        "shop/broken says why. Nothing is wrong with this binding."
    )


def test_a_confirmed_route_does_not_confirm_a_later_change() -> None:
    refusal = KongWarning(BROKEN, APPLY_FAILED, "no such field", NOW - 5, NOW - 60)
    shown = found(outdate_warnings(exposing(published=True, class_published=True, refusals=(refusal,)), [PLUGIN]))
    assert shown.reason.name == "KongNotConfirmed"


@pytest.mark.parametrize(("published", "expected"), [(20, "PluginsProgrammed"), (40, "KongNotConfirmed")], ids=["after", "before"])
def test_an_address_that_came_after_the_last_change_shows_that_a_refusal_is_over(published: float, expected: str) -> None:
    refusal = KongWarning(BROKEN, APPLY_FAILED, "no such field", NOW - 35, NOW - 60)
    taken = Attachable(INGRESS, "uid", "1", (), "kong", published=True, attached_at=NOW - 30, published_at=NOW - published)
    assert found(make_snapshot(targets={INGRESS: taken}, class_published=True, refusals=(refusal,))).reason.name == expected


@pytest.mark.parametrize(("ago", "expected"), [(4.0, 6.0), (-3.0, 10.0), (11.0, None)], ids=["young", "by another clock", "old"])
def test_a_change_is_looked_at_again_when_kong_must_have_judged_it(ago: float, expected: float | None) -> None:
    assert seconds_to_confirm(make_snapshot(targets={TARGET: Attachable(TARGET, "uid", "1", attached_at=NOW - ago)})) == expected


# A list with a name twice


def test_a_gateway_that_another_object_freezes_takes_no_plugin_of_ours() -> None:
    shown = found(make_snapshot(frozen_by=((WEB, "cors"), (ObjectKey("Ingress", "shop", "other"), "cors"))))

    assert (shown.reason.name, shown.status) == ("GatewayFrozen", "False")
    assert shown.message.startswith("Ingress shop/web has cors twice in its annotation konghq.com/plugins.")
    assert shown.message.endswith("Remove one of the two. Another list has such names too.")


@pytest.mark.parametrize(
    ("listed", "types", "expected"),
    [
        (("a", "b"), {"a": "acl", "b": "acl"}, "has a and b, both of type acl, in its annotation konghq.com/plugins. Kong therefore"),
        (("a", "b"), {"a": "acl", "b": "cors"}, None),
        (("a", "b"), {"a": "", "b": ""}, None),
        (("a", "ghost"), {"a": "acl"}, None),
    ],
    ids=["one type", "two types", "left out by Kong's controller", "unknown"],
)
def test_two_plugins_of_others_of_one_type_on_our_target_freeze_the_gateway(
    listed: tuple[str, ...], types: dict[str, str], expected: str | None
) -> None:
    shown = found(make_snapshot(targets={TARGET: Attachable(TARGET, "uid", "1", listed)}, routes=(to_target("kong"),), plugin_types=types))

    assert (shown.reason.name == "GatewayFrozen") == bool(expected)
    assert expected is None or f"{TARGET} {expected}" in shown.message


@pytest.mark.parametrize("routes", [(), (to_target("nginx"),)], ids=["no route", "a route of another class"])
def test_two_plugins_of_one_type_on_a_service_that_kong_does_not_serve_freeze_nothing(routes: tuple[Attachable, ...]) -> None:
    chat = Attachable(TARGET, "uid", "1", ("a", "b"))

    assert found(make_snapshot(targets={TARGET: chat}, routes=routes, plugin_types=TWO_OF_A_TYPE)).reason.name != "GatewayFrozen"


def test_two_plugins_of_one_type_may_be_on_a_list_and_in_filters() -> None:
    key = ObjectKey("HTTPRoute", "kong", "chat")
    chat = Attachable(key, "uid", "1", ("a",), filters=("b",), common_filters=("b",))

    shown = found(make_snapshot(targets={key: chat}, plugin_types=TWO_OF_A_TYPE))

    assert "has a and b, both of type acl, in its annotation konghq.com/plugins or the filters of its rules." in shown.message


def test_a_list_that_was_just_written_freezes_nothing() -> None:
    assert found(outdate_warnings(make_snapshot(frozen_by=((WEB, "cors"),)), [WEB])).reason.name == "PluginsProgrammed"
