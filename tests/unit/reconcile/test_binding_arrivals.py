"""TracesArriving and the last trace in a binding's status: what is looked for, when it is written, and who is woken."""

from __future__ import annotations

from typing import Any

from fiddler_kong_operator.kube.objects import seconds_of, shown_time
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.plan.arrivals import Arrivals, QueryOutcome, Sighting
from fiddler_kong_operator.plan.status.arriving import COARSENESS
from fiddler_kong_operator.probe.schedule import UNANSWERED_LIMIT
from fiddler_kong_operator.probe.target import ProbeTarget
from fiddler_kong_operator.reconcile.arrivals import SPREAD
from fiddler_kong_operator.settings import ArrivalsSettings, Settings
from tests.unit.observe.objects import ASSISTANT, FIDDLER, LLM, binding, secret, spec
from tests.unit.reconcile.stages import REACHABLE, UNAUTHORIZED, Stage, elapse, exposing, surroundings, wall

INTERVAL = Settings().arrivals.interval


def seen(ago: float = 0.0, **facts: Any) -> Arrivals:
    """One good span, but for `facts`."""
    good = Sighting(wall() - ago, recognized=True, text=True, session=True, agent=True)
    return Arrivals(QueryOutcome.READ, (good._replace(**facts),))


async def settled() -> Stage:
    """A ready binding whose application has no span."""
    stage = exposing()
    await stage.converge()
    await elapse(INTERVAL)
    await stage.converge()
    return stage


async def after_a_look(stage: Stage, spans: Arrivals) -> list[str]:
    """Let the next look show these spans; returns what the woken bindings write."""
    stage.news.clear()
    stage.spans = spans
    await elapse(1.2 * INTERVAL)
    stage.drain()
    for key in {key for key, _, _ in stage.news}:
        await stage.work(key)
    return stage.drain()


async def test_spans_are_looked_for_with_the_binding_s_key_once_it_is_ready() -> None:
    stage = exposing(answer=UNAUTHORIZED)
    await stage.converge()
    assert (stage.looked, stage.condition("TracesArriving")) == ([], ("Unknown", "NotLookedFor"))

    await stage.reply(REACHABLE)
    await stage.converge()

    assert stage.condition("TracesArriving") == ("Unknown", "NoTracesYet")
    assert set(stage.looked) == {ProbeTarget("https://acme.fiddler.ai", "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11", "id.secret", "")}


async def test_a_binding_without_traffic_costs_no_write() -> None:
    stage = exposing()
    first = await stage.converge()

    await elapse(10 * INTERVAL)

    assert first.count("status") == 1
    assert await stage.converge() == []
    assert (len(stage.looked) > 5, stage.news) == (True, [])


async def test_the_first_span_is_shown() -> None:
    stage = await settled()
    moment = wall()

    assert await after_a_look(stage, seen()) == ["status"]

    assert stage.condition("TracesArriving") == ("True", "Arriving")
    assert stage.condition("Ready") == ("True", "Ready")
    assert stage.status["lastTraceTime"] == shown_time(moment)
    assert stage.news == [(ASSISTANT, Lane.BACKGROUND, 0.0)]


async def test_an_unchanged_answer_wakes_no_binding() -> None:
    stage = await settled()
    spans = seen()
    await after_a_look(stage, spans)

    assert await after_a_look(stage, spans) == []

    assert stage.news == []


async def test_traffic_alone_writes_seldom() -> None:
    stage = await settled()
    await after_a_look(stage, seen())
    written = 0
    looks = 40

    for _ in range(looks):
        written += len(await after_a_look(stage, seen()))

    assert 1 < written <= 1 + looks * 1.2 * INTERVAL / COARSENESS
    assert wall() - 2 * COARSENESS < seconds_of(stage.status["lastTraceTime"])


