from __future__ import annotations

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from tests.unit.observe.changes import NOBODY, changed, deleted, written
from tests.unit.observe.objects import (
    ASSISTANT,
    ATTACHED,
    EXPOSED,
    GATEWAY,
    at,
    binding,
    cluster_plugin,
    deployment,
    ingress,
    key,
    ours,
    plugin,
    secret,
    service,
    spec,
)

BOT = ObjectKey("FiddlerKongBinding", "ai", "bot")
OWN = ours(plugin("assistant-opentelemetry", type_="opentelemetry"))
OTHER_GATEWAY = {"targetRef": {"name": "another"}}


# Bindings


def test_a_new_binding_concerns_itself_and_its_gateway() -> None:
    assert changed(then=binding()) == {ASSISTANT, GATEWAY}


def test_an_invalid_binding_concerns_only_itself() -> None:
    assert changed(then=binding(spec_={})) == {ASSISTANT}


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (binding(version=2), NOBODY),
        ({**binding(version=2), "status": {"routes": "1/1"}}, NOBODY),
        (binding(version=2, labels={"team": "ml"}), NOBODY),
        (binding(version=2, generation=2), {ASSISTANT, GATEWAY}),
        (binding(version=2, uid="new"), {ASSISTANT, GATEWAY}),
        (binding(version=2, finalizers=["x"]), {ASSISTANT, GATEWAY}),
        (binding(version=2, deletionTimestamp="2026-01-01T00:00:00Z"), {ASSISTANT, GATEWAY}),
        (binding(version=2, annotations={"poke": "1"}), {ASSISTANT, GATEWAY}),
        (binding(version=2, annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}"}), NOBODY),
    ],
    ids=["nothing", "status", "labels", "generation", "uid", "finalizers", "deletion", "annotation", "kubectl's copy"],
)
def test_a_binding_is_woken_by_what_matters_of_itself(later: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(binding(), then=later) == expected


def test_a_binding_that_moves_concerns_both_gateways() -> None:
    moved = binding(version=2, spec_=spec(gateway=OTHER_GATEWAY), generation=2)
    assert changed(binding(), then=moved) == {ASSISTANT, GATEWAY, ObjectKey("Deployment", "ai", "another")}


def test_a_deleted_binding_concerns_itself_and_its_gateway() -> None:
    assert deleted(binding(), then=binding()) == {ASSISTANT, GATEWAY}


def test_bindings_that_ask_the_same_of_a_gateway_do_not_wake_each_other() -> None:
    assert changed(binding(), then=binding("bot")) == {BOT, GATEWAY}


def test_bindings_that_ask_for_different_settings_do() -> None:
    assert changed(binding(), then=binding("bot", spec_=spec(gateway={"untrustedLua": "strict"}))) == {ASSISTANT, BOT, GATEWAY}


def test_a_binding_that_gives_way_wakes_those_it_stood_against() -> None:
    other = binding("bot", spec_=spec(gateway={"untrustedLua": "strict"}))
    assert deleted(binding(), other, then=other) == {ASSISTANT, BOT, GATEWAY}


# What bindings refer to


@pytest.mark.parametrize(
    ("before", "then", "expected"),
    [
        (None, secret(), {ASSISTANT}),
        (secret(), secret(version=2), NOBODY),
        (secret(), secret(version=2, value=b"new"), {ASSISTANT}),
        (None, secret("unrelated"), NOBODY),
        (None, secret(namespace="other"), NOBODY),
    ],
    ids=["appears", "same values", "other values", "not referred to", "elsewhere"],
)
def test_a_binding_is_woken_by_its_secrets(before: Manifest | None, then: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(*(raw for raw in (binding(), before) if raw), then=then) == expected


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (deployment(2), NOBODY),
        (deployment(2, {"name": "PATH", "value": "x"}), NOBODY),
        (deployment(2, {"name": "KONG_X", "value": "x"}), {ASSISTANT, GATEWAY}),
        (deployment(2, annotations={names.GRANT_ANNOTATION: "ai"}), {ASSISTANT, GATEWAY}),
        (deployment(2, generation=2), {ASSISTANT, GATEWAY}),
    ],
    ids=["nothing", "foreign env", "setting", "grant", "rollout"],
)
def test_a_gateway_and_its_bindings_are_woken_by_what_decides_about_it(later: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(binding(), deployment(), then=later) == expected


def test_a_deleted_gateway_concerns_its_bindings() -> None:
    assert deleted(binding(), deployment(), then=deployment()) == {ASSISTANT, GATEWAY}


def test_a_workload_nobody_names_concerns_nobody() -> None:
    assert changed(binding(), then=deployment(name="other")) == NOBODY


# Targets and plugins on them


ATTACHING = binding(spec_=spec(ATTACHED))


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (service(version=2, plugins="a"), NOBODY),
        (written(service(plugins="a"), 2, "2026-01-01T00:00:02Z"), NOBODY),
        (service(version=2, plugins="a,b"), {ASSISTANT}),
        (service(version=2), {ASSISTANT}),
        (service(version=2, plugins="a", uid="new"), {ASSISTANT}),
    ],
    ids=["nothing", "our write", "another plugin", "no plugin", "made anew"],
)
def test_a_binding_is_woken_by_its_target(later: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(ATTACHING, service(plugins="a"), then=later) == expected


def test_a_binding_is_woken_where_its_plugin_is_put_on_an_object_it_does_not_name() -> None:
    assert changed(binding(), OWN, then=service("unrelated", plugins="assistant-opentelemetry")) == {ASSISTANT}


def test_a_binding_is_woken_where_its_plugin_is_taken_off() -> None:
    before = service("unrelated", plugins="assistant-opentelemetry")
    assert changed(binding(), OWN, before, then=service("unrelated", 2, plugins="x")) == {ASSISTANT}


@pytest.mark.parametrize("written_as", ["rate-limit", "ai:rate-limit"])
def test_the_type_of_a_plugin_beside_ours_concerns_the_binding(written_as: str) -> None:
    before = (ATTACHING, service(plugins=written_as), plugin())
    assert changed(*before, then=plugin(version=2, type_="ai-proxy")) == {ASSISTANT}
    assert changed(*before, then={**plugin(version=2), "config": {"minute": 6}}) == NOBODY
    assert deleted(*before, then=plugin()) == {ASSISTANT}


def test_a_plugin_on_nobodys_target_concerns_nobody() -> None:
    assert changed(binding(), service(plugins="rate-limit"), then=plugin()) == NOBODY


def test_a_cluster_plugin_concerns_every_binding() -> None:
    assert changed(binding(), binding("bot"), then=cluster_plugin("metrics")) == {ASSISTANT, BOT}
    assert changed(binding(), cluster_plugin("metrics"), then=cluster_plugin("metrics", 2)) == NOBODY


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (ingress("shop", 1, ("", "/openai")), {ASSISTANT}),
        (ingress("shop", 1, ("", "/openai/")), {ASSISTANT}),
        (ingress("shop", 1, ("", "/openai"), namespace="other"), {ASSISTANT}),
        (ingress("shop", 1, ("a.example", "/openai")), NOBODY),
        (ingress("shop", 1, ("", "/openai"), ingress_class="nginx"), NOBODY),
        (ingress("shop", 1, ("", "/other")), NOBODY),
    ],
    ids=["same place", "trailing slash", "other namespace", "other host", "other class", "other path"],
)
def test_a_binding_is_woken_by_an_ingress_in_its_place(then: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(binding(), then=then) == expected


def test_a_binding_is_woken_when_its_place_becomes_free() -> None:
    there = ingress("shop", 1, ("", "/openai"))
    assert deleted(binding(), there, then=there) == {ASSISTANT}
    assert changed(binding(), there, then=ingress("shop", 2, ("", "/other"))) == {ASSISTANT}


# Children


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (at(OWN, 2), NOBODY),
        (written(OWN, 2, "2026-01-01T00:00:00Z"), NOBODY),
        (at(OWN, 2, config={"drifted": True}), {ASSISTANT}),
        (ours(at(OWN, 2), "bot"), {ASSISTANT, BOT}),
        (at(plugin("assistant-opentelemetry", type_="opentelemetry"), 2), {ASSISTANT}),
    ],
    ids=["nothing", "our write", "drift", "taken over", "given up"],
)
def test_owners_are_woken_by_changes_of_a_child(later: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(binding(), binding("bot"), OWN, then=later) == expected


def test_an_owner_is_woken_by_the_deletion_of_a_child() -> None:
    assert deleted(binding(), OWN, then=OWN) == {ASSISTANT}


def test_a_child_that_is_no_longer_wanted_still_wakes_its_owner() -> None:
    former = ours(plugin("assistant-former-ai-proxy"))
    assert deleted(binding(), former, then=former) == {ASSISTANT}


def test_who_waits_for_a_name_is_woken_when_it_becomes_free() -> None:
    stranger = secret("assistant-kong-keys")
    assert deleted(binding(), stranger, then=stranger) == {ASSISTANT}


def test_who_waits_for_a_name_is_woken_whichever_of_several_it_may_be() -> None:
    waiting = binding("assistant-eu", spec_=spec({**EXPOSED, "name": "chat"}))
    taken = ours(plugin("assistant-eu-chat-ai-proxy"))
    assert deleted(binding(), waiting, taken, then=taken) == {ASSISTANT, key(waiting)}


def test_a_child_of_a_binding_that_is_gone_concerns_nobody() -> None:
    assert changed(then=OWN) == NOBODY
