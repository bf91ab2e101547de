from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from fiddler_kong_operator.errors import Refused, Transient
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.kube.poller import Poller
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.observe.cache import UNKNOWN, Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.plan.kinds import SECRET
from tests.unit.kube.scripted import Clock, EndOfScriptError
from tests.unit.observe.objects import ASSISTANT, FIDDLER, OPENAI, binding, secret
from tests.unit.write.fake_cluster import FakeCluster

INTERVAL = 60.0
KEYS = ObjectKey("Secret", "ai", "assistant-kong-keys")
Change = Callable[[], Any]


class Play:
    """A poller over a cluster with a binding and its two Secrets. After each round but the last, one of the changes is made."""

    def __init__(self) -> None:
        self.cluster = FakeCluster(secret("fiddler"), secret("openai"))
        self.clock = Clock()
        self.requeued: list[tuple[ObjectKey, Lane]] = []
        self.cache = Cache()
        self.feed = Feed(self.cache, self._requeue, lambda _: None)
        self.cache.observe(binding())
        self.changes: list[Change] = []
        self.poller = Poller(
            self.cluster, SECRET, self.feed, lambda: self.cache.wanted(SECRET), INTERVAL,
            clock=self.clock, sleep=self._sleep, uniform=lambda: 0.5,
        )  # fmt: skip

    def _requeue(self, keys: frozenset[ObjectKey], lane: Lane, delay: float) -> None:
        del delay
        self.requeued += [(key, lane) for key in keys]

    async def _sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        if not self.changes:
            raise EndOfScriptError
        self.requeued.clear()
        self.changes.pop(0)()

    async def rounds(self, *changes: Change) -> Play:
        """Play one round more than there are changes."""
        self.changes += changes
        with pytest.raises(EndOfScriptError):
            await self.poller.run()
        return self

    def refuse(self, *names: str, error: Exception | None = None) -> None:
        """From now on, these Secrets cannot be read."""

        def answer(_verb: str, key: ObjectKey) -> None:
            if key.name in names:
                raise error or Refused("get Secret: secrets is forbidden", 403)

        self.cluster.before = answer


def nothing() -> None:
    """Change nothing."""


async def test_each_wanted_secret_is_read_once_in_an_interval_the_derived_one_too() -> None:
    play = await Play().rounds(nothing)

    assert play.cluster.calls == [("get", key) for key in (KEYS, FIDDLER, OPENAI)] * 2
    assert play.clock.slept == [INTERVAL * 1.05] * 2
    assert (play.poller.synced.is_set(), play.poller.forbidden) == (True, False)


async def test_what_did_not_change_requeues_nothing() -> None:
    assert (await Play().rounds(nothing)).requeued == []


async def test_a_changed_secret_requeues_its_bindings_before_anything_in_the_background() -> None:
    play = Play()
    await play.rounds(lambda: play.cluster.put(secret("fiddler", 7, value=b"rotated")))

    assert play.requeued == [(ASSISTANT, Lane.URGENT)]
    assert play.cache.lookup(FIDDLER) == {"api-key": b"rotated"}


async def test_a_missing_secret_that_comes_late_is_seen() -> None:
    play = Play()
    del play.cluster.objects[OPENAI]
    play.cache.remember_absent(OPENAI)
    await play.rounds(lambda: play.cluster.put(secret("openai", 7)))

    assert play.requeued == [(ASSISTANT, Lane.URGENT)]


async def test_a_deleted_secret_is_seen_but_not_a_missing_one_that_was_made_meanwhile() -> None:
    play = Play()
    await play.rounds(lambda: play.cluster.objects.pop(FIDDLER))

    assert play.requeued == [(ASSISTANT, Lane.URGENT)]
    assert play.cache.lookup(FIDDLER) is None

    def made_while_the_answer_travels(_verb: str, key: ObjectKey) -> None:
        if key == FIDDLER:
            play.cache.observe(secret("fiddler", 9, uid="another"))

    play.cluster.after = made_while_the_answer_travels
    await play.rounds()
    assert play.cache.lookup(FIDDLER) is not None


async def test_a_secret_that_no_binding_names_any_more_is_not_read() -> None:
    play = Play()
    await play.rounds(lambda: play.cache.gone(ASSISTANT, play.cache.uid(ASSISTANT)))

    assert len(play.cluster.calls) == 3


async def test_a_refused_read_is_told_once_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    play = Play()
    with caplog.at_level(logging.ERROR):
        await play.rounds(lambda: play.refuse("fiddler"), nothing)

    assert [record.getMessage() for record in caplog.records] == [f"{FIDDLER} cannot be read: get Secret: secrets is forbidden"]
    assert play.poller.forbidden
    assert play.cache.lookup(FIDDLER) is not UNKNOWN
    assert play.cluster.calls.count(("get", OPENAI)) == 3


async def test_a_round_waits_as_long_as_the_server_asks_for() -> None:
    play = Play()
    play.refuse("openai", error=Transient("get Secret: too many requests", retry_after=10 * INTERVAL))
    await play.rounds(nothing)

    assert play.clock.slept[0] == 10 * INTERVAL


async def test_the_first_round_is_repeated_until_everything_was_answered() -> None:
    play = Play()
    play.refuse("openai", error=Transient("get Secret: the server is away"))

    def back() -> None:
        assert not play.poller.synced.is_set()
        play.cluster.before = None

    await play.rounds(back)

    assert play.poller.synced.is_set()
    assert play.clock.slept[0] < 1.0


async def test_later_what_could_not_be_read_waits_for_the_next_round() -> None:
    play = Play()
    await play.rounds(lambda: play.refuse("openai", error=Transient("get Secret: the server is away")))

    assert play.clock.slept == [INTERVAL * 1.05] * 2


async def test_without_anything_to_read_it_stays_alive() -> None:
    """/healthz takes a long silence for a fault, and the kubelet would restart the operator before its first binding."""
    play = Play()
    play.cache.gone(ASSISTANT, play.cache.uid(ASSISTANT))
    await play.rounds(nothing, nothing)

    assert play.cluster.calls == []
    assert play.poller.last_activity == 1000.0 + 2 * INTERVAL * 1.05


async def test_a_server_that_does_not_answer_is_no_sign_of_life() -> None:
    play = Play()
    play.refuse("fiddler", "openai", KEYS.name, error=Transient("get Secret: the server is away"))
    await play.rounds(nothing)

    assert play.poller.last_activity == 1000.0