async def test_a_status_that_is_written_anyway_shows_the_latest_trace() -> None:
    stage = await settled()
    await after_a_look(stage, seen())
    later = seen()
    assert await after_a_look(stage, later) == []

    await stage.reply(UNAUTHORIZED)
    await stage.reconcile()

    assert stage.status["lastTraceTime"] == shown_time(later.sightings[0].started)


async def test_what_arrived_stays_while_there_is_no_further_traffic() -> None:
    stage = await settled()
    await after_a_look(stage, seen())
    moment = stage.status["lastTraceTime"]

    await after_a_look(stage, Arrivals(QueryOutcome.READ))

    assert stage.condition("TracesArriving") == ("Unknown", "NoTracesYet")
    assert stage.status["lastTraceTime"] == moment


async def test_a_fault_is_an_event_and_not_part_of_ready() -> None:
    stage = await settled()

    assert await after_a_look(stage, seen(session=False)) == ["status"]

    assert stage.condition("TracesArriving") == ("False", "SpansWithoutSessions")
    assert stage.condition("Ready") == ("True", "Ready")
    assert [(event["type"], event["reason"]) for event in stage.events] == [("Warning", "SpansWithoutSessions")]
    assert "X-Fiddler-Conversation-Id" in stage.events[0]["message"]

    await after_a_look(stage, seen())

    assert [event["reason"] for event in stage.events] == ["SpansWithoutSessions", "Arriving"]


async def test_spans_from_before_a_change_of_the_plugins_tell_nothing_about_them() -> None:
    stage = await settled()
    await after_a_look(stage, seen(text=False))
    stage.edit(payloads="Captured")
    await stage.converge()

    assert stage.condition("TracesArriving") == ("Unknown", "NoTracesYet")
    assert "lastTraceTime" in stage.status

    await after_a_look(stage, seen(text=False))

    assert stage.condition("TracesArriving") == ("False", "SpansWithoutText")


async def test_a_hundred_bindings_of_one_application_share_a_look_and_are_written_one_after_the_other() -> None:
    names = [f"b{number:02}" for number in range(100)]
    paths = ({"name": "openai", "expose": {"path": f"/{name}"}, "llm": LLM} for name in names)
    stage = Stage(*(binding(name, spec_=spec(route)) for name, route in zip(names, paths, strict=True)), *surroundings())
    await stage.converge()
    await elapse(2 * INTERVAL)
    looks = len(stage.looked)

    stage.news.clear()
    stage.spans = seen()
    await elapse(1.2 * INTERVAL)

    delays = [delay for _, _, delay in stage.news]
    assert (len(stage.arrivals), len(stage.looked) - looks) == (1, 1)
    assert [key.name for key, _, _ in stage.news] == names
    assert {lane for _, lane, _ in stage.news} == {Lane.BACKGROUND}
    assert (delays, delays[-1] < SPREAD, len(set(delays))) == (sorted(delays), True, 100)


async def test_bindings_whose_keys_differ_look_on_their_own() -> None:
    other = spec({"name": "openai", "expose": {"path": "/other"}, "llm": LLM})
    other["fiddler"] = {**other["fiddler"], "apiKeySecretRef": {"name": "another", "key": "api-key"}}
    stage = Stage(binding(), binding("other", spec_=other), *surroundings(), secret("another", value=b"id.other"))

    await stage.converge()

    assert len(stage.arrivals) == 2


async def test_a_restart_writes_nothing_and_the_first_look_counts() -> None:
    stage = await settled()
    await after_a_look(stage, seen())
    again = stage.restarted()
    again.spans = stage.spans

    assert await again.converge() == []
    await elapse(INTERVAL)
    assert await again.converge() == []

    assert again.condition("TracesArriving") == ("True", "Arriving")


async def test_while_nothing_can_arrive_the_status_does_not_say_that_it_does() -> None:
    stage = await settled()
    await after_a_look(stage, seen())
    moment = stage.status["lastTraceTime"]

    await stage.reply(UNAUTHORIZED)
    await stage.reconcile()
    assert (stage.condition("TracesArriving"), stage.status["lastTraceTime"]) == (("Unknown", "NotLookedFor"), moment)

    await stage.reply(REACHABLE)
    await stage.reconcile()
    assert stage.condition("TracesArriving") == ("True", "Arriving")


