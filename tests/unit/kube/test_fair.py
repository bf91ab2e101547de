from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.fair import FairQueue


def queue_of(*keys: str, limit: int | None = None) -> FairQueue[str]:
    """Keys whose first letter is their group, put in at 1, 2, 3..."""
    queue: FairQueue[str] = FairQueue(lambda key: key[0], limit)
    for moment, key in enumerate(keys, start=1):
        queue.put(key, moment)
    return queue


def taken(queue: FairQueue[str]) -> list[str]:
    """All keys that can be taken now."""
    keys = []
    while queue.ready:
        keys.append(queue.take())
    return keys


def test_groups_are_served_in_turn_and_keys_of_a_group_in_order() -> None:
    assert taken(queue_of("a1", "a2", "a3", "b1", "c1", "b2")) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_newcomer_waits_for_one_key_of_each_group() -> None:
    queue = queue_of(*(f"a{n}" for n in range(500)))
    queue.take()
    queue.put("b1", 900)

    assert [queue.take(), queue.take()] == ["a1", "b1"]


@pytest.mark.parametrize("limit", [None, 1])
def test_a_key_waits_once_and_keeps_its_place(limit: int | None) -> None:
    queue = queue_of("a1", "a2", "a1", limit=limit)

    assert (len(queue), queue.oldest) == (2, 1)
    assert queue.take() == "a1"
    assert (len(queue), queue.oldest) == (1, 2)


def test_a_discarded_key_does_not_come() -> None:
    queue = queue_of("a1", "b1")
    queue.discard("a1")
    queue.discard("a9")
    queue.discard("z1")

    assert ("a1" in queue, "b1" in queue, len(queue)) == (False, True, 1)
    assert taken(queue) == ["b1"]


def test_a_cleared_queue_is_empty() -> None:
    queue = queue_of("a1", "b1")
    queue.clear()

    assert (len(queue), queue.ready, queue.oldest) == (0, False, None)
    with pytest.raises(KeyError):
        queue.take()


def test_a_group_at_its_limit_waits_while_the_others_go_on() -> None:
    queue = queue_of("a1", "a2", "a3", "b1", limit=2)
    before = taken(queue)
    queue.put("a4", 5)
    queue.put("b2", 6)

    assert (before, taken(queue), len(queue)) == (["a1", "b1", "a2"], ["b2"], 2)


def test_a_released_key_lets_the_next_of_its_group_come() -> None:
    queue = queue_of("a1", "a2", "a3", "a4", limit=2)
    taken(queue)

    queue.release("a2")
    assert taken(queue) == ["a3"]
    queue.release("a1")
    queue.release("a3")
    queue.put("a2", 9)
    assert taken(queue) == ["a4", "a2"]


def test_a_key_discarded_beyond_the_limit_does_not_come_later() -> None:
    queue = queue_of("a1", "a2", "a3", "a4", limit=1)
    assert taken(queue) == ["a1"]
    for key in ("a2", "a4", "a9"):
        queue.discard(key)
    queue.release("a1")

    assert taken(queue) == ["a3"]


def test_a_group_without_keys_costs_no_turn_and_has_its_whole_limit_again() -> None:
    queue = queue_of("a1", "a2", "b1", limit=2)
    for key in taken(queue):
        queue.release(key)
    for moment, key in enumerate(("a1", "a2", "a3"), start=9):
        queue.put(key, moment)

    assert taken(queue) == ["a1", "a2"]
