"""A server that ends each of kopf's watches at once is asked again in growing pauses."""

from __future__ import annotations

import kopf
import pytest
from aiohttp import web

from devcluster.listener import Listener
from fiddler_kong_operator.runtime.pacing import LONGEST_PAUSE, WatchPace, paced

WATCH = "/apis/integrations.fiddler.ai/v1alpha1/fiddlerkongbindings"


class Time:
    """A clock that only sleeping moves on, and the sleeps."""

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
def pace(clock: Time) -> WatchPace:
    return WatchPace(clock, clock.sleep, lambda: 1.0)


async def test_watches_that_end_at_once_are_asked_for_in_doubling_pauses(clock: Time, pace: WatchPace) -> None:
    for _ in range(10):
        await pace.wait(WATCH)

    assert clock.pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, *[LONGEST_PAUSE] * 3]


async def test_a_watch_that_lasted_is_followed_by_another_at_once(clock: Time, pace: WatchPace) -> None:
    await pace.wait(WATCH)
    await pace.wait(WATCH)
    clock.now += 240

    await pace.wait(WATCH)
    await pace.wait(WATCH)

    assert clock.pauses == [0.5, 0.5]


async def test_only_watches_of_the_same_path_are_held_back(clock: Time, pace: WatchPace) -> None:
    await pace.wait(WATCH)
    await pace.wait("/elsewhere")

    assert clock.pauses == []


async def test_kopfs_session_carries_the_token_keeps_to_the_pace_and_tells_of_lists(clock: Time, pace: WatchPace) -> None:
    tokens: list[str | None] = []
    lists: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        tokens.append(request.headers.get("Authorization"))
        return web.Response()

    app = web.Application()
    app.router.add_get("/watched", answer)
    async with Listener(app) as listener:
        context = paced(kopf.ConnectionInfo(server=listener.url, token="secret", scheme="Bearer"), pace, lists.append)
        async with context.aiohttp_session as session:
            for query in ("", "?watch=true", "?watch=true", "?watch=true"):
                async with session.get(f"{context.server}/watched{query}"):
                    pass

    assert tokens == ["Bearer secret"] * 4
    assert clock.pauses == [0.5, 1.0]
    assert lists == ["/watched"]
