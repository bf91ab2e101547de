from __future__ import annotations

import base64
from typing import Any

import pytest
from fiddler_kong_operator.observe.reduce import (
    WARNING_LIMIT,
    PluginFacts,
    parse_spec,
    reduce_attachable,
    reduce_binding,
    reduce_child,
    reduce_plugin,
    reduce_secret,
    reduce_warning,
)

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import KONG_CLUSTER_PLUGIN, SECRET
from fiddler_kong_operator.plan.objects.digest import content_digest
from fiddler_kong_operator.plan.snapshot import KongWarning
from tests.unit.observe.objects import (
    ASSISTANT,
    ATTACHED,
    CHAT,
    EXPOSED,
    binding,
    cluster_plugin,
    ingress,
    key,
    ours,
    owners,
    plugin,
    secret,
    service,
    spec,
    warning,
)

MIDNIGHT = 1767225600.0
"""2026-01-01T00:00:00Z."""


def test_items_of_a_list_need_no_kind_of_their_own() -> None:
    assert key_of(SECRET, {"metadata": {"namespace": "ai", "name": "x"}}) == ObjectKey("Secret", "ai", "x")
    assert key_of(KONG_CLUSTER_PLUGIN, {"metadata": {"name": "x"}}) == ObjectKey("KongClusterPlugin", "", "x")


def test_a_binding_keeps_what_decides() -> None:
    raw = binding(version=7, generation=3, finalizers=["a"], deletionTimestamp="2026-01-02T00:00:00Z")
    found = reduce_binding(ASSISTANT, {**raw, "status": {"routes": "1/1", "conditions": [{"type": "Ready"}]}})
    assert (found.uid, found.generation, found.resource_version, found.finalizers, found.deleting) == (
        "uid-assistant",
        3,
        "7",
        ("a",),
        True,
    )
    assert found.status == {"routes": "1/1", "conditions": [{"type": "Ready"}]}
    assert found.invalid is None


def test_the_spec_of_the_same_generation_is_not_parsed_again() -> None:
    first = reduce_binding(ASSISTANT, binding())
    assert reduce_binding(ASSISTANT, binding(version=2), first).spec is first.spec


@pytest.mark.parametrize("metadata", [{"generation": 2}, {"uid": "new"}])
def test_the_spec_of_another_generation_or_incarnation_is(metadata: dict[str, Any]) -> None:
    first = reduce_binding(ASSISTANT, binding())
    later = reduce_binding(ASSISTANT, binding(spec_={}, **metadata), first)
    assert (later.spec, later.invalid is None) == (None, False)


def test_what_is_wrong_with_a_spec_is_said_by_field() -> None:
    found, message = parse_spec(spec(EXPOSED, {**ATTACHED, "llm": {"provider": "openai", "auth": {}}}))
    assert found is None
    assert message == "spec.routes[1].llm.model: must be given; spec.routes[1].llm.auth.secretRef: must be given"


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
def test_a_value_that_is_refused_is_not_repeated(broken: object) -> None:
    found, message = parse_spec(broken)
    assert (found, "sk-secret" in (message or "sk-secret")) == (None, False)


def test_secrets_are_decoded() -> None:
    assert reduce_secret(secret(value=b"\xff\x00")) == {"api-key": b"\xff\x00"}


@pytest.mark.parametrize("data", [None, {}])
def test_a_secret_without_data_has_no_entries(data: object) -> None:
    assert reduce_secret({"data": data}) == {}


@pytest.mark.parametrize("value", ["not base64!", None, ""])
def test_what_cannot_be_decoded_counts_as_empty(value: str | None) -> None:
    assert reduce_secret({"data": {"api-key": value}}) == {"api-key": b""}


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


def test_a_child_that_differs_from_what_was_known_has_changed_now() -> None:
    """managedFields keep their time where a write only removes fields."""
    entries = [{"manager": names.FIELD_MANAGER, "operation": "Update", "time": "2026-01-01T00:00:05Z"}]
    raw = ours(plugin(version=4), managedFields=entries)
    known = reduce_child(key(raw), raw)

    changed = reduce_child(key(raw), {**raw, "config": {"header_type": "w3c"}}, known, MIDNIGHT + 60)

    assert changed.applied_at == MIDNIGHT + 60
    assert reduce_child(key(raw), {**raw, "config": {"header_type": "w3c"}}, changed, MIDNIGHT + 90).applied_at == MIDNIGHT + 60
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
    ("labels", "binding"),
    [
        ({names.BINDING_LABEL: "assistant"}, None),
        ({names.BINDING_LABEL: "assistant", names.MANAGED_BY_LABEL: "Helm"}, None),
        ({names.BINDING_LABEL: "assistant", names.MANAGED_BY_LABEL: names.APPLICATION}, "assistant"),
    ],
)
def test_the_binding_label_counts_beside_ours_only(labels: dict[str, str], binding: str | None) -> None:
    raw = ours(plugin(), labels=labels)
    assert reduce_child(key(raw), raw).binding == binding


