from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from fiddler_kong_operator.errors import NotLeader, Refused, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import Kind, Manifest
from fiddler_kong_operator.kube.recorder import LIMIT, WAITING, WINDOW, Recorder
from tests.unit.virtual_time import now, run


class Events:
    """Where Events are created; some are not taken."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.takes = 0.0
        self.bugs: list[str] = []

    async def create(self, _kind: Kind, manifest: Manifest, /) -> Manifest:
        name = manifest["metadata"]["name"]
        await asyncio.sleep(self.takes)
        if name in self.errors:
            raise self.errors[name]
        self.created.append(name)
        return manifest


def event(name: str, about: str = "uid-1") -> Manifest:
    return {"kind": "Event", "metadata": {"name": name}, "involvedObject": {"uid": about}}


def recorded(scenario: Callable[[Recorder, Events], None], *, later: Callable[[Recorder], None] | None = None) -> list[str]:
    """The names of the Events that were created; `later` acts when the window is over."""

    async def act() -> list[str]:
        events = Events()
        recorder = Recorder(cast("Client", events), now, events.bugs.append)
        scenario(recorder, events)
        task = asyncio.create_task(recorder.run())
        await asyncio.sleep(WINDOW)
        if later:
            later(recorder)
            await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return events.created

    return run(act())


def test_events_are_written_in_order() -> None:
    def scenario(recorder: Recorder, _events: Events) -> None:
        for name in ("a", "b", "c"):
            recorder.record(event(name))

    assert recorded(scenario) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "error", [Refused("events is forbidden", 403), Transient("503"), NotLeader("lost"), ZeroDivisionError("a bug")], ids=repr
)
def test_an_event_that_cannot_be_written_does_not_hold_up_the_next(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Events] = []

    def scenario(recorder: Recorder, events: Events) -> None:
        seen.append(events)
        events.errors["a"] = error
        recorder.record(event("a"))
        recorder.record(event("b"))

    assert recorded(scenario) == ["b"]
    is_bug = isinstance(error, ZeroDivisionError)
    assert seen[0].bugs == ["Event"] * is_bug
    assert [bool(record.exc_info) for record in caplog.records].count(True) == is_bug


def test_one_binding_that_never_rests_cannot_flood_its_namespace() -> None:
    def scenario(recorder: Recorder, _events: Events) -> None:
        for number in range(3 * LIMIT):
            recorder.record(event(f"busy-{number}", "uid-busy"))
        recorder.record(event("quiet", "uid-quiet"))

    assert recorded(scenario) == [*(f"busy-{number}" for number in range(LIMIT)), "quiet"]


def test_after_the_window_it_is_recorded_again() -> None:
    def scenario(recorder: Recorder, _events: Events) -> None:
        for number in range(2 * LIMIT):
            recorder.record(event(f"busy-{number}"))

    assert recorded(scenario, later=lambda recorder: recorder.record(event("later")))[-1] == "later"


def test_beyond_what_may_wait_new_events_are_dropped() -> None:
    def scenario(recorder: Recorder, _events: Events) -> None:
        for number in range(WAITING + 50):
            recorder.record(event(str(number), about=f"uid-{number}"))

    assert recorded(scenario) == [str(number) for number in range(WAITING)]


def drained(scenario: Callable[[Recorder, Events], None], seconds: float) -> tuple[list[str], float]:
    """The Events created by the end of a drain, and the seconds that it took."""

    async def act() -> tuple[list[str], float]:
        events = Events()
        recorder = Recorder(cast("Client", events), now, events.bugs.append)
        scenario(recorder, events)
        task = asyncio.create_task(recorder.run())
        started = now()
        await recorder.drain(seconds)
        took = round(now() - started, 3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return events.created, took

    return run(act())


@pytest.mark.parametrize(("takes", "posted", "seconds"), [(0.0, 10, 0.0), (0.1, 10, 1.0), (0.3, 6, 2.0), (60.0, 0, 2.0)])
def test_what_waits_at_the_end_is_written_as_far_as_the_time_suffices(takes: float, posted: int, seconds: float) -> None:
    def scenario(recorder: Recorder, events: Events) -> None:
        events.takes = takes
        for number in range(10):
            recorder.record(event(str(number)))

    assert drained(scenario, 2.0) == ([str(number) for number in range(posted)], seconds)


def test_an_end_with_nothing_waiting_and_one_without_the_lease_take_no_time() -> None:
    def without_lease(recorder: Recorder, events: Events) -> None:
        events.errors = {"a": NotLeader("lost"), "b": NotLeader("lost")}
        recorder.record(event("a"))
        recorder.record(event("b"))

    assert drained(lambda _recorder, _events: None, 2.0) == drained(without_lease, 2.0) == ([], 0.0)