async def test_a_key_that_may_not_read_is_said_and_no_event() -> None:
    stage = await settled()

    await after_a_look(stage, Arrivals(QueryOutcome.REFUSED, problem="answers 403"))

    assert stage.condition("TracesArriving") == ("Unknown", "SpansNotReadable")
    assert "permission to view" in stage.message("TracesArriving")
    assert stage.events == []


async def test_some_looks_without_an_answer_change_nothing() -> None:
    stage = await settled()
    await after_a_look(stage, seen())
    stage.news.clear()
    stage.spans = Arrivals(QueryOutcome.UNANSWERED, problem="answers 500")
    looks = len(stage.looked)

    while len(stage.looked) < looks + UNANSWERED_LIMIT - 1:
        await elapse(1)
    assert stage.news == []
    await elapse(INTERVAL)
    await stage.work(ASSISTANT)

    assert stage.condition("TracesArriving") == ("Unknown", "SpansNotQueried")
    assert "answers 500" in stage.message("TracesArriving")


async def test_a_failure_that_only_changes_its_words_writes_nothing() -> None:
    stage = exposing()
    stage.spans = Arrivals(QueryOutcome.UNANSWERED, problem="answers 503")
    await after_a_look(stage, stage.spans)
    await stage.converge()
    assert stage.condition("TracesArriving") == ("Unknown", "SpansNotQueried")

    assert await after_a_look(stage, Arrivals(QueryOutcome.UNANSWERED, problem="did not answer within the time limit")) == []
    assert await after_a_look(stage, Arrivals(QueryOutcome.READ)) == ["status"]

    assert stage.condition("TracesArriving") == ("Unknown", "NoTracesYet")


async def test_another_application_starts_over() -> None:
    stage = await settled()
    await after_a_look(stage, seen())
    stage.spans = Arrivals(QueryOutcome.READ)

    fiddler = {**spec()["fiddler"], "applicationId": "11111111-2222-4333-8444-555555555555"}
    stage.edit(fiddler=fiddler)
    await stage.converge()

    assert stage.condition("TracesArriving") == ("Unknown", "NoTracesYet")
    assert "lastTraceTime" not in stage.status
    assert {target.application_id for target in stage.looked[-1:]} == {"11111111-2222-4333-8444-555555555555"}


async def test_nothing_is_looked_for_without_a_key_or_a_binding() -> None:
    stage = await settled()
    assert len(stage.arrivals) == 1

    stage.delete(FIDDLER)
    await stage.converge()

    assert (len(stage.arrivals), stage.condition("TracesArriving")) == (0, ("Unknown", "NotLookedFor"))

    stage.put(secret("fiddler", value=b"id.secret\n", uid="uid-another"))
    await stage.converge()
    assert len(stage.arrivals) == 1
    stage.delete(ASSISTANT)
    await stage.reconcile()

    assert len(stage.arrivals) == 0


async def test_the_administrator_can_switch_it_off() -> None:
    stage = Stage(binding(), *surroundings(), settings=Settings(arrivals=ArrivalsSettings(interval=0)))

    await stage.converge()
    await elapse(INTERVAL)

    assert (stage.looked, stage.condition("TracesArriving")) == ([], ("Unknown", "NotLookedFor"))
    assert "--arrivals-interval=0" in stage.message("TracesArriving")


async def test_a_time_of_the_last_trace_that_is_yet_to_come_is_repaired() -> None:
    stage = await settled()
    await after_a_look(stage, seen(ago=30.0))
    stage.change(ASSISTANT, {"status": {**stage.status, "lastTraceTime": "2099-01-01T00:00:00Z"}})

    assert await stage.converge() == ["status"]

    assert wall() - seconds_of(stage.status["lastTraceTime"]) < 2 * INTERVAL
