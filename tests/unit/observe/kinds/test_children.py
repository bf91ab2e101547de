from __future__ import annotations

import base64

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.children import reduce_child
from fiddler_kong_operator.plan.objects.digest import content_digest
from tests.unit.observe.changes import NONE, cache_with, changed, deleted, written
from tests.unit.observe.objects import ASSISTANT, CHAT, EXPOSED, at, binding, key, ours, owners, plugin, secret, service, spec

BOT = ObjectKey("FiddlerKongBinding", "ai", "bot")
MIDNIGHT = 1767225600.0
"""2026-01-01T00:00:00Z."""
OWN = ours(plugin("assistant-opentelemetry", type_="opentelemetry"))


# Reduction


def test_a_child_keeps_owner_label_digest_and_time() -> None:
    entries = [
        {"manager": names.FIELD_MANAGER, "operation": "Update", "time": "2026-01-01T00:00:05Z"},
        {"manager": names.FIELD_MANAGER, "operation": "Update", "time": "2026-01-01T00:00:09Z", "subresource": "status"},
        {"manager": "kubectl", "operation": "Update", "time": "2026-01-01T00:00:20Z"},
    ]
    raw = ours(plugin(version=4), managedFields=entries)
    found = reduce_child(key(raw), raw)
    assert (found.owner_uid, found.binding, found.resource_version, found.deleting) == ("uid-assistant", "assistant", "4", False)
    assert (found.applied_at, found.digest) == (MIDNIGHT + 5, content_digest(raw))


def test_a_child_that_differs_from_the_known_one_has_changed_now() -> None:
    """managedFields keep their time where a write only removes fields."""
    entries = [{"manager": names.FIELD_MANAGER, "operation": "Update", "time": "2026-01-01T00:00:05Z"}]
    raw = ours(plugin(version=4), managedFields=entries)
    known = reduce_child(key(raw), raw)

    later = reduce_child(key(raw), {**raw, "config": {"header_type": "w3c"}}, known, MIDNIGHT + 60)

    assert later.applied_at == MIDNIGHT + 60
    assert reduce_child(key(raw), {**raw, "config": {"header_type": "w3c"}}, later, MIDNIGHT + 90).applied_at == MIDNIGHT + 60
    assert reduce_child(key(raw), {**raw, "config": {"header_type": "w3c"}}, None, MIDNIGHT + 90).applied_at == MIDNIGHT + 5


@pytest.mark.parametrize(
    ("references", "owner"),
    [
        ([], None),
        (owners("assistant", controller=False), None),
        (owners("assistant"), "uid-assistant"),
        ([{"kind": "ReplicaSet", "name": "x", "uid": "u", "controller": True}], "u"),
    ],
    ids=["none", "not controlling", "ours", "of another kind"],
)
def test_only_a_controller_is_an_owner(references: object, owner: str | None) -> None:
    raw = ours(plugin(), ownerReferences=references)
    assert reduce_child(key(raw), raw).owner_uid == owner


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({names.BINDING_LABEL: "assistant"}, None),
        ({names.BINDING_LABEL: "assistant", names.MANAGED_BY_LABEL: "Helm"}, None),
        ({names.BINDING_LABEL: "assistant", names.MANAGED_BY_LABEL: names.APPLICATION}, "assistant"),
    ],
)
def test_the_binding_label_counts_beside_our_managed_by_label_only(labels: dict[str, str], expected: str | None) -> None:
    raw = ours(plugin(), labels=labels)
    assert reduce_child(key(raw), raw).binding == expected


def test_a_child_being_deleted_is_marked() -> None:
    raw = ours(plugin(), deletionTimestamp="2026-01-01T00:00:00Z")
    assert reduce_child(key(raw), raw).deleting


def test_the_digest_of_a_wanted_secret_is_that_of_the_live_one() -> None:
    wanted = {"kind": "Secret", "type": "Opaque", "data": {"x": base64.b64encode(b"1").decode()}, "metadata": {"labels": {}}}
    live = {"type": "Opaque", "data": {"x": "MQ=="}, "metadata": {"name": "s", "resourceVersion": "4", "managedFields": []}}
    assert content_digest(wanted) == reduce_child(CHAT, live).digest


