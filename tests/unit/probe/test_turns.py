from __future__ import annotations

import pytest

from fiddler_kong_operator.probe.turns import Turns


def turns_of(*keys: str) -> Turns[str]:
    """Keys whose first letter is their group, put in at 1, 2, 3..."""
    turns: Turns[str] = Turns(lambda key: key[0])
    for moment, key in enumerate(keys, start=1):
        turns.put(key, moment)
    return turns


def taken(turns: Turns[str]) -> list[str]:
    return [turns.take() for _ in range(len(turns))]


def test_groups_are_served_in_turn_and_keys_of_a_group_in_order() -> None:
    assert taken(turns_of("a1", "a2", "a3", "b1", "c1", "b2")) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_newcomer_waits_for_one_key_of_each_group() -> None:
    turns = turns_of(*(f"a{n}" for n in range(500)))
    turns.take()
    turns.put("b1", 900)

    assert [turns.take(), turns.take()] == ["a1", "b1"]


def test_a_key_waits_once_and_keeps_its_place() -> None:
    turns = turns_of("a1", "a2", "a1")

    assert (len(turns), turns.oldest) == (2, 1)
    assert taken(turns) == ["a1", "a2"]


def test_a_dropped_key_does_not_come() -> None:
    turns = turns_of("a1", "b1")
    turns.drop("a1")
    turns.drop("a9")

    assert ("a1" in turns, "b1" in turns, len(turns)) == (False, True, 1)
    assert taken(turns) == ["b1"]


def test_nothing_is_left_behind() -> None:
    turns = turns_of("a1", "b1")
    turns.clear()

    assert (len(turns), turns.oldest) == (0, None)
    with pytest.raises(KeyError):
        turns.take()
