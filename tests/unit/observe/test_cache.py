from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.observe.cache import TOMBSTONES, UNKNOWN, Cache
from fiddler_kong_operator.observe.kinds.plugins import PluginFacts
from fiddler_kong_operator.plan.kinds import KINDS
from fiddler_kong_operator.plan.snapshot import Binding
from tests.unit.observe.changes import cache_with
from tests.unit.observe.objects import (
    ASSISTANT,
    CHAT,
    EXPOSED,
    FIDDLER,
    GATEWAY,
    OPENAI,
    at,
    binding,
    cluster_plugin,
    ingress,
    key,
    ours,
    plugin,
    secret,
    service,
    spec,
    warning,
)

OWN = ours(plugin("assistant-opentelemetry"))


def values(cache: Cache, secret_key: ObjectKey = FIDDLER) -> object:
    return cache.lookup(secret_key)


# Older and newer


def test_an_older_version_is_ignored() -> None:
    cache = cache_with(binding(), secret(version=5, value=b"new"))
    assert cache.observe(secret(version=4, value=b"old")) == frozenset()
    assert values(cache) == {"api-key": b"new"}


def test_the_answer_to_a_write_is_seen_at_once_and_its_event_requeues_nothing() -> None:
    cache = cache_with(binding(), secret())
    assert cache.observe(secret(version=2, value=b"new")) == {ASSISTANT}
    assert values(cache) == {"api-key": b"new"}
    assert cache.apply_event(KINDS["Secret"], "MODIFIED", secret(version=2, value=b"new")) == frozenset()


def test_versions_are_compared_as_numbers() -> None:
    cache = cache_with(binding(), secret(version=9))
    cache.observe(secret(version=10, value=b"new"))
    assert values(cache) == {"api-key": b"new"}


def test_versions_that_are_no_numbers_are_taken_as_they_come() -> None:
    cache = cache_with(binding(), secret(resourceVersion="b", value=b"one"), secret(resourceVersion="a", value=b"two"))
    assert values(cache) == {"api-key": b"two"}


def test_the_same_version_counts_where_its_values_were_not_kept_before() -> None:
    own = ours(secret("fiddler", 3))
    cache = cache_with(own, binding())
    assert values(cache) is UNKNOWN
    cache.observe(own)
    assert values(cache) == {"api-key": b"the-key"}


# Deletion


def test_a_deleted_reference_is_known_not_to_exist() -> None:
    cache = cache_with(binding(), secret())
    assert cache.apply_event(KINDS["Secret"], "DELETED", secret(version=2)) == {ASSISTANT}
    assert values(cache) is None


def test_a_late_answer_does_not_revive_a_deleted_object() -> None:
    cache = cache_with(binding(), secret())
    cache.apply_event(KINDS["Secret"], "DELETED", secret(version=2))
    assert cache.observe(secret(version=1)) == frozenset()
    assert values(cache) is None


def test_a_late_answer_does_not_revive_an_object_that_was_never_cached() -> None:
    cache = cache_with(binding())
    cache.apply_event(KINDS["Secret"], "DELETED", secret(version=2))
    cache.observe(secret(version=1))
    assert values(cache) is UNKNOWN


def test_the_deletion_of_a_former_uid_leaves_the_new_object_alone() -> None:
    cache = cache_with(binding(), secret(version=7, uid="new", value=b"new"))
    assert cache.apply_event(KINDS["Secret"], "DELETED", secret(version=6, uid="old")) == frozenset()
    assert values(cache) == {"api-key": b"new"}


def test_a_recreated_object_is_seen() -> None:
    cache = cache_with(binding(), secret())
    cache.apply_event(KINDS["Secret"], "DELETED", secret(version=2))
    assert cache.apply_event(KINDS["Secret"], "ADDED", secret(version=3, uid="new", value=b"new")) == {ASSISTANT}
    assert values(cache) == {"api-key": b"new"}


def test_the_number_of_tombstones_is_bounded() -> None:
    cache = cache_with(binding())
    cache.apply_event(KINDS["Secret"], "DELETED", secret(version=1))
    for number in range(TOMBSTONES):
        cache.apply_event(KINDS["Secret"], "DELETED", secret(version=1, uid=f"other-{number}"))
    cache.observe(secret(version=1))
    assert values(cache) == {"api-key": b"the-key"}


def test_deleting_a_secret_that_is_not_referred_to_leaves_no_trace() -> None:
    cache = cache_with(secret())
    cache.apply_event(KINDS["Secret"], "DELETED", secret(version=2))
    assert values(cache) is UNKNOWN


