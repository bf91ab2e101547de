from __future__ import annotations

from fiddler_kong_operator.kube.limiter import WriteLimiter


class Clock:
    """A monotonic clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_below_the_limit_there_is_no_delay() -> None:
    limiter = WriteLimiter(3, 60, Clock())
    limiter.count("a")
    limiter.count("a")

    assert limiter.delay("a") == 0.0


def test_at_the_limit_the_delay_lasts_until_the_oldest_write_leaves_the_window() -> None:
    clock = Clock()
    limiter = WriteLimiter(3, 60, clock)
    for _ in range(3):
        limiter.count("a")
        clock.now += 10

    assert limiter.delay("a") == 30

    clock.now += 29.5
    assert limiter.delay("a") == 0.5
    clock.now += 0.5
    assert limiter.delay("a") == 0.0


def test_the_window_slides() -> None:
    clock = Clock()
    limiter = WriteLimiter(2, 60, clock)
    limiter.count("a")
    clock.now += 40
    limiter.count("a")
    clock.now += 20
    limiter.count("a")

    assert limiter.delay("a") == 40


def test_a_rest_begins_with_the_write_that_reaches_the_limit() -> None:
    clock = Clock()
    limiter = WriteLimiter(2, 60, clock, rest=3600)
    limiter.count("a")
    clock.now += 10
    limiter.count("a")

    clock.now += 3599
    assert limiter.delay("a") == 1
    clock.now += 1
    assert limiter.delay("a") == 0.0


def test_after_a_rest_the_limit_counts_from_zero() -> None:
    clock = Clock()
    limiter = WriteLimiter(3, 60, clock, rest=3600)
    limiter.count("a", "a", "a")
    clock.now += 3600
    limiter.count("a")
    limiter.count("a")
    assert limiter.delay("a") == 0.0

    limiter.count("a")
    assert limiter.delay("a") == 3600


def test_writes_further_apart_than_the_window_need_no_rest() -> None:
    clock = Clock()
    limiter = WriteLimiter(2, 60, clock, rest=3600)
    limiter.count("a")
    clock.now += 60
    limiter.count("a")

    assert limiter.delay("a") == 0.0


def test_keys_do_not_delay_each_other() -> None:
    limiter = WriteLimiter(1, 60, Clock())
    limiter.count("a")

    assert (limiter.delay("a"), limiter.delay("b")) == (60, 0.0)


def test_several_keys_are_counted_at_once() -> None:
    limiter = WriteLimiter(2, 60, Clock())
    limiter.count("a", "b")
    limiter.count("a")

    assert (limiter.delay("a"), limiter.delay("b")) == (60, 0.0)


def test_a_forgotten_key_starts_from_zero() -> None:
    limiter = WriteLimiter(1, 60, Clock())
    limiter.count("a", "b")
    limiter.forget("a")
    limiter.forget("never-seen")

    assert (limiter.delay("a"), limiter.delay("b")) == (0.0, 60)


def test_keys_written_long_ago_take_no_memory() -> None:
    clock = Clock()
    limiter = WriteLimiter(3, 60, clock)
    limiter.count(*range(2000))
    clock.now += 61

    limiter.count("later")

    assert len(limiter) == 1


def test_keys_whose_rest_is_not_over_are_kept() -> None:
    clock = Clock()
    limiter = WriteLimiter(1, 60, clock, rest=3600)
    limiter.count("a")
    clock.now += 3599
    limiter.count("b")

    assert (limiter.delay("a"), len(limiter)) == (1, 2)
