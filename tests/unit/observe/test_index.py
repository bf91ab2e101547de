from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fiddler_kong_operator.observe.index import Index

KEYS = st.integers(0, 2)
VALUES = st.sampled_from("abcdefghijkl")


def filled(*pairs: tuple[int, str]) -> Index[int, str]:
    index: Index[int, str] = Index()
    for key, value in pairs:
        index.add(key, value)
    return index


def test_a_key_without_values_is_empty() -> None:
    index = filled((1, "a"))
    assert (set(index[2]), 2 in index) == (set(), False)


def test_values_of_a_key_are_a_set() -> None:
    index = filled((1, "a"), (1, "b"), (1, "a"), (2, "c"))
    assert (sorted(index[1]), sorted(index[2])) == (["a", "b"], ["c"])


def test_the_last_value_takes_the_key_along() -> None:
    index = filled((1, "a"), (1, "b"))
    index.discard(1, "a")
    assert (list(index[1]), 1 in index) == (["b"], True)
    index.discard(1, "b")
    assert (list(index[1]), 1 in index) == ([], False)


def test_discarding_what_is_not_there_changes_nothing() -> None:
    index = filled((1, "a"))
    index.discard(1, "b")
    index.discard(2, "a")
    assert list(index[1]) == ["a"]


def test_moving_leaves_values_of_others_alone() -> None:
    index = filled((1, "a"), (1, "b"), (2, "a"))
    index.move("a", [1, 2], [2, 3])
    assert [sorted(index[key]) for key in (1, 2, 3)] == [["b"], ["a"], ["a"]]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), KEYS, VALUES), max_size=60))
def test_it_behaves_as_a_dict_of_sets(steps: list[tuple[bool, int, str]]) -> None:
    index: Index[int, str] = Index()
    model: dict[int, set[str]] = {key: set() for key in range(3)}
    for adding, key, value in steps:
        (index.add if adding else index.discard)(key, value)
        (model[key].add if adding else model[key].discard)(value)
    assert [(set(index[key]), key in index) for key in model] == [(values, bool(values)) for values in model.values()]
