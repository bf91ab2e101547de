from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import ProbeResult
from fiddler_kong_operator.probe.schedule import CHANGE_LIMIT, CHANGE_WINDOW, ProbeSchedule
from fiddler_kong_operator.probe.target import Answer, ProbeTarget
from fiddler_kong_operator.settings import ProbeSettings
from tests.unit.virtual_time import loop, now, run

APPLICATION = "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11"
SETTINGS = ProbeSettings(interval=300, retry_interval=15, concurrency=8)
GOOD = Answer(ProbeResult("Reachable", "Fine.", "assistant"))
BAD = Answer(ProbeResult("Unauthorized", "Not fine."))


def key(name: str) -> ObjectKey:
    return ObjectKey("FiddlerKongBinding", "ai", name)


def target(name: str = "one") -> ProbeTarget:
    return ProbeTarget("https://acme.example", APPLICATION, f"key-{name}", "`api-key` in the Secret `fiddler`")


class Desk:
    """A schedule with a server that answers as told, and notes of who was asked and woken when."""

    def __init__(self, settings: ProbeSettings = SETTINGS, *, uniform: float = 0.5, takes: float = 0.0) -> None:
        self.answer: Callable[[ProbeTarget], Answer[ProbeResult]] = lambda _: GOOD
        self.takes = takes
        self.asked: list[tuple[float, ProbeTarget]] = []
        self.woken: list[set[ObjectKey]] = []
        self.observed: list[tuple[str | None, float]] = []
        self.under_way = self.most_under_way = 0
        pace = ProbeSchedule.pace(settings)
        self.schedule = ProbeSchedule(self._ask, pace, self._wake, on_ask=self._observe, clock=now, uniform=lambda: uniform)
        self.start = now()
        self.running = asyncio.ensure_future(self.schedule.run())

    async def _ask(self, wanted: ProbeTarget) -> Answer[ProbeResult]:
        self.asked.append((now() - self.start, wanted))
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        try:
            await asyncio.sleep(self.takes)
            return self.answer(wanted)
        finally:
            self.under_way -= 1

    def _wake(self, keys: Iterable[ObjectKey]) -> None:
        self.woken.append(set(keys))

    def _observe(self, reason: str | None, seconds: float) -> None:
        self.observed.append((reason, seconds))

    @property
    def times(self) -> list[float]:
        return [round(moment, 6) for moment, _ in self.asked]

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


def test_a_wanted_target_is_asked_at_once_and_wakes_its_binding() -> None:
    async def scenario() -> None:
        desk = Desk()
        assert desk.schedule.latest(target()) is None
        desk.schedule.want(key("a"), target())
        await asyncio.sleep(1)
        assert desk.times == [0]
        assert desk.woken == [{key("a")}]
        assert desk.schedule.latest(target()) == GOOD.result
        await desk.stop()

    run(scenario())


def test_an_unchanged_result_is_asked_again_each_interval_and_wakes_no_binding() -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.schedule.want(key("a"), target())
        await asyncio.sleep(1000)
        assert desk.times == [0, 300, 600, 900]
        assert len(desk.woken) == 1
        await desk.stop()

    run(scenario())


@pytest.mark.parametrize(("uniform", "second"), [(0.0, 270), (0.5, 300), (1.0, 330)])
def test_the_interval_is_jittered(uniform: float, second: float) -> None:
    async def scenario() -> None:
        desk = Desk(uniform=uniform)
        desk.schedule.want(key("a"), target())
        await asyncio.sleep(400)
        assert desk.times == [0, second]
        await desk.stop()

    run(scenario())


def test_equal_targets_are_asked_once_for_all_their_bindings() -> None:
    async def scenario() -> None:
        desk = Desk()
        for name in ("a", "b", "c"):
            desk.schedule.want(key(name), target())
        await asyncio.sleep(1)
        assert len(desk.asked) == len(desk.schedule) == 1
        assert desk.woken == [{key("a"), key("b"), key("c")}]
        await desk.stop()

    run(scenario())


