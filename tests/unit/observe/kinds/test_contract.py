"""The contract that every row of `WATCHED` keeps: a new kind is tested by being registered."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.kinds import INFORMED, WATCHED, WatchedKind
from fiddler_kong_operator.observe.records import Indexes, Record, Records
from fiddler_kong_operator.plan.kinds import BINDING, KINDS, OWNED

rows = pytest.mark.parametrize("row", WATCHED.values(), ids=WATCHED)


def minimal(row: WatchedKind) -> Manifest:
    """The least that the API server could show of an object."""
    return {"metadata": {"name": "least", **({"namespace": "ai"} if row.kind.namespaced else {})}}


def reduced(row: WatchedKind, known: Any = None) -> tuple[ObjectKey, Any]:
    key = row.kind.key(minimal(row))
    return key, row.reduce(key, minimal(row), known)


@rows
def test_the_least_object_is_reduced_to_a_value(row: WatchedKind) -> None:
    assert reduced(row)[1] is not None


@rows
def test_an_object_is_reduced_to_an_equal_value_again(row: WatchedKind) -> None:
    _, value = reduced(row)
    assert reduced(row, value)[1] == value


@rows
def test_an_object_that_comes_and_goes_leaves_nothing_in_the_indexes(row: WatchedKind) -> None:
    indexes = Indexes()
    key, value = reduced(row)
    row.index(indexes, key, None, value)
    row.index(indexes, key, value, None)
    assert pickle.dumps(indexes) == pickle.dumps(Indexes())


@rows
def test_an_unchanged_value_triggers_nothing(row: WatchedKind) -> None:
    key, value = reduced(row)
    records = Records()
    records.put(key, Record("uid", "1", value))
    row.index(records.indexes, key, None, value)
    assert list(row.triggers(records, key, value, reduced(row, value)[1])) == []


@rows
def test_a_value_that_is_absent_before_and_after_triggers_nothing(row: WatchedKind) -> None:
    assert list(row.triggers(Records(), reduced(row)[0], None, None)) == []


@rows
def test_the_cache_takes_the_least_object_and_its_deletion(row: WatchedKind) -> None:
    cache, raw = Cache(), minimal(row)
    raw["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    cache.apply_event(row.kind, "ADDED", raw)
    assert cache.keys(row.kind) <= {row.kind.key(raw)}
    cache.apply_event(row.kind, "DELETED", raw)
    assert (len(cache), pickle.dumps(cache.indexes)) == (0, pickle.dumps(Indexes()))


@rows
def test_a_kind_may_be_listed_and_watched_and_says_why(row: WatchedKind) -> None:
    assert {"list", "watch"} <= set(row.verbs)
    assert len(set(row.verbs)) == len(row.verbs)
    assert row.why.endswith(".")


@rows
def test_a_kind_is_registered_by_its_own_name(row: WatchedKind) -> None:
    assert WATCHED[row.kind.name] is row
    assert KINDS[row.kind.name] == row.kind


@pytest.mark.parametrize("kind", OWNED, ids=lambda kind: kind.name)
def test_owned_kinds_may_be_written(kind: Any) -> None:
    assert {"create", "patch", "delete"} <= set(WATCHED[kind.name].verbs)


def test_informers_watch_every_kind_but_bindings() -> None:
    assert {row.kind.name for row in INFORMED} == set(KINDS) - {BINDING.name}
