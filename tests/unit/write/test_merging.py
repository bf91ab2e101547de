from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiddler_kong_operator.kube.field_ownership import merged
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.objects.digest import content_digest
from fiddler_kong_operator.write.merging import difference, repair_patch
from tests.unit.observe.objects import ours, owners, plugin

SCALARS = st.one_of(st.booleans(), st.integers(0, 2), st.sampled_from(["", "x"]))
JSON = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner, max_size=2))
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)
PINNED = {"uid": "uid-KongPlugin-mine", "resourceVersion": "4"}


def mine(**content: Any) -> Manifest:
    return {**ours(plugin("mine", 4)), **content}


def with_metadata(raw: Manifest, **metadata: Any) -> Manifest:
    return {**raw, "metadata": {**raw["metadata"], **metadata}}


@pytest.mark.parametrize(
    ("live", "desired", "expected"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {}, {"a": None}),
        ({}, {"a": {}}, {"a": {}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
        ({"a": [1]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": True}, {"a": True}),
        ({"a": [0]}, {"a": [False]}, {"a": [False]}),
        ({"a": 1}, {"a": 1.0}, {}),
        ({}, {"a": None}, {}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": None}, {"a": None}, {}),
    ],
)
def test_the_difference_is_what_must_change(live: Manifest, desired: Manifest, expected: Manifest) -> None:
    found = difference(live, desired)
    assert (found, repr(found)) == (expected, repr(expected))


@settings(deadline=None, max_examples=50)
@given(OBJECTS, OBJECTS)
def test_a_difference_merged_gives_what_is_wanted(live: Manifest, desired: Manifest) -> None:
    untouched = copy.deepcopy(live)
    result = merged(live, difference(live, desired))
    assert (live, result) == (untouched, desired)
    assert content_digest(result) == content_digest(desired)


@settings(deadline=None, max_examples=50)
@given(OBJECTS)
def test_nothing_differs_from_itself(live: Manifest) -> None:
    assert difference(live, copy.deepcopy(live)) == {}


def test_equal_objects_need_no_patch() -> None:
    assert repair_patch(mine(status={"seen": True}), mine()) is None


def test_a_patch_is_pinned_to_what_was_read() -> None:
    assert repair_patch(mine(), mine(plugin="prometheus")) == {"plugin": "prometheus", "metadata": PINNED}


def test_fields_that_nobody_wants_are_removed() -> None:
    assert repair_patch(mine(disabled=True), mine()) == {"disabled": None, "metadata": PINNED}


def test_a_field_without_a_value_is_no_field() -> None:
    assert repair_patch(mine(ordering=None), mine()) is None


def test_labels_are_added_and_corrected_but_never_removed() -> None:
    live, desired = with_metadata(mine(), labels={"a": "x", "theirs": "y"}), with_metadata(mine(), labels={"a": "z", "b": "w"})
    assert repair_patch(live, desired) == {"metadata": {"labels": {"a": "z", "b": "w"}, **PINNED}}


def test_of_the_annotations_only_kongs_are_removed() -> None:
    live = with_metadata(mine(), annotations={"konghq.com/plugins": "x", "note": "theirs"})
    desired = with_metadata(mine(), annotations={"konghq.com/protocol": "https"})
    expected = {"konghq.com/protocol": "https", "konghq.com/plugins": None}
    assert repair_patch(live, desired) == {"metadata": {"annotations": expected, **PINNED}}


def test_another_controller_is_replaced_by_the_wanted_one() -> None:
    live = with_metadata(mine(), ownerReferences=owners("bot"))
    assert repair_patch(live, mine()) == {"metadata": {"ownerReferences": owners("assistant"), **PINNED}}


def test_owners_that_do_not_control_stay_when_the_controlling_one_is_put_back() -> None:
    live = with_metadata(mine(), ownerReferences=owners("bot", controller=False))
    expected = [*owners("bot", controller=False), *owners("assistant")]
    assert repair_patch(live, mine()) == {"metadata": {"ownerReferences": expected, **PINNED}}


def test_our_reference_that_lost_its_control_is_not_there_twice() -> None:
    live = with_metadata(mine(), ownerReferences=owners("assistant", controller=False))
    assert repair_patch(live, mine()) == {"metadata": {"ownerReferences": owners("assistant"), **PINNED}}


def test_owners_that_do_not_control_are_left_alone() -> None:
    live = with_metadata(mine(), ownerReferences=[*owners("assistant"), *owners("bot", controller=False)])
    assert repair_patch(live, mine()) is None


def test_metadata_that_the_server_fills_in_is_no_drift() -> None:
    live = with_metadata(mine(), managedFields=[{"manager": "x"}], creationTimestamp="2026-01-01T00:00:00Z", generation=3)
    assert repair_patch(live, mine()) is None