def test_failures_are_repeated_sooner_but_less_and_less_often() -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.answer = lambda _: BAD
        desk.schedule.want(key("a"), target())
        await asyncio.sleep(1100)
        assert desk.times == [0, 15, 45, 105, 225, 465, 765, 1065]
        assert len(desk.woken) == 1
        await desk.stop()

    run(scenario())


def test_a_changed_result_wakes_and_the_pause_starts_again() -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.answer = lambda _: BAD if 290 < now() - desk.start < 320 else GOOD
        desk.schedule.want(key("a"), target())
        await asyncio.sleep(1000)
        assert desk.times == [0, 300, 315, 345, 645, 945]
        assert len(desk.woken) == 3
        await desk.stop()

    run(scenario())


def test_retry_after_is_honoured() -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.answer = lambda _: Answer(ProbeResult("RateLimited", "Patience."), retry_after=777)
        desk.schedule.want(key("a"), target())
        await asyncio.sleep(800)
        assert desk.times == [0, 777]
        await desk.stop()

    run(scenario())


def test_a_changed_key_is_asked_at_once() -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.answer = lambda wanted: GOOD if wanted == target("new") else BAD
        desk.schedule.want(key("a"), target("old"))
        await asyncio.sleep(5)
        desk.schedule.want(key("a"), target("new"))
        await asyncio.sleep(1)
        assert desk.times == [0, 5]
        assert (desk.schedule.latest(target("old")), desk.schedule.latest(target("new"))) == (None, GOOD.result)
        assert len(desk.schedule) == 1
        await asyncio.sleep(200)
        assert len(desk.asked) == 2
        await desk.stop()

    run(scenario())


def test_repeating_a_wish_asks_nothing() -> None:
    async def scenario() -> None:
        desk = Desk()
        for _ in range(100):
            desk.schedule.want(key("a"), target())
            await asyncio.sleep(1)
        assert desk.times == [0]
        await desk.stop()

    run(scenario())


def edit(desk: Desk, wanted: ProbeTarget) -> None:
    desk.schedule.want(key("a"), wanted)


def create_again(desk: Desk, wanted: ProbeTarget) -> None:
    desk.schedule.forget(key("a"))
    desk.schedule.want(key("a"), wanted)


@pytest.mark.parametrize("change", [edit, create_again])
def test_a_loop_that_changes_a_binding_does_not_make_the_probe_a_scanner(change: Callable[[Desk, ProbeTarget], None]) -> None:
    async def scenario() -> None:
        desk = Desk()
        for number in range(1000):
            change(desk, target(str(number)))
            await asyncio.sleep(0.1)
        most_in_a_window = max(sum(start <= moment < start + CHANGE_WINDOW for moment in desk.times) for start in desk.times)
        assert most_in_a_window <= CHANGE_LIMIT
        assert len(desk.asked) >= CHANGE_LIMIT * 100 / CHANGE_WINDOW
        await asyncio.sleep(CHANGE_WINDOW)
        assert desk.asked[-1][1] == target("999")
        await desk.stop()

    run(scenario())


def test_a_forgotten_binding_is_not_woken_and_its_target_not_asked() -> None:
    async def scenario() -> None:
        desk = Desk(takes=2)
        desk.schedule.want(key("a"), target("shared"))
        desk.schedule.want(key("b"), target("shared"))
        desk.schedule.want(key("c"), target("alone"))
        await asyncio.sleep(1)
        desk.schedule.forget(key("a"))
        desk.schedule.forget(key("c"))
        desk.schedule.forget(key("never-seen"))
        await asyncio.sleep(500)
        assert desk.woken == [{key("b")}]
        assert len(desk.schedule) == 1
        assert sum(wanted == target("alone") for _, wanted in desk.asked) == 1
        await desk.stop()

    run(scenario())


