from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.bindings import reduce_binding
from tests.unit.observe.changes import NONE, changed, deleted
from tests.unit.observe.objects import ASSISTANT, ATTACHED, EXPOSED, GATEWAY, binding, spec

BOT = ObjectKey("FiddlerKongBinding", "ai", "bot")
STRICT = {"untrustedLua": "strict"}


# Reduction


def test_a_binding_keeps_the_facts_of_a_decision() -> None:
    raw = binding(version=7, generation=3, finalizers=["a"], deletionTimestamp="2026-01-02T00:00:00Z")
    found = reduce_binding(ASSISTANT, {**raw, "status": {"routes": "1/1", "conditions": [{"type": "Ready"}]}})
    facts = (found.uid, found.generation, found.resource_version, found.finalizers, found.deleting)
    assert facts == ("uid-assistant", 3, "7", ("a",), True)
    assert found.status == {"routes": "1/1", "conditions": [{"type": "Ready"}]}
    assert found.invalid is None


def test_the_status_that_the_definition_gives_a_new_binding_is_none() -> None:
    assert reduce_binding(ASSISTANT, {**binding(), "status": {"observedGeneration": -1}}).status == {}


def test_a_spec_is_parsed_once_for_each_generation() -> None:
    first = reduce_binding(ASSISTANT, binding())
    unparsable = binding(version=2, spec_={})  # the API server shows no other spec in the same generation
    assert reduce_binding(ASSISTANT, unparsable, first).spec == first.spec


@pytest.mark.parametrize("metadata", [{"generation": 2}, {"uid": "new"}])
def test_the_spec_of_another_generation_or_uid_is_parsed(metadata: dict[str, Any]) -> None:
    first = reduce_binding(ASSISTANT, binding())
    later = reduce_binding(ASSISTANT, binding(spec_={}, **metadata), first)
    assert (later.spec, later.invalid is None) == (None, False)


def parsed(raw_spec: object) -> tuple[object, str | None]:
    found = reduce_binding(ASSISTANT, {**binding(), "spec": raw_spec})
    return found.spec, found.invalid


def test_violations_of_a_spec_are_named_by_field() -> None:
    found, message = parsed(spec(EXPOSED, {**ATTACHED, "llm": {"provider": "openai", "model": "m", "auth": {"secretRef": {}}}}))
    assert found is None
    assert message == "spec.routes[1].llm.auth.secretRef.name: must be given. spec.routes[1].llm.auth.secretRef.key: must be given."


@pytest.mark.parametrize(
    "broken",
    [
        spec(suspend="sk-secret"),
        spec(fiddler={"url": "sk-secret", "applicationId": "sk-secret", "apiKeySecretRef": {"name": "sk-secret!", "key": "sk-secret!"}}),
        {"routes": "sk-secret"},
        "sk-secret",
        None,
    ],
)
def test_a_refused_value_is_not_repeated(broken: object) -> None:
    found, message = parsed(broken)
    assert (found, "sk-secret" in (message or "sk-secret")) == (None, False)


# Triggers


def test_a_new_binding_requeues_itself_and_its_gateway() -> None:
    assert changed(then=binding()) == {ASSISTANT, GATEWAY}


def test_an_invalid_binding_requeues_only_itself() -> None:
    assert changed(then=binding(spec_={})) == {ASSISTANT}


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (binding(version=2), NONE),
        (binding(version=2, labels={"team": "ml"}), NONE),
        ({**binding(version=2), "status": {"routes": "1/1"}}, {ASSISTANT}),
        (binding(version=2, generation=2), {ASSISTANT, GATEWAY}),
        (binding(version=2, uid="new"), {ASSISTANT, GATEWAY}),
        (binding(version=2, finalizers=["x"]), {ASSISTANT, GATEWAY}),
        (binding(version=2, deletionTimestamp="2026-01-01T00:00:00Z"), {ASSISTANT, GATEWAY}),
        (binding(version=2, annotations={"poke": "1"}), {ASSISTANT, GATEWAY}),
        (binding(version=2, annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}"}), NONE),
    ],
    ids=["nothing", "labels", "status", "generation", "uid", "finalizers", "deletion", "annotation", "kubectl's copy"],
)
def test_a_binding_is_requeued_by_changes_that_decide(later: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(binding(), then=later) == expected


@pytest.mark.parametrize("later", [{"routes": "0/1"}, {}], ids=["overwritten", "removed"])
def test_a_status_changed_by_another_client_requeues_the_binding(later: Manifest) -> None:
    good = {**binding(), "status": {"routes": "1/1"}}
    assert changed(good, then={**binding(version=2), "status": later}) == {ASSISTANT}


def test_a_binding_that_moves_requeues_both_gateways() -> None:
    moved = binding(version=2, spec_=spec(gateway={"targetRef": {"name": "another"}}), generation=2)
    assert changed(binding(), then=moved) == {ASSISTANT, GATEWAY, ObjectKey("Deployment", "ai", "another")}


def test_a_deleted_binding_requeues_itself_and_its_gateway() -> None:
    assert deleted(binding(), then=binding()) == {ASSISTANT, GATEWAY}


def test_bindings_that_ask_the_same_of_a_gateway_do_not_requeue_each_other() -> None:
    assert changed(binding(), then=binding("bot")) == {BOT, GATEWAY}


def test_bindings_that_ask_for_different_settings_do() -> None:
    assert changed(binding(), then=binding("bot", spec_=spec(gateway=STRICT))) == {ASSISTANT, BOT, GATEWAY}


def test_the_deletion_of_a_rival_requeues_the_other_bindings_of_the_gateway() -> None:
    other = binding("bot", spec_=spec(gateway=STRICT))
    assert deleted(binding(), other, then=other) == {ASSISTANT, BOT, GATEWAY}


@pytest.mark.parametrize("gateway", [{}, {"targetRef": {"name": "another"}}], ids=["stops to clash", "moves away"])
def test_a_rival_that_gives_way_requeues_the_other_bindings_of_the_gateway(gateway: Manifest) -> None:
    rival, later = (binding("bot", n, spec(gateway=asked), generation=n) for n, asked in ((1, STRICT), (2, gateway)))
    assert changed(binding(), rival, then=later) >= {ASSISTANT, BOT, GATEWAY}


def test_a_binding_that_is_not_the_oldest_of_its_demand_does_not_requeue_the_others() -> None:
    strict = [binding(name, spec_=spec(gateway=STRICT)) for name in ("bot", "cat")]
    assert changed(binding(), strict[0], then=strict[1]) == {ObjectKey("FiddlerKongBinding", "ai", "cat"), GATEWAY}
