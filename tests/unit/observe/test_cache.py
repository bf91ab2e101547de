from __future__ import annotations

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.observe.cache import GRAVES, UNKNOWN, Cache
from fiddler_kong_operator.plan.kinds import KINDS
from tests.unit.observe.changes import cache_with
from tests.unit.observe.objects import (
    ASSISTANT,
    CHAT,
    FIDDLER,
    GATEWAY,
    OPENAI,
    binding,
    cluster_plugin,
    ingress,
    key,
    ours,
    plugin,
    raw_object,
    secret,
    service,
    spec,
    warning,
)


def values(cache: Cache, secret_key: ObjectKey = FIDDLER) -> object:
    return cache.secret(secret_key)


# Older and newer


def test_what_is_older_than_what_is_held_is_ignored() -> None:
    cache = cache_with(binding(), secret(version=5, value=b"new"))
    assert cache.observe(secret(version=4, value=b"old")) == frozenset()
    assert values(cache) == {"api-key": b"new"}


def test_a_write_is_seen_at_once_and_its_event_is_no_news() -> None:
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


def test_a_late_answer_does_not_revive_what_was_deleted() -> None:
    cache = cache_with(binding(), secret())
    cache.apply_event(KINDS["Secret"], "DELETED", secret(version=2))
    assert cache.observe(secret(version=1)) == frozenset()
    assert values(cache) is None


def test_a_late_answer_does_not_revive_what_was_never_held() -> None:
    cache = cache_with(binding())
    cache.apply_event(KINDS["Secret"], "DELETED", secret(version=2))
    cache.observe(secret(version=1))
    assert values(cache) is UNKNOWN


def test_the_deletion_of_a_former_incarnation_leaves_the_new_one_alone() -> None:
    cache = cache_with(binding(), secret(version=7, uid="new", value=b"new"))
    assert cache.apply_event(KINDS["Secret"], "DELETED", secret(version=6, uid="old")) == frozenset()
    assert values(cache) == {"api-key": b"new"}


def test_an_object_made_anew_is_taken_up() -> None:
    cache = cache_with(binding(), secret())
    cache.apply_event(KINDS["Secret"], "DELETED", secret(version=2))
    assert cache.apply_event(KINDS["Secret"], "ADDED", secret(version=3, uid="new", value=b"new")) == {ASSISTANT}
    assert values(cache) == {"api-key": b"new"}


def test_deleted_uids_are_forgotten_after_a_while() -> None:
    cache = cache_with(binding())
    cache.apply_event(KINDS["Secret"], "DELETED", secret(version=1))
    for number in range(GRAVES):
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
    assert (values(cache), cache.attachable(CHAT)) == (None, UNKNOWN)


def test_an_event_counts_more_than_an_answer_that_there_is_nothing() -> None:
    cache = cache_with(binding(), secret())
    cache.remember_absent(FIDDLER)
    assert values(cache) == {"api-key": b"the-key"}


def test_what_was_absent_and_appears_wakes_the_binding() -> None:
    cache = cache_with(binding())
    cache.remember_absent(FIDDLER)
    assert cache.observe(secret()) == {ASSISTANT}


def test_remembered_absence_ends_with_the_reference() -> None:
    cache = cache_with(binding())
    cache.remember_absent(FIDDLER)
    cache.apply_event(KINDS["FiddlerKongBinding"], "DELETED", binding(version=2))
    assert values(cache) is UNKNOWN


# Lists


def test_what_a_list_does_not_show_is_gone() -> None:
    cache = cache_with(binding(), secret(version=3), secret("openai", version=3))
    assert cache.relisted(KINDS["Secret"], None, {OPENAI}, "10") == {ASSISTANT}
    assert (values(cache), values(cache, OPENAI)) == (None, {"api-key": b"the-key"})


def test_what_is_newer_than_the_list_stays() -> None:
    cache = cache_with(binding(), secret(version=11))
    assert cache.relisted(KINDS["Secret"], None, frozenset(), "10") == frozenset()
    assert values(cache) == {"api-key": b"the-key"}