def test_a_time_that_only_go_knows_is_no_time() -> None:
    """Clients choose the times in managedFields; the API server takes the year 0."""
    entries = [{"manager": names.FIELD_MANAGER, "operation": "Update", "time": "0000-01-01T00:00:00Z"}]
    assert reduce_child(CHAT, ours(service(), managedFields=entries)).applied_at == 0


# Defaults


def test_an_unchanged_object_keeps_the_content_it_was_defaulted_from() -> None:
    known = reduce_child(key(OWN), OWN).defaulted(b"wanted")
    later = reduce_child(key(OWN), at(OWN, 2), known)
    assert (later.matches(b"wanted"), later.matches(content_digest(OWN)), later.matches(b"other")) == (True, True, False)


@pytest.mark.parametrize("later", [at(OWN, 2, config={"drifted": True}), ours(plugin("assistant-opentelemetry", 2, uid="new"))])
def test_another_content_or_uid_is_not_known_to_be_defaulted(later: Manifest) -> None:
    known = reduce_child(key(OWN), OWN).defaulted(b"wanted")
    assert not reduce_child(key(OWN), later, known).matches(b"wanted")


# Triggers


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (at(OWN, 2), NONE),
        (written(OWN, 2, "2026-01-01T00:00:00Z"), NONE),
        (at(OWN, 2, config={"drifted": True}), {ASSISTANT}),
        (ours(at(OWN, 2), "bot"), {ASSISTANT, BOT}),
        (at(plugin("assistant-opentelemetry", type_="opentelemetry"), 2), {ASSISTANT}),
    ],
    ids=["nothing", "our write", "drift", "taken over", "given up"],
)
def test_owners_are_requeued_by_changes_of_a_child(later: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(binding(), binding("bot"), OWN, then=later) == expected


def test_an_owner_is_requeued_by_the_deletion_of_a_child() -> None:
    assert deleted(binding(), OWN, then=OWN) == {ASSISTANT}


def test_a_child_that_is_no_longer_wanted_still_requeues_its_owner() -> None:
    former = ours(plugin("assistant-former-ai-proxy"))
    assert deleted(binding(), former, then=former) == {ASSISTANT}


def test_a_binding_that_waits_for_a_name_is_requeued_when_it_becomes_free() -> None:
    stranger = secret("assistant-kong-keys")
    assert deleted(binding(), stranger, then=stranger) == {ASSISTANT}


def test_every_binding_that_would_create_an_object_is_requeued_by_its_changes() -> None:
    """Child names of `a` with route `b-c` and of `a-b` with route `c` are the same."""
    first, second = (binding(name, spec_=spec({**EXPOSED, "name": route})) for name, route in (("a", "b-c"), ("a-b", "c")))
    taken = plugin("a-b-c-ai-proxy")
    assert changed(first, second, then=taken) == {key(first), key(second)}
    assert changed(first, second, taken, then=at(taken, 2, config={})) == {key(first), key(second)}
    assert deleted(first, second, taken, then=taken) == {key(first), key(second)}


def test_a_binding_that_would_not_create_the_object_is_not_requeued() -> None:
    waiting = binding("assistant-eu", spec_=spec({**EXPOSED, "name": "chat"}))
    taken = ours(plugin("assistant-eu-chat-ai-proxy"))
    assert deleted(binding(), waiting, taken, then=taken) == {ASSISTANT, key(waiting)}
    unwanted = ours(plugin("assistant-eu-mail-ai-proxy"))
    assert deleted(binding(), waiting, unwanted, then=unwanted) == {ASSISTANT}


def test_a_child_of_a_binding_that_is_gone_requeues_nothing() -> None:
    assert changed(then=OWN) == NONE


def test_a_uid_copied_into_another_namespace_makes_no_owner() -> None:
    copied = ours(plugin("copied", namespace="other"))
    assert changed(binding(), then=copied) == NONE
    assert cache_with(binding(), copied).owner(key(copied)) is None
    assert cache_with(binding(), OWN).owner(key(OWN)) == cache_with(binding()).binding(ASSISTANT)


def test_a_binding_of_the_same_uid_in_another_namespace_does_not_hide_the_owner() -> None:
    namesake = binding("another", namespace="other", uid="uid-assistant")
    assert changed(binding(), namesake, OWN, then=at(OWN, 2, config={"drifted": True})) == {ASSISTANT}