def test_absence_is_remembered_for_references_only() -> None:
    cache = cache_with(binding())
    cache.remember_absent(FIDDLER)
    cache.remember_absent(CHAT)
    assert (values(cache), cache.lookup(CHAT)) == (None, UNKNOWN)


def test_an_event_takes_precedence_over_an_answer_that_there_is_nothing() -> None:
    cache = cache_with(binding(), secret())
    cache.remember_absent(FIDDLER)
    assert values(cache) == {"api-key": b"the-key"}


def test_an_absent_object_that_appears_requeues_the_binding() -> None:
    cache = cache_with(binding())
    cache.remember_absent(FIDDLER)
    assert cache.observe(secret()) == {ASSISTANT}


def test_remembered_absence_ends_with_the_reference() -> None:
    cache = cache_with(binding())
    cache.remember_absent(FIDDLER)
    cache.apply_event(KINDS["FiddlerKongBinding"], "DELETED", binding(version=2))
    assert values(cache) is UNKNOWN


# Lists


def test_an_object_that_a_list_does_not_show_is_gone() -> None:
    cache = cache_with(binding(), secret(version=3), secret("openai", version=3))
    assert cache.relisted(KINDS["Secret"], None, {OPENAI}, "10") == {ASSISTANT}
    assert (values(cache), values(cache, OPENAI)) == (None, {"api-key": b"the-key"})


def test_an_object_newer_than_the_list_stays() -> None:
    cache = cache_with(binding(), secret(version=11))
    assert cache.relisted(KINDS["Secret"], None, frozenset(), "10") == frozenset()
    assert values(cache) == {"api-key": b"the-key"}


def test_a_list_of_one_namespace_says_nothing_about_others() -> None:
    here, there = (ingress("shop", 1, ("", "/x"), namespace=namespace) for namespace in ("ai", "other"))
    cache = cache_with(here, there)
    cache.relisted(KINDS["Ingress"], "other", frozenset(), "10")
    assert cache.keys(KINDS["Ingress"]) == {key(here)}


def test_known_absence_is_not_deleted_again() -> None:
    cache = cache_with(binding())
    cache.remember_absent(FIDDLER)
    assert cache.relisted(KINDS["Secret"], None, frozenset(), "10") == frozenset()
    assert values(cache) is None


def test_a_kind_that_goes_and_comes_requeues_every_binding_once() -> None:
    cache = cache_with(binding("a"), binding("b"))
    both = {ObjectKey("FiddlerKongBinding", "ai", name) for name in "ab"}
    changes = [cache.set_installed(KINDS["KongPlugin"], installed=there) for there in (True, False, False, True)]
    assert changes == [frozenset(), both, frozenset(), both]
    assert cache.installed(KINDS["KongPlugin"])


def test_the_same_objects_come_back_with_their_kind() -> None:
    """An API server that does not serve a version for a while answers 404, and its objects keep their uids."""
    cache = cache_with(binding(), ingress("web", 1, ("", "/openai")))
    web, kind = key(ingress("web", 1)), KINDS["Ingress"]
    requeued = cache.set_installed(kind, installed=False)
    assert (cache.keys(kind), ASSISTANT in requeued) == (frozenset(), True)
    cache.observe(ingress("web", 1, ("", "/openai")))
    cache.set_installed(kind, installed=True)
    assert cache.keys(kind) == {web}


# Content


def test_bindings_are_found_by_key_and_by_workload() -> None:
    another = ObjectKey("Deployment", "ai", "another")
    cache = cache_with(binding("a"), binding("b", spec_=spec(gateway={"targetRef": {"name": another.name}})))
    assert {found.name for _, found in cache.values(KINDS["FiddlerKongBinding"], Binding)} == {"a", "b"}
    assert [{found.name for found in cache.groups(workload).representatives()} for workload in (GATEWAY, another)] == [{"a"}, {"b"}]


def test_an_invalid_binding_is_cached_with_its_violations() -> None:
    found = cache_with(binding(spec_={"routes": []})).binding(ASSISTANT)
    assert found is not None
    assert found.spec is None
    assert "spec.fiddler" in (found.invalid or "")


def test_values_of_another_type_are_not_given() -> None:
    cache = cache_with(binding(), plugin())
    assert cache.value(ASSISTANT, PluginFacts) is None
    assert list(cache.values(KINDS["KongPlugin"], Binding)) == []