def test_a_child_being_deleted_is_marked() -> None:
    raw = ours(plugin(), deletionTimestamp="2026-01-01T00:00:00Z")
    assert reduce_child(key(raw), raw).deleting


@pytest.mark.parametrize(
    ("written", "expected"),
    [(None, ()), ("", ()), ("a", ("a",)), (" a , kong:b,,a ", ("a", "kong:b", "a"))],
)
def test_a_plugin_list_is_split_and_trimmed(written: str | None, expected: tuple[str, ...]) -> None:
    assert reduce_attachable(CHAT, service(plugins=written)).plugins == expected


def test_an_ingress_keeps_class_and_rules() -> None:
    raw = ingress("shop", 1, ("a.example", "/x"), ("", "/y"))
    raw["spec"]["rules"] += [{"host": "b.example"}, {"host": "c.example", "http": {"paths": [{"pathType": "Prefix"}]}}]
    found = reduce_attachable(key(raw), raw)
    assert (found.ingress_class, found.rules) == ("kong", (("a.example", "/x"), ("", "/y"), ("c.example", "/")))


def test_the_class_may_be_an_annotation() -> None:
    raw = ingress(ingress_class=None, annotations={"kubernetes.io/ingress.class": "old"})
    assert reduce_attachable(key(raw), raw).ingress_class == "old"


def test_plugins_keep_type_class_and_reach() -> None:
    assert reduce_plugin(plugin()) == PluginFacts("rate-limiting")
    assert reduce_plugin(cluster_plugin("metrics")) == PluginFacts("prometheus", "kong", is_global=True)
    assert reduce_plugin(cluster_plugin("metrics", labels={"global": "false"})) == PluginFacts("prometheus", "kong")


def test_a_warning_keeps_what_it_is_about() -> None:
    expected = KongWarning(ObjectKey("KongPlugin", "ai", "x"), "KongConfigurationTranslationFailed", "no such field", MIDNIGHT + 61)
    assert reduce_warning(warning("x", seconds=61, message="no such field")) == expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"series": {"lastObservedTime": "2026-01-01T00:00:02.500000Z"}, "eventTime": "2026-01-01T00:00:01.000000Z"}, MIDNIGHT + 2.5),
        ({"lastTimestamp": None, "eventTime": "2026-01-01T00:00:01.000000Z", "series": None}, MIDNIGHT + 1),
        ({}, MIDNIGHT),
    ],
)
def test_a_warning_was_last_seen_at_the_latest_of_its_times(times: dict[str, Any], expected: float) -> None:
    raw = {"metadata": {"name": "event", "creationTimestamp": "2026-01-01T00:00:00Z"}, **times}
    assert reduce_warning(raw).last_seen == expected


def test_the_digest_of_a_wanted_secret_is_that_of_the_live_one() -> None:
    wanted = {"kind": "Secret", "type": "Opaque", "data": {"x": base64.b64encode(b"1").decode()}, "metadata": {"labels": {}}}
    live = {"type": "Opaque", "data": {"x": "MQ=="}, "metadata": {"name": "s", "resourceVersion": "4", "managedFields": []}}
    assert content_digest(wanted) == reduce_child(CHAT, live).digest


@pytest.mark.parametrize("moment", ["0000-01-01T00:00:00Z", "0000-12-31T23:59:59.999999Z"])
def test_a_time_that_only_go_knows_is_no_time(moment: str) -> None:
    """Whoever posts an event, or sets managedFields, chooses these times; the API server takes the year 0."""
    entries = [{"manager": names.FIELD_MANAGER, "operation": "Update", "time": moment}]
    raw = {"metadata": {"name": "event"}, "lastTimestamp": moment, "eventTime": moment}

    assert reduce_warning(raw).last_seen == 0
    assert reduce_child(CHAT, ours(service(), managedFields=entries)).applied_at == 0


def test_of_a_long_warning_the_beginning_is_kept() -> None:
    assert reduce_warning(warning("x", message="y" * 1_000_000)).message == "y" * WARNING_LIMIT
