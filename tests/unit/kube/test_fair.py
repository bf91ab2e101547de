from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.fair import RationedTurns, Turns


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


def rationed(*keys: str) -> RationedTurns[str]:
    """Two at a time for each first letter."""
    turns: RationedTurns[str] = RationedTurns(lambda key: key[0], 2)
    for moment, key in enumerate(keys, start=1):
        turns.put(key, moment)
    return turns


def all_taken(turns: RationedTurns[str]) -> list[str]:
    return [turns.take() for _ in range(len(turns))]


def test_a_group_that_has_its_ration_waits_and_the_others_go_on() -> None:
    turns = rationed("a1", "a2", "a3", "b1")
    before = all_taken(turns)
    turns.put("a4", 5)
    turns.put("b2", 6)

    assert (before, all_taken(turns)) == (["a1", "b1", "a2"], ["b2"])


def test_what_is_given_back_lets_the_next_of_the_same_group_come() -> None:
    turns = rationed("a1", "a2", "a3", "a4")
    all_taken(turns)

    turns.give_back("a2")
    assert all_taken(turns) == ["a3"]
    turns.give_back("a1")
    turns.give_back("a3")
    turns.put("a2", 9)
    assert all_taken(turns) == ["a4", "a2"]


def test_a_key_that_is_dropped_leaves_its_place_to_the_next() -> None:
    turns = rationed("a1", "a2", "a3", "a4")
    for key in ("a1", "a3", "a9"):
        turns.drop(key)

    assert all_taken(turns) == ["a2", "a4"]


def test_a_key_waits_once_whether_its_group_has_its_ration_or_not() -> None:
    turns = rationed("a1", "a2", "a3", "a1", "a3")
    first = all_taken(turns)
    turns.give_back("a1")
    turns.give_back("a2")

    assert (first, all_taken(turns)) == (["a1", "a2"], ["a3"])


def test_groups_that_are_through_leave_nothing_behind() -> None:
    turns = rationed(*(f"{chr(letter)}{n}" for letter in range(97, 117) for n in range(5)))
    turns.drop("t4")
    while turns:
        turns.give_back(turns.take())

    assert (turns._used, turns._others, len(turns._turns)) == ({}, {}, 0)