def test_plugins_and_the_lists_that_name_them_are_found() -> None:
    cache = cache_with(service(plugins="rate-limit, kong:auth"), ingress(plugins="rate-limit"), plugin(), cluster_plugin("metrics"))
    assert cache.value(key(plugin()), PluginFacts) == PluginFacts("rate-limiting")
    assert set(cache.indexes.naming[key(plugin())]) == {CHAT, key(ingress())}
    assert set(cache.indexes.naming[ObjectKey("KongPlugin", "kong", "auth")]) == {CHAT}
    assert [(k.name, f.type) for k, f in cache.values(KINDS["KongClusterPlugin"], PluginFacts)] == [("metrics", "prometheus")]


def test_ingresses_are_found_by_what_they_serve() -> None:
    cache = cache_with(ingress("shop", 1, ("a.example", "/openai/")), ingress("bare", 1, ("a.example", "/openai"), ingress_class=None))
    assert set(cache.indexes.serving["kong", "a.example", "/openai"]) == {key(ingress("shop"))}


def test_ingresses_are_found_by_the_paths_above_theirs() -> None:
    cache = cache_with(ingress("shop", 1, ("a.example", "/openai/v1/chat/")), ingress("all", 1, ("a.example", "/")))
    below = cache.indexes.below
    found = {
        path: {k.name for k in below["kong", "a.example", path]} for path in ("/openai/v1/chat", "/openai/v1", "/openai", "/open", "/")
    }
    assert found == {"/openai/v1/chat": set(), "/openai/v1": {"shop"}, "/openai": {"shop"}, "/open": set(), "/": set()}


@pytest.mark.parametrize("path", ["/a" * 50_000, "/" + "a" * 100_000 + "/b", "/~/" + "a/" * 50_000])
def test_a_path_of_any_length_is_found_by_few_paths_above_it(path: str) -> None:
    above = list(cache_with(ingress("shop", 1, ("a.example", path))).indexes.below)

    assert len(above) <= 8
    assert all(len(shorter) <= 256 for _, _, shorter in above)


def test_children_and_warnings_are_found() -> None:
    cache = cache_with(binding(), OWN, warning(OWN["metadata"]["name"]))
    assert set(cache.indexes.owned_by["uid-assistant"]) == {key(OWN)}
    assert set(cache.indexes.warning_about[key(OWN)]) == {key(warning("any"))}


def test_the_owner_of_an_object_is_found() -> None:
    cache = cache_with(binding(), OWN, plugin())
    assert cache.owner(key(OWN)) == cache.binding(ASSISTANT)
    assert (cache.owner(key(plugin())), cache.owner(CHAT)) == (None, None)


def test_nothing_is_found_of_a_kind_that_was_never_seen() -> None:
    cache = Cache()
    assert (cache.binding(ASSISTANT), cache.value(key(plugin()), PluginFacts), cache.child(CHAT)) == (None, None, None)
    assert (cache.uid(CHAT), len(cache), list(cache.groups(GATEWAY).representatives())) == ("", 0, [])


# Defaults


def matches(cache: Cache, wanted: bytes) -> bool:
    child = cache.child(key(OWN))
    return child is not None and child.matches(wanted)


def test_the_outcome_of_a_write_matches_its_content() -> None:
    cache = cache_with(binding(), OWN)
    cache.note_defaults(key(OWN), "1", b"wanted")
    assert matches(cache, b"wanted")


def test_another_version_than_the_outcome_does_not_match() -> None:
    cache = cache_with(binding(), at(OWN, 2, config={"drifted": True}))
    cache.note_defaults(key(OWN), "1", b"wanted")
    assert not matches(cache, b"wanted")


def test_the_outcome_of_a_later_write_replaces_that_of_an_earlier_one() -> None:
    cache = cache_with(binding(), OWN)
    cache.note_defaults(key(OWN), "1", b"former")
    cache.note_defaults(key(OWN), "1", b"wanted")
    assert (matches(cache, b"wanted"), matches(cache, b"former")) == (True, False)


def test_an_object_that_is_gone_or_not_ours_has_no_defaults() -> None:
    cache = cache_with(plugin())
    for unknown in (key(plugin()), key(OWN)):
        cache.note_defaults(unknown, "1", b"wanted")
        assert cache.child(unknown) is None


# Names wanted by several bindings


def test_an_object_with_a_name_that_two_bindings_want_has_ownership_facts_until_both_are_gone() -> None:
    one, other = (binding(name, spec_=spec({**EXPOSED, "name": route})) for name, route in (("a", "b-c"), ("a-b", "c")))
    taken = plugin("a-b-c-ai-proxy")
    cache = cache_with(one, other)
    for gone in (one, other):
        cache.observe(at(taken, 1))
        assert cache.child(key(taken)) is not None
        cache.apply_event(KINDS["FiddlerKongBinding"], "DELETED", gone)
    cache.observe(at(taken, 2))
    assert cache.child(key(taken)) is None
