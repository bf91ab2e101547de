from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fiddler_kong_operator.observe.indexes import Indexes, Record, Value
from fiddler_kong_operator.observe.reduce import reduce_attachable, reduce_binding, reduce_child, reduce_plugin, reduce_warning
from hypothesis import given, settings
from hypothesis import strategies as st

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.index import Index
from tests.unit.observe.objects import ATTACHED, CHAT, EXPOSED, GATEWAY, binding, ingress, key, ours, plugin, service, spec, warning

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
        lambda name, paths, ingress_class, plugins: ingress(name, 1, *paths, ingress_class=ingress_class, plugins=plugins),
        st.sampled_from(["shop", "assistant-openai"]),
        PATHS,
        st.sampled_from([None, "kong"]),
        LISTS,
    ),
    st.builds(lambda owner: ours(plugin("assistant-opentelemetry"), owner), OWNERS),
    st.builds(warning, st.sampled_from(["rate-limit", "assistant-opentelemetry"])),
)
REDUCERS: dict[str, Callable[[ObjectKey, Manifest], Value]] = {
    "Service": reduce_attachable,
    "Ingress": reduce_attachable,
    "FiddlerKongBinding": reduce_binding,
    "KongPlugin": lambda _, raw: reduce_plugin(raw),
    "Event": lambda _, raw: reduce_warning(raw),
}


def record_of(raw: Manifest) -> Record:
    child = reduce_child(key(raw), raw) if raw["metadata"].get("ownerReferences") else None
    return Record(raw["metadata"]["uid"], "1", REDUCERS[raw["kind"]](key(raw), raw), child)


def contents(indexes: Indexes) -> dict[str, Any]:
    """Everything the indexes hold, without regard to how."""
    plain: dict[str, Any] = dict(vars(indexes))
    return {name: _buckets(index) if isinstance(index, Index) else index for name, index in plain.items()}


def _buckets(index: Index[Any, Any]) -> dict[Any, set[Any]]:
    return {key: set(index[key]) for key in index._buckets}


def from_scratch(records: dict[ObjectKey, Record]) -> Indexes:
    indexes = Indexes()
    for key_, record in records.items():
        indexes.move(key_, None, record)
    return indexes


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), OBJECTS), max_size=25))
def test_any_history_ends_in_the_indexes_of_what_is_there(steps: list[tuple[bool, Manifest]]) -> None:
    indexes = Indexes()
    records: dict[ObjectKey, Record] = {}
    for present, raw in steps:
        old, new = records.pop(key(raw), None), record_of(raw) if present else None
        indexes.move(key(raw), old, new)
        if new:
            records[key(raw)] = new
    assert contents(from_scratch(records)) == contents(indexes)


def test_what_was_added_and_deleted_leaves_nothing_behind() -> None:
    indexes = Indexes()
    raws = [
        binding(spec_=spec(EXPOSED, ATTACHED)),
        ours(service("assistant-openai", 1, "a,b")),
        ingress("shop", 1, ("", "/x")),
        warning("a"),
    ]
    for raw in raws:
        indexes.move(key(raw), None, record_of(raw))
    for raw in raws:
        indexes.move(key(raw), record_of(raw), None)
    assert contents(Indexes()) == contents(indexes)


def test_a_binding_stands_under_everything_it_refers_to() -> None:
    raw = binding(spec_=spec(EXPOSED, ATTACHED))
    wanted = from_scratch({key(raw): record_of(raw)}).wanted_by
    expected = {CHAT, GATEWAY, ObjectKey("Secret", "ai", "fiddler"), ObjectKey("Secret", "ai", "openai")}
    assert _buckets(wanted) == {reference: {key(raw)} for reference in expected}


def test_an_invalid_binding_demands_nothing() -> None:
    raw = binding(spec_={"broken": True})
    assert from_scratch({key(raw): record_of(raw)}).cohorts == {}