def test_a_list_of_one_namespace_says_nothing_about_others() -> None:
    cache = cache_with(ingress(), ingress(namespace="other"))
    cache.relisted(KINDS["Ingress"], "other", frozenset(), "10")
    assert cache.keys(KINDS["Ingress"]) == {key(ingress())}


def test_known_absence_is_not_deleted_again() -> None:
    cache = cache_with(binding())
    cache.remember_absent(FIDDLER)
    assert cache.relisted(KINDS["Secret"], None, frozenset(), "10") == frozenset()
    assert values(cache) is None


def test_a_kind_that_goes_and_comes_concerns_every_binding_once() -> None:
    cache = cache_with(binding("a"), binding("b"))
    both = {ObjectKey("FiddlerKongBinding", "ai", name) for name in "ab"}
    changes = [cache.set_installed(KINDS["KongPlugin"], installed=there) for there in (True, False, False, True)]
    assert changes == [frozenset(), both, frozenset(), both]
    assert cache.installed(KINDS["KongPlugin"])


# What is found


def test_bindings_are_found_by_key_and_by_workload() -> None:
    cache = cache_with(binding("a"), binding("b", spec_=spec(gateway={"targetRef": {"name": "another"}})))
    found = [[b.name for b in cache.bindings_of(workload)] for workload in (GATEWAY, ObjectKey("Deployment", "ai", "another"))]
    assert (sorted(b.name for b in cache.bindings()), found) == (["a", "b"], [["a"], ["b"]])


def test_an_invalid_binding_is_held_with_its_fault() -> None:
    held = cache_with(binding(spec_={"routes": []})).binding(ASSISTANT)
    assert held is not None
    assert held.spec is None
    assert "spec.fiddler" in (held.invalid or "")


def test_plugins_and_who_names_them_are_found() -> None:
    cache = cache_with(service(plugins="rate-limit, kong:auth"), ingress(plugins="rate-limit"), plugin(), cluster_plugin("metrics"))
    facts = cache.plugin(key(plugin()))
    assert facts is not None
    assert facts.type == "rate-limiting"
    assert set(cache.naming(key(plugin()))) == {CHAT, key(ingress())}
    assert list(cache.naming(ObjectKey("KongPlugin", "kong", "auth"))) == [CHAT]
    assert [(k.name, f.type) for k, f in cache.cluster_plugins()] == [("metrics", "prometheus")]


def test_ingresses_are_found_by_what_they_serve() -> None:
    cache = cache_with(ingress("shop", 1, ("a.example", "/openai/")), ingress("bare", 1, ("a.example", "/openai"), ingress_class=None))
    assert list(cache.serving(("kong", "a.example", "/openai"))) == [key(ingress("shop"))]


def test_children_and_warnings_are_found() -> None:
    cache = cache_with(binding(), ours(plugin("assistant-opentelemetry")), warning("assistant-opentelemetry", message="no such field"))
    own = ObjectKey("KongPlugin", "ai", "assistant-opentelemetry")
    assert list(cache.children_of("uid-assistant")) == [own]
    assert [w.message for w in cache.warnings_about(own)] == ["no such field"]


def test_the_key_of_an_object_is_held_once_however_often_it_changes() -> None:
    own = ours(plugin("assistant-opentelemetry"))
    cache = cache_with(binding(), own)
    held = cache.child(key(own))
    cache.apply_event(KINDS["KongPlugin"], "MODIFIED", ours(plugin("assistant-opentelemetry", 2)))
    cache.apply_event(KINDS["FiddlerKongBinding"], "MODIFIED", binding(version=2))
    now, known = cache.child(key(own)), cache.binding(ASSISTANT)
    assert held
    assert now
    assert (now.resource_version, now.key is held.key) == ("2", True)
    assert known
    assert any(known.key is shelved for shelved in cache.keys(KINDS["FiddlerKongBinding"]))


def test_nothing_is_found_of_a_kind_that_was_never_seen() -> None:
    cache = Cache()
    assert (cache.binding(ASSISTANT), cache.plugin(key(plugin())), cache.child(CHAT)) == (None, None, None)


def test_a_lease_is_not_kept() -> None:
    cache = cache_with(raw_object("Lease", "operator"))
    assert cache.keys(KINDS["Lease"]) == frozenset()