def test_only_so_many_probes_are_under_way_at_once() -> None:
    async def scenario() -> None:
        desk = Desk(takes=10)
        for number in range(50):
            desk.schedule.want(ObjectKey("FiddlerKongBinding", f"ns-{number % 5}", str(number)), target(str(number)))
        await asyncio.sleep(100)
        assert desk.most_under_way == SETTINGS.concurrency
        assert len({wanted for _, wanted in desk.asked}) == 50
        await desk.stop()

    run(scenario())


def test_a_target_dropped_while_it_waits_for_a_slot_is_not_asked() -> None:
    async def scenario() -> None:
        desk = Desk(ProbeSettings(concurrency=1), takes=10)
        desk.schedule.want(key("a"), target("a"))
        desk.schedule.want(key("b"), target("b"))
        await asyncio.sleep(1)
        desk.schedule.forget(key("b"))
        await asyncio.sleep(60)
        assert [wanted for _, wanted in desk.asked] == [target("a")]
        await desk.stop()

    run(scenario())


def test_a_target_wanted_again_while_its_former_probe_runs_gets_one_result() -> None:
    async def scenario() -> None:
        desk = Desk(takes=10)
        desk.schedule.want(key("a"), target())
        await asyncio.sleep(1)
        desk.schedule.forget(key("a"))
        desk.schedule.want(key("b"), target())
        await asyncio.sleep(60)
        assert desk.woken == [{key("b")}]
        assert desk.times == [0, 1]
        await desk.stop()

    run(scenario())


@pytest.mark.parametrize("former", [GOOD, Answer(ProbeResult("ApplicationNotFound", "No such application."))])
def test_an_application_that_cannot_be_asked_for_keeps_its_former_finding(former: Answer[ProbeResult]) -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.answer = lambda _: former if now() == desk.start else Answer(ProbeResult("Reachable", "Fine."), unsure=True)
        desk.schedule.want(key("a"), target())
        await asyncio.sleep(1000)
        assert desk.schedule.latest(target()) == former.result
        assert len(desk.woken) == 1
        await desk.stop()

    run(scenario())


def test_an_unsure_answer_replaces_a_failure() -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.answer = lambda _: BAD if now() == desk.start else Answer(ProbeResult("Reachable", "Fine."), unsure=True)
        desk.schedule.want(key("a"), target())
        await asyncio.sleep(100)
        assert desk.schedule.latest(target()) == ProbeResult("Reachable", "Fine.")
        await desk.stop()

    run(scenario())


def test_a_bug_in_one_probe_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(wanted: ProbeTarget) -> Answer[ProbeResult]:
        if wanted == target("broken"):
            raise ZeroDivisionError
        return GOOD

    async def scenario() -> None:
        desk = Desk()
        desk.answer = broken
        desk.schedule.want(key("a"), target("broken"))
        desk.schedule.want(key("b"), target("fine"))
        await asyncio.sleep(700)
        assert [reason for reason, _ in desk.observed].count(None) == 3
        assert [moment for moment, wanted in desk.asked if wanted == target("broken")] == [0, 300, 600]
        assert desk.schedule.latest(target("fine")) == GOOD.result
        await desk.stop()

    with caplog.at_level(logging.ERROR):
        run(scenario())
    assert "ZeroDivisionError" in caplog.text
    assert "key-broken" not in caplog.text


def test_each_probe_is_observed_with_its_reason_and_duration() -> None:
    async def scenario() -> None:
        desk = Desk(takes=2)
        desk.answer = lambda wanted: GOOD if wanted == target("good") else BAD
        desk.schedule.want(key("a"), target("good"))
        desk.schedule.want(key("b"), target("bad"))
        await asyncio.sleep(5)
        assert desk.observed == [("Reachable", 2), ("Unauthorized", 2)]
        await desk.stop()

    run(scenario())


