"""A server that ends each of kopf's watches at once is asked again in growing pauses."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web

from devcluster.listener import Listener
from fiddler_kong_operator.runtime.pacing import PAUSES, Pace

WATCH = "/apis/integrations.fiddler.ai/v1alpha1/fiddlerkongbindings"


class Time:
    """A clock that only sleeping advances, and the sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def pace(clock: Time) -> Pace:
    return Pace(clock, clock.sleep, lambda: 0.0)


async def test_watches_that_end_at_once_are_asked_for_in_doubling_pauses(clock: Time, pace: Pace) -> None:
    for _ in range(10):
        await pace.wait(WATCH)

    assert clock.pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, *[PAUSES.cap] * 3]


async def test_a_watch_that_lasted_is_followed_by_another_at_once(clock: Time, pace: Pace) -> None:
    await pace.wait(WATCH)
    await pace.wait(WATCH)
    clock.now += 240

    await pace.wait(WATCH)
    await pace.wait(WATCH)

    assert clock.pauses == [0.5, 0.5]


async def test_only_the_same_subject_is_held_back(clock: Time, pace: Pace) -> None:
    await pace.wait(WATCH)
    await pace.wait("/elsewhere")

    assert clock.pauses == []


async def test_a_session_holds_back_watches_and_nothing_else(clock: Time, pace: Pace) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/watched", answer)
    async with Listener(app) as listener, aiohttp.ClientSession(middlewares=[pace]) as session:
        for query in ("", "", "?watch=true", "?watch=true", "?watch=true"):
            async with session.get(f"{listener.url}/watched{query}"):
                pass

    assert clock.pauses == [0.5, 1.0]
