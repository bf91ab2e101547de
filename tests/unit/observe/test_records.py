"""The reverse indexes over the records: after any history they hold what follows from the objects that are there."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds import WATCHED
from fiddler_kong_operator.observe.kinds.children import index_child, reduce_child
from fiddler_kong_operator.observe.records import Indexes, Record, Records
from fiddler_kong_operator.plan.kinds import KINDS
from fiddler_kong_operator.plan.snapshot import Attachable, Binding
from tests.unit.observe.objects import (
    ASSISTANT,
    ATTACHED,
    CHAT,
    EXPOSED,
    FIDDLER,
    GATEWAY,
    OPENAI,
    binding,
    ingress,
    key,
    ours,
    plugin,
    service,
    spec,
    warning,
)

PATHS = st.lists(st.tuples(st.sampled_from(["", "a.example"]), st.sampled_from(["/openai", "/openai/", "/"])), max_size=2)
LISTS = st.sampled_from([None, "", "rate-limit", "rate-limit,assistant-opentelemetry", "other:rate-limit", "a,a"])
OWNERS = st.sampled_from(["assistant", "bot"])
SPECS = st.sampled_from(
    [
        spec(),
        spec(ATTACHED),
        spec({**EXPOSED, "expose": {"path": "/openai", "host": "a.example"}}, gateway={"management": "Verify"}),
        spec(EXPOSED, ATTACHED, gateway={"targetRef": {"name": "another"}}),
        {"broken": True},
    ]
)
OBJECTS = st.one_of(
    st.builds(lambda name, body, life: binding(name, 1, body, uid=f"uid-{name}{life}"), OWNERS, SPECS, st.sampled_from(["", "-again"])),
    st.builds(lambda plugins: service("chat", 1, plugins), LISTS),
    st.builds(lambda plugins, owner: ours(service("assistant-openai", 1, plugins), owner), LISTS, OWNERS),
    st.builds(
        lambda name, paths, ingress_class, plugins, address: ingress(
            name, 1, *paths, ingress_class=ingress_class, plugins=plugins, address=address
        ),
        st.sampled_from(["shop", "assistant-openai"]),
        PATHS,
        st.sampled_from([None, "kong"]),
        LISTS,
        st.sampled_from([None, "192.0.2.1"]),
    ),
    st.builds(lambda owner: ours(plugin("assistant-opentelemetry"), owner), OWNERS),
    st.builds(warning, st.sampled_from(["rate-limit", "assistant-opentelemetry"])),
)
ANOTHER = ObjectKey("Deployment", "ai", "another")
PLACES = [("kong", host, path) for host in ("", "a.example") for path in ("/", "/openai")]
NAMED = ("rate-limit", "a", "assistant-opentelemetry")
PLUGINS = [ObjectKey("KongPlugin", namespace, name) for namespace in ("ai", "other") for name in NAMED]
UIDS = [f"uid-{name}{life}" for name in ("assistant", "bot") for life in ("", "-again")]


def record_of(raw: Manifest) -> Record:
    child = reduce_child(key(raw), raw) if raw["metadata"].get("ownerReferences") else None
    return Record(raw["metadata"]["uid"], "1", WATCHED[raw["kind"]].reduce(key(raw), raw, None), child)


def put(records: Records, at: ObjectKey, new: Record | None) -> None:
    """Put a record and move the indexes."""
    old = records.find(at)
    records.put(at, new)
    WATCHED[at.kind].index(records.indexes, at, old.value if old else None, new.value if new else None)
    index_child(records.indexes, at, old.child if old else None, new.child if new else None)


def records_of(*raws: Manifest) -> Records:
    records = Records()
    for raw in raws:
        put(records, key(raw), record_of(raw))
    return records


def contents(indexes: Indexes) -> tuple[object, object]:
    """The answers to every look-up that the objects of these tests could change."""
    lookups: dict[str, Iterable[Any]] = {
        "wanted_by": (FIDDLER, OPENAI, CHAT, GATEWAY, ANOTHER),
        "by_uid": UIDS,
        "owned_by": UIDS,
        "exposing": PLACES,
        "serving": PLACES,
        "below": PLACES,
        "naming": PLUGINS,
        "warning_about": PLUGINS,
        "warnings_of": ("KongConfigurationTranslationFailed",),
        "published": ("kong",),
    }
    answers = {(name, k): (set(getattr(indexes, name)[k]), k in getattr(indexes, name)) for name, keys in lookups.items() for k in keys}
    groups = {workload: {found.key for found in its.representatives()} for workload, its in indexes.groups.items()}
    return answers, groups


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), OBJECTS), max_size=25))
def test_any_history_ends_in_the_indexes_of_the_objects_that_are_there(steps: list[tuple[bool, Manifest]]) -> None:
    records, present = Records(), dict[ObjectKey, Manifest]()
    for stays, raw in steps:
        put(records, key(raw), record_of(raw) if stays else None)
        present.pop(key(raw), None)
        if stays:
            present[key(raw)] = raw
    assert contents(records.indexes) == contents(records_of(*present.values()).indexes)
    assert len(records) == len(present)
    for gone in present:
        put(records, gone, None)
    assert pickle.dumps(records.indexes) == pickle.dumps(Indexes())


def test_a_binding_is_found_by_everything_it_refers_to_and_exposes() -> None:
    raw = binding(spec_=spec(EXPOSED, ATTACHED))
    indexes = records_of(raw).indexes
    for reference in (CHAT, GATEWAY, FIDDLER, OPENAI):
        assert set(indexes.wanted_by[reference]) == {key(raw)}
    assert set(indexes.exposing["kong", "", "/openai"]) == {key(raw)}


def test_an_invalid_binding_is_in_no_group() -> None:
    assert records_of(binding(spec_={"broken": True})).indexes.groups == {}


def test_a_value_is_given_by_its_type() -> None:
    records = records_of(binding(), service(plugins="a"))
    assert [records.value(ASSISTANT, kind) is None for kind in (Binding, Attachable)] == [False, True]
    assert records.value(CHAT, Attachable) == record_of(service(plugins="a")).value


def test_records_of_a_kind_are_found_without_the_others() -> None:
    records = records_of(binding(), service(), ingress())
    assert set(records.of_kind("Service")) == {CHAT}
    assert set(records.bindings()) == {ASSISTANT}
    assert {name for name in KINDS if records.of_kind(name)} == {"FiddlerKongBinding", "Service", "Ingress"}


# Owners and claimants


def test_an_owner_is_in_the_namespace_of_its_child() -> None:
    child, copied = (ours(plugin("assistant-opentelemetry", namespace=namespace)) for namespace in ("ai", "other"))
    records = records_of(binding(), child, copied)
    assert (records.owner_of(key(child)), records.owner_of(key(copied))) == (ASSISTANT, None)


def test_an_owner_that_is_not_there_is_none() -> None:
    records = records_of(ours(plugin("assistant-opentelemetry")), plugin("unowned"))
    assert [records.owner_of(at) for at in (*records.of_kind("KongPlugin"), CHAT)] == [None] * 3


def test_claimants_are_all_bindings_that_would_create_the_object() -> None:
    routes = {"a": "b-c", "a-b": "c", "a-b-c": "d"}
    raws = [binding(name, spec_=spec({**EXPOSED, "name": route})) for name, route in routes.items()]
    taken = ObjectKey("Service", "ai", "a-b-c")
    assert set(records_of(*raws).claimants(taken)) == {key(raw) for raw in raws[:2]}
    assert set(records_of(*raws).claimants(taken._replace(namespace="other"))) == set()
