from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.observe.cache import UNKNOWN, Cache
from fiddler_kong_operator.plan.kinds import KINDS
from fiddler_kong_operator.plan.references import secrets_of
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.plan.workload import Workload
from tests.unit.observe.changes import cache_with
from tests.unit.observe.objects import (
    ATTACHED,
    CHAT,
    FIDDLER,
    GATEWAY,
    at,
    binding,
    deployment,
    ingress,
    key,
    ours,
    plugin,
    secret,
    service,
    spec,
)

BORROWING = [{"manager": "fiddler-kong-operator", "operation": "Apply", "fieldsV1": {"f:spec": {}}}]


def values(cache: Cache) -> object:
    return cache.lookup(FIDDLER)


def test_a_secret_no_binding_refers_to_is_not_kept() -> None:
    cache = cache_with(secret())
    assert values(cache) is UNKNOWN
    assert cache.keys(KINDS["Secret"]) == frozenset()


def test_a_secret_that_is_referred_to_is_kept_decoded() -> None:
    assert values(cache_with(binding(), secret(value=b"the-key"))) == {"api-key": b"the-key"}


def test_a_secret_seen_before_its_binding_has_to_be_read_live() -> None:
    assert values(cache_with(secret(), binding())) is UNKNOWN


def test_a_secret_is_released_with_its_last_reference() -> None:
    cache = cache_with(binding("a"), binding("b"), secret())
    cache.apply_event(KINDS["FiddlerKongBinding"], "DELETED", at(binding("a"), 2))
    assert values(cache) == {"api-key": b"the-key"}
    cache.apply_event(KINDS["FiddlerKongBinding"], "DELETED", at(binding("b"), 3))
    assert values(cache) is UNKNOWN


def test_a_secret_is_released_when_the_binding_refers_to_another() -> None:
    cache = cache_with(binding(), secret())
    changed = spec()
    changed["fiddler"]["apiKeySecretRef"]["name"] = "other"
    cache.observe(binding(version=2, spec_=changed, generation=2))
    assert values(cache) is UNKNOWN


def test_our_own_secret_is_kept_as_a_digest_only() -> None:
    own = ours(secret("assistant-kong-keys"))
    cache = cache_with(binding(), own)
    child = cache.child(key(own))
    assert child is not None
    assert (child.owner_uid, cache.lookup(key(own))) == ("uid-assistant", UNKNOWN)


def test_a_released_secret_of_ours_keeps_its_digest_but_not_its_values() -> None:
    own = ours(secret("fiddler"))
    cache = cache_with(binding(), own)
    cache.apply_event(KINDS["FiddlerKongBinding"], "DELETED", at(binding(), 2))
    assert (values(cache), cache.child(FIDDLER) is not None) == (UNKNOWN, True)


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (service(), False),
        (service(plugins=""), False),
        (service(plugins="rate-limit"), True),
        (ingress("shop", 1, ("", "/x")), True),
    ],
    ids=["plain service", "empty list", "service with plugins", "ingress"],
)
def test_targets_are_kept_where_they_carry_plugins_or_serve(raw: Manifest, *, kept: bool) -> None:
    assert (cache_with(raw).lookup(key(raw)) is not UNKNOWN) == kept


def test_a_plain_service_is_kept_while_a_binding_attaches_to_it() -> None:
    cache = cache_with(binding(spec_=spec(ATTACHED)), service())
    assert cache.lookup(CHAT) is not UNKNOWN
    cache.apply_event(KINDS["FiddlerKongBinding"], "DELETED", binding(version=2))
    assert cache.lookup(CHAT) is UNKNOWN


def test_a_service_whose_plugins_were_taken_off_is_released() -> None:
    cache = cache_with(service(plugins="rate-limit"), service(version=2))
    assert cache.lookup(CHAT) is UNKNOWN


def test_a_workload_is_kept_while_a_binding_names_it() -> None:
    cache = cache_with(binding(), deployment())
    assert isinstance(cache.lookup(GATEWAY), Workload)
    cache.apply_event(KINDS["FiddlerKongBinding"], "DELETED", binding(version=2))
    assert cache.lookup(GATEWAY) is UNKNOWN


def test_a_workload_we_borrow_fields_of_is_kept_without_any_binding() -> None:
    assert isinstance(cache_with(deployment(managedFields=BORROWING)).lookup(GATEWAY), Workload)


def test_a_workload_we_borrow_fields_of_stays_when_its_last_binding_goes() -> None:
    cache = cache_with(binding(), deployment(managedFields=BORROWING))
    cache.apply_event(KINDS["FiddlerKongBinding"], "DELETED", binding(version=2))
    assert isinstance(cache.lookup(GATEWAY), Workload)


def test_a_strangers_object_with_a_childs_name_is_seen() -> None:
    stranger = secret("assistant-kong-keys")
    child = cache_with(binding(), stranger).child(key(stranger))
    assert child is not None
    assert child.owner_uid is None


@pytest.mark.parametrize(
    "stranger",
    [
        plugin("assistant-opentelemetry"),
        ingress("assistant-openai"),
        service("assistant-openai", plugins="x"),
        secret("assistant-kong-keys"),
    ],
    ids=lambda raw: raw["kind"],
)
def test_a_strangers_object_seen_before_the_binding_is_found_by_reading_it_again(stranger: Manifest) -> None:
    cache = cache_with(stranger, binding())
    cache.observe(stranger)
    assert cache.child(key(stranger)) is not None


NAMES = st.sampled_from(["assistant", "bot"])
REFERENCES = st.sampled_from([{"name": "a", "key": "api-key"}, {"name": "b", "key": "api-key"}])
REFERRING = st.builds(
    lambda name, reference: binding(name, spec_=spec(fiddler={**spec()["fiddler"], "apiKeySecretRef": reference})), NAMES, REFERENCES
)
SECRETS = st.builds(secret, st.sampled_from(["a", "b", "openai"]))


def as_cached(cache: Cache, raw: Manifest) -> Manifest:
    """The same object with the uid that the cache holds."""
    return {**raw, "metadata": {**raw["metadata"], "uid": cache.uid(key(raw))}}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.one_of(REFERRING, SECRETS)), max_size=20))
def test_whatever_happens_only_secrets_that_are_referred_to_are_kept(steps: list[tuple[bool, Manifest]]) -> None:
    cache = Cache()
    for version, (present, raw) in enumerate(steps, start=1):
        life = {"uid": f"uid-{version}", "generation": version}
        latest = {**raw, "metadata": {**raw["metadata"], **life, "resourceVersion": str(version)}}
        cache.apply_event(KINDS[raw["kind"]], "ADDED" if present else "DELETED", latest if present else as_cached(cache, latest))
    referred = {reference for _, found in cache.values(KINDS["FiddlerKongBinding"], Binding) for reference in secrets_of(found)}
    assert cache.keys(KINDS["Secret"]) <= referred


def test_a_cache_that_saw_everything_go_is_empty() -> None:
    seen = [binding(spec_=spec(ATTACHED)), secret(), secret("openai"), service(), deployment(), ours(secret("assistant-kong-keys"))]
    cache = cache_with(*seen)
    cache.remember_absent(FIDDLER)
    for raw in seen:
        cache.apply_event(KINDS[raw["kind"]], "DELETED", raw)
    assert (len(cache), FIDDLER in cache.indexes.wanted_by, cache.indexes.groups) == (0, False, {})