def test_the_state_of_each_target_tells_its_endpoint_its_result_and_the_age_of_its_last_answer() -> None:
    async def scenario() -> None:
        desk, collector = Desk(), "http://otel.example:4318"

        def states() -> list[tuple[str, str | None, float]]:
            return [(state.endpoint, state.reason, state.age) for state in desk.schedule.states()]

        desk.schedule.want(key("a"), target())
        desk.schedule.want(key("b"), replace(target("collected"), collector=collector))
        assert states() == [("https://acme.example", None, 0), (collector, None, 0)]
        await asyncio.sleep(20)
        assert states() == [("https://acme.example", "Reachable", 20), (collector, "Reachable", 20)]
        desk.schedule.forget(key("b"))
        assert states() == [("https://acme.example", "Reachable", 20)]
        await desk.stop()

    run(scenario())


def test_stopping_cancels_what_is_under_way() -> None:
    async def scenario() -> None:
        desk = Desk(takes=3600)
        desk.schedule.want(key("a"), target())
        await asyncio.sleep(1)
        assert desk.under_way == 1
        await asyncio.wait_for(desk.stop(), 1)
        assert desk.under_way == 0
        assert desk.running.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scenario())


def test_after_a_long_stop_each_target_is_asked_once() -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.schedule.want(key("a"), target())
        await asyncio.sleep(1)
        loop().jump(10_000)
        await asyncio.sleep(1)
        assert len(desk.asked) == 2
        await desk.stop()

    run(scenario())


def test_thousands_of_targets_are_cheap() -> None:
    async def scenario() -> None:
        desk = Desk(SETTINGS.model_copy(update={"concurrency": 64}))
        for number in range(5000):
            desk.schedule.want(key(str(number)), target(str(number)))
        await asyncio.sleep(10)
        assert len(desk.asked) == 5000
        assert len(asyncio.all_tasks()) < 70
        for number in range(5000):
            desk.schedule.want(key(str(number)), target(f"{number}-new"))
        assert len(desk.schedule) == 5000
        for number in range(5000):
            desk.schedule.forget(key(str(number)))
        assert len(desk.schedule) == 0
        await desk.stop()

    run(scenario())


def fill_with_holes(desk: Desk, number: int = 500) -> None:
    """Have a namespace want that many endpoints that never answer."""
    for hole in range(number):
        desk.schedule.want(key(f"hole-{hole}"), target(f"hole-{hole}"))


def ask_for(desk: Desk, *namespaces: str) -> None:
    for namespace in namespaces:
        desk.schedule.want(ObjectKey("FiddlerKongBinding", namespace, "a"), target(namespace))


def moments(desk: Desk, name: str) -> list[float]:
    """When a target was asked."""
    return [round(moment, 6) for moment, wanted in desk.asked if wanted == target(name)]


def test_a_namespace_whose_targets_never_answer_does_not_delay_others() -> None:
    async def scenario() -> None:
        desk = Desk(takes=10)
        fill_with_holes(desk)
        await asyncio.sleep(1)
        ask_for(desk, "neighbour", "another")
        await asyncio.sleep(20)
        assert (moments(desk, "neighbour"), moments(desk, "another")) == ([1], [1])
        await desk.stop()

    run(scenario())


@pytest.mark.parametrize(("concurrency", "most"), [(8, 6), (3, 1), (2, 1), (1, 1)])
def test_a_namespace_alone_gets_all_slots_but_two_and_at_least_one(concurrency: int, most: int) -> None:
    async def scenario() -> None:
        desk = Desk(SETTINGS.model_copy(update={"concurrency": concurrency}), takes=10)
        fill_with_holes(desk, 20)
        await asyncio.sleep(250)
        assert desk.most_under_way == most
        assert len({wanted for _, wanted in desk.asked}) == 20
        await desk.stop()

    run(scenario())


def test_targets_that_are_dropped_while_they_are_asked_give_their_slots_back() -> None:
    async def scenario() -> None:
        desk = Desk(takes=10)
        fill_with_holes(desk, 20)
        await asyncio.sleep(1)
        for hole in range(6):
            desk.schedule.forget(key(f"hole-{hole}"))
        await asyncio.sleep(10)
        assert (desk.under_way, len(desk.asked)) == (6, 12)
        await desk.stop()

    run(scenario())
