from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fiddler_kong_operator.observe.records import Index

KEYS = range(3)
KEY_SETS = st.frozensets(st.sampled_from(KEYS))


def filled(**keys: tuple[int, ...]) -> Index[int, str]:
    """Each value under its keys."""
    index: Index[int, str] = Index()
    for value, its_keys in keys.items():
        index.move(value, (), its_keys)
    return index


def contents(index: Index[int, str]) -> list[tuple[set[str], bool]]:
    return [(set(index[key]), key in index) for key in KEYS]


def test_a_key_without_values_is_empty() -> None:
    assert contents(filled(a=(1,))) == [(set(), False), ({"a"}, True), (set(), False)]


def test_a_key_is_gone_with_its_last_value() -> None:
    index = filled(a=(1,), b=(1,))
    index.move("a", (1,), ())
    assert (set(index[1]), 1 in index) == ({"b"}, True)
    index.move("b", (1,), ())
    assert (set(index[1]), 1 in index) == (set(), False)


def test_removing_a_value_that_is_not_there_changes_nothing() -> None:
    index = filled(a=(1,))
    index.move("b", (1, 2), ())
    assert contents(index) == contents(filled(a=(1,)))


def test_moving_leaves_values_of_others_alone() -> None:
    index = filled(a=(0, 1), b=(0,))
    index.move("a", (0, 1), (1, 2))
    assert contents(index) == contents(filled(a=(1, 2), b=(0,)))


def test_a_key_given_twice_is_one() -> None:
    index = filled(a=(1, 1))
    index.move("a", (1,), ())
    assert 1 not in index


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abc"), KEY_SETS), max_size=60))
def test_any_moves_end_in_what_was_moved_last(moves: list[tuple[str, frozenset[int]]]) -> None:
    index, latest = Index[int, str](), dict[str, frozenset[int]]()
    for value, keys in moves:
        index.move(value, latest.get(value, ()), keys)
        latest[value] = keys
    expected = [{value for value, keys in latest.items() if key in keys} for key in KEYS]
    assert contents(index) == [(values, bool(values)) for values in expected]
