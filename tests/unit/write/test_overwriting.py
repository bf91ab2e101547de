from __future__ import annotations

import copy
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiddler_kong_operator.kube.field_ownership import merged
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.children import reduce_child
from fiddler_kong_operator.plan.objects.desired import BindingPlan
from fiddler_kong_operator.plan.objects.digest import content_digest, content_shape
from fiddler_kong_operator.write.merging import overwriting_patch
from tests.unit.observe.objects import ours, plugin
from tests.unit.write.bench import Bench

KEY = ObjectKey("KongPlugin", "ai", "mine")
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(0, 1), st.sampled_from(["", "x"]), st.lists(st.integers(0, 1), max_size=1)),
    lambda inner: st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
CONFIGS = st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2)
ANNOTATIONS = st.sampled_from([{}, {"konghq.com/protocol": "http"}, {"note": "theirs"}, {"note": "theirs", "konghq.com/protocol": "https"}])


def mine(config: Any, annotations: dict[str, str]) -> Manifest:
    raw = {**ours(plugin("mine")), "config": config}
    return {**raw, "metadata": {**raw["metadata"], "annotations": annotations}}


def revalued(value: Any, random: Random) -> Any:
    """The same fields with other values."""
    if isinstance(value, dict):
        return {name: revalued(item, random) for name, item in value.items()}
    return random.choice([True, 0, 1, "", "x", [0], [1, {"c": 1}]])


@settings(deadline=None)
@given(CONFIGS, ANNOTATIONS, ANNOTATIONS, st.randoms())
def test_objects_of_one_shape_become_equal_by_a_patch_with_everything(
    config: Any, there: dict[str, str], wanted: dict[str, str], random: Random
) -> None:
    live, desired = mine(config, there), mine(revalued(config, random), wanted)
    patched = merged(live, overwriting_patch(desired, reduce_child(KEY, live), content_digest(desired)))
    assert (content_shape(live) != content_shape(desired)) or content_digest(patched) == content_digest(desired)


def differs(**content: Any) -> bool:
    base = {**ours(plugin("mine")), "config": {"a": {"b": 1}}}
    return content_shape(base) != content_shape({**base, **content})


@pytest.mark.parametrize(
    ("config", "expected"),
    [({"a": {"b": 2}}, False), ({"a": {"b": [1]}}, False), ({"a": {}}, True), ({"a": {"b": {"c": 1}}}, True), ({"a": 1}, True)],
)
def test_a_shape_is_told_by_fields_not_by_values(config: Manifest, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert differs(config=config) == expected


def test_what_cannot_be_changed_in_place_is_of_another_shape() -> None:
    assert differs(plugin="another")


async def test_a_value_that_drifted_is_put_back_without_reading_first() -> None:
    bench = Bench()
    wanted = bench.plugin(endpoint="https://acme")
    await bench.apply(BindingPlan((wanted,)))
    bench.drift(wanted, config={"endpoint": "https://evil"})
    bench.cluster.calls.clear()

    await bench.apply(BindingPlan((wanted,)))

    assert bench.cluster.calls == [("merge_patch", wanted.key)]
    assert content_digest(bench.live(wanted)) == wanted.digest


async def test_a_version_that_is_no_longer_there_is_read_and_repaired() -> None:
    bench = Bench()
    wanted = bench.plugin(endpoint="https://acme")
    await bench.apply(BindingPlan((wanted,)))
    bench.drift(wanted, config={"endpoint": "https://evil"})
    bench.cluster.put({**copy.deepcopy(bench.live(wanted)), "config": {"endpoint": "https://evil", "unseen": 1}})

    await bench.apply(BindingPlan((wanted,)))

    assert content_digest(bench.live(wanted)) == wanted.digest
