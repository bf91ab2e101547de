from __future__ import annotations

from fiddler_kong_operator.kube.limiter import PURGE_ABOVE, Pace
from tests.unit.reconcile.stages import Clock


def test_below_the_limit_there_is_no_delay() -> None:
    pace = Pace(3, 60, Clock())
    pace.count("a")
    pace.count("a")

    assert pace.delay("a") == 0.0


def test_at_the_limit_the_delay_lasts_until_the_oldest_write_leaves_the_window() -> None:
    clock = Clock()
    pace = Pace(3, 60, clock)
    for _ in range(3):
        pace.count("a")
        clock.now += 10

    assert pace.delay("a") == 30

    clock.now += 29.5
    assert pace.delay("a") == 0.5
    clock.now += 0.5
    assert pace.delay("a") == 0.0


def test_the_window_slides() -> None:
    clock = Clock()
    pace = Pace(2, 60, clock)
    pace.count("a")
    clock.now += 40
    pace.count("a")
    clock.now += 20
    pace.count("a")

    assert pace.delay("a") == 40


def test_a_rest_begins_with_the_write_that_reaches_the_limit() -> None:
    clock = Clock()
    pace = Pace(2, 60, clock, rest=3600)
    pace.count("a")
    clock.now += 10
    pace.count("a")

    clock.now += 3599
    assert pace.delay("a") == 1
    clock.now += 1
    assert pace.delay("a") == 0.0


def test_no_rest_below_the_limit() -> None:
    clock = Clock()
    pace = Pace(2, 60, clock, rest=3600)
    pace.count("a")
    clock.now += 61
    pace.count("a")

    assert pace.delay("a") == 0.0


def test_keys_do_not_hold_up_each_other() -> None:
    pace = Pace(1, 60, Clock())
    pace.count("a")

    assert (pace.delay("a"), pace.delay("b")) == (60, 0.0)


def test_several_keys_are_counted_at_once() -> None:
    pace = Pace(2, 60, Clock())
    pace.count("a", "b")
    pace.count("a")

    assert (pace.delay("a"), pace.delay("b")) == (60, 0.0)


def test_keys_written_long_ago_take_no_memory() -> None:
    clock = Clock()
    pace = Pace(3, 60, clock)
    pace.count("old")
    clock.now += 61
    pace.count(*range(PURGE_ABOVE))

    assert len(pace) == PURGE_ABOVE


def test_a_burst_is_forgotten_by_the_first_write_after_it_is_over() -> None:
    clock = Clock()
    pace = Pace(3, 60, clock)
    pace.count(*range(2 * PURGE_ABOVE))
    clock.now += 61

    pace.count("later")

    assert len(pace) == 1


def test_a_limit_once_reached_survives_a_purge() -> None:
    pace = Pace(1, 60, Clock())
    pace.count("a")
    for number in range(3 * PURGE_ABOVE):
        pace.count(number)

    assert pace.delay("a") == 60


class Counting(Pace):
    """Counts the keys that purges look at."""

    looked_at = 0

    def _purge(self, now: float) -> None:
        self.looked_at += len(self)
        super()._purge(now)


def test_a_burst_over_many_keys_costs_the_same_for_each() -> None:
    pace = Counting(10, 60, Clock())
    number = 8 * PURGE_ABOVE

    for key in range(number):
        pace.count(key)

    assert 0 < pace.looked_at < 10 * number
