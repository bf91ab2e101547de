from __future__ import annotations

from fiddler_kong_operator.plan.arrivals import Arrivals, QueryOutcome, Sighting, Summary

GOOD = Sighting(300.0, recognized=True, text=True, session=True, agent=True)
BARE = Sighting(200.0, recognized=True, text=False, session=False, agent=False)
STRANGE = Sighting(100.0, recognized=False)
FOUND = Arrivals(QueryOutcome.READ, (GOOD, BARE, STRANGE))


def test_the_latest_span_is_the_first_since_a_moment() -> None:
    assert (FOUND.latest(0), FOUND.latest(300.0), FOUND.latest(301.0), Arrivals(QueryOutcome.READ).latest(0)) == (300.0, 300.0, 0.0, 0.0)


def test_a_fact_holds_where_it_holds_for_one_span() -> None:
    assert FOUND.since(0) == Summary(QueryOutcome.READ, seen=True, recognized=True, text=True, session=True, agent=True)


def test_only_spans_since_the_moment_count() -> None:
    without_the_good_one = Arrivals(QueryOutcome.READ, (BARE, STRANGE))

    assert without_the_good_one.since(200.0) == Summary(
        QueryOutcome.READ, seen=True, recognized=True, text=False, session=False, agent=False
    )
    assert without_the_good_one.since(200.5) == Summary(QueryOutcome.READ)


def test_what_no_span_tells_is_not_known() -> None:
    assert Arrivals(QueryOutcome.READ, (STRANGE,)).since(0) == Summary(QueryOutcome.READ, seen=True)


def test_an_answer_that_is_missing_says_why() -> None:
    assert Arrivals(QueryOutcome.UNANSWERED, problem="answers 500").since(0) == Summary(QueryOutcome.UNANSWERED, "answers 500")
