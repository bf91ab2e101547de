from __future__ import annotations

import logging
from typing import Any

import pytest

from fiddler_kong_operator.errors import Expired, Gone, Refused, Transient
from fiddler_kong_operator.kube.backoff import Backoff, Doubling
from fiddler_kong_operator.kube.client import Page, WatchEvent
from fiddler_kong_operator.kube.informer import Informer, relist
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.plan.kinds import HTTP_ROUTE, KONG_PLUGIN, SECRET, SERVICE
from tests.unit.kube.scripted import Clock, EndOfScriptError, Notes, Scripted, Step
from tests.unit.observe.objects import ASSISTANT, FIDDLER, binding, secret, service

LONG = 60.0
NOTHING = Page([], "10")


def listed(*objects: Manifest, at: str = "10") -> Page:
    return Page(list(objects), at)


def event(event_type: str, raw: Manifest) -> WatchEvent:
    return WatchEvent(event_type, raw)


def bookmark(version: int) -> WatchEvent:
    return WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


class Play:
    """A informer after it has played a script."""

    def __init__(self, *script: list[Step], kind: Kind = SERVICE, namespace: str | None = None, optional: bool = False) -> None:
        self.clock, self.notes = Clock(), Notes()
        self.client = Scripted(self.clock, *script)
        seams: Any = {"clock": self.clock, "sleep": self.clock.sleep, "uniform": lambda: 0.0}
        self.informer = Informer(self.client, kind, namespace, self.notes, optional=optional, **seams)

    async def to_the_end(self) -> Play:
        with pytest.raises(EndOfScriptError):
            await self.informer.run()
        return self


async def played(*script: list[Step], kind: Kind = SERVICE, namespace: str | None = None, optional: bool = False) -> Play:
    return await Play(*script, kind=kind, namespace=namespace, optional=optional).to_the_end()


# In sync


async def test_everything_is_listed_before_it_is_watched() -> None:
    play = await played([listed(service("a")), listed(service("b"))], [event("MODIFIED", service("a", 12)), LONG])
    assert play.notes.lines == ["listed a", "listed b", "complete at 10: a b", "Service there", "MODIFIED a"]
    assert play.client.asked == ["list", "10"]


async def test_it_is_synced_only_when_the_list_is_complete() -> None:
    play = Play([listed(service("a")), Transient("cut")])
    await play.to_the_end()
    assert not play.informer.synced.is_set()
    assert (await played([NOTHING])).informer.synced.is_set()


async def test_a_watch_goes_on_where_the_last_one_ended() -> None:
    play = await played([NOTHING], [event("ADDED", service("a", 12)), LONG], [LONG], [event("DELETED", service("a", 15)), LONG])
    assert play.client.asked == ["list", "10", "12", "12"]
    assert play.clock.slept == []


async def test_bookmarks_advance_the_version_and_nothing_else() -> None:
    play = await played([NOTHING], [bookmark(40), LONG], [LONG])
    assert play.client.asked == ["list", "10", "40"]
    assert play.notes.lines == ["complete at 10:", "Service there"]


async def test_one_namespace_is_listed_and_watched_alone() -> None:
    play = await played([NOTHING], [LONG], kind=SECRET, namespace="ai")
    assert play.client.places == {("Secret", "ai")}
    assert play.informer.name == "Secret in ai"


async def test_a_reflector_of_every_namespace_is_named_by_its_kind() -> None:
    assert Play().informer.name == "Service"


# Out of sync


@pytest.mark.parametrize(
    "ending", [[Expired("too old")], [event("ADDED", service("c", 12)), Expired("too old")]], ids=["at once", "after an event"]
)
async def test_where_the_version_is_gone_everything_is_relisted(ending: list[Step]) -> None:
    play = await played([listed(service("a"))], ending, [listed(service("b"), at="20")], [LONG])
    assert play.client.asked == ["list", "10", "list", "20"]
    assert play.notes.lines[-3:] == ["listed b", "complete at 20: b", "Service there"]


async def test_a_list_that_expires_begins_again_and_reports_nothing_as_deleted() -> None:
    play = await played([listed(service("a")), Expired("too old")], [listed(service("a"), service("b"))])
    assert play.notes.lines == ["listed a", "listed a", "listed b", "complete at 10: a b", "Service there"]
    assert play.clock.slept == [0.5]


async def test_a_watch_that_is_cut_goes_on_without_a_list() -> None:
    play = await played([NOTHING], [event("ADDED", service("a", 12)), Transient("cut")], [LONG])
    assert (play.client.asked, play.clock.slept) == (["list", "10", "12"], [0.5])


# Pauses


async def test_a_server_that_ends_each_watch_at_once_is_met_with_longer_and_longer_pauses() -> None:
    at_once: list[list[Step]] = [[] for _ in range(9)]
    assert (await played([NOTHING], *at_once)).clock.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


async def test_events_do_not_make_a_short_watch_a_success() -> None:
    play = await played([NOTHING], [event("ADDED", service("a", 12))], [event("ADDED", service("b", 13))])
    assert play.clock.slept == [0.5, 1.0]


async def test_a_watch_that_lasts_ends_the_pauses() -> None:
    assert (await played([NOTHING], [], [], [LONG], [], [])).clock.slept == [0.5, 1.0, 0.5, 1.0]


async def test_a_watch_that_is_cut_after_it_lasted_is_no_further_failure() -> None:
    cut: list[list[Step]] = [[LONG, Transient("cut")] for _ in range(4)]
    assert (await played([NOTHING], *cut)).clock.slept == [0.5, 0.5, 0.5, 0.5]


async def test_failed_lists_are_repeated_with_longer_and_longer_pauses() -> None:
    play = await played([Transient("busy")], [Transient("busy")], [NOTHING])
    assert (play.client.asked, play.clock.slept) == (["list"] * 3, [0.5, 1.0])


@pytest.mark.parametrize(("asked", "expected"), [(7.0, 7.0), (0.1, 0.5), (120.0, 120.0)])
async def test_a_server_that_asks_for_patience_gets_it(asked: float, expected: float) -> None:
    assert (await played([Transient("busy", asked)])).clock.slept == [expected]


def test_pauses_are_jittered_downwards_by_half_at_most() -> None:
    shortest, longest = Backoff(Doubling(1.0, 30.0), lambda: 1.0), Backoff(Doubling(1.0, 30.0), lambda: 0.0)
    assert [(shortest.next(), longest.next()) for _ in range(3)] == [(0.5, 1.0), (1.0, 2.0), (2.0, 4.0)]


def test_pauses_stay_finite_for_ever() -> None:
    backoff = Backoff(Doubling(0.5, 30.0), lambda: 0.0)
    assert [backoff.next() for _ in range(3000)][-1] == 30.0


# Missing kinds and rights


async def test_a_kind_that_is_not_installed_counts_as_listed_and_is_looked_for() -> None:
    play = await played([Gone("no such kind")], [Gone("no such kind")], [NOTHING], kind=KONG_PLUGIN)
    assert play.clock.slept == [10.0, 10.0]
    assert play.notes.lines == ["KongPlugin missing"] * 2 + ["complete at 10:", "KongPlugin there"]
    assert play.informer.synced.is_set()


async def test_it_is_absent_only_while_it_is() -> None:
    play = await played([Gone("no such kind")])
    assert play.informer.absent
    assert not (await played([Gone("no such kind")], [NOTHING])).informer.absent


async def test_a_kind_that_is_removed_while_watched_is_listed_when_it_is_back() -> None:
    play = await played([listed(service("a"))], [Gone("no such kind")], [NOTHING])
    assert play.client.asked == ["list", "10", "list"]
    assert "Service missing" in play.notes.lines


async def test_a_missing_kind_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    await played([Gone("no")], [Gone("no")], [NOTHING], [Gone("no")], kind=KONG_PLUGIN)
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said == ["kongplugins.configuration.konghq.com is not installed in this cluster; looking for it every 10 s"] * 2


async def test_a_missing_permission_is_reported_after_a_second_attempt_and_no_longer_holds_back_the_start() -> None:
    play = Play([Refused("forbidden", 403)], kind=SECRET, namespace="ai")
    await play.to_the_end()
    assert (play.informer.synced.is_set(), play.informer.forbidden, play.clock.slept, play.notes.lines) == (False, False, [5.0], [])

    play = await played([Refused("forbidden", 403)], [Refused("forbidden", 403)], kind=SECRET, namespace="ai")
    assert (play.informer.synced.is_set(), play.informer.forbidden, play.clock.slept) == (True, True, [5.0, 30.0])
    assert play.notes.lines == ["Secret in ai forbidden"]


BROKEN_WEBHOOK = Transient("list HTTPRoute: conversion webhook for gateway.networking.k8s.io/v1: no endpoints available", status=500)
NO_ANSWER = Transient("list HTTPRoute: no answer from the API server (TimeoutError)")


def failing(error: Transient, *, optional: bool) -> Play:
    """An informer whose lists fail for more than a minute."""
    fails: list[list[Step]] = [[error] for _ in range(12)]
    return Play(*fails, kind=HTTP_ROUTE, optional=optional)


async def test_an_optional_kind_that_the_server_fails_to_list_holds_back_the_start_for_a_minute_only() -> None:
    play = await failing(BROKEN_WEBHOOK, optional=True).to_the_end()
    assert (play.informer.synced.is_set(), play.informer.forbidden) == (True, True)
    assert play.notes.lines[0] == "HTTPRoute forbidden"
    assert play.clock() - play.informer.last_activity <= 30.0


@pytest.mark.parametrize(
    ("error", "optional"), [(BROKEN_WEBHOOK, False), (NO_ANSWER, True)], ids=["a kind that all need", "a server that is away"]
)
async def test_otherwise_the_start_waits(error: Transient, optional: bool) -> None:  # noqa: FBT001
    play = await failing(error, optional=optional).to_the_end()
    assert (play.informer.synced.is_set(), play.notes.lines, play.informer.last_activity) == (False, [], 1000.0)


async def test_after_watches_that_fail_a_list_decides() -> None:
    fails: list[list[Step]] = [[BROKEN_WEBHOOK] for _ in range(8)]
    play = await played([NOTHING], *fails, [NOTHING], kind=HTTP_ROUTE, optional=True)
    assert play.client.asked == ["list", *["10"] * 8, "list"]
    assert "HTTPRoute forbidden" not in play.notes.lines


async def test_a_kind_that_can_be_listed_again_is_told() -> None:
    fails: list[list[Step]] = [[BROKEN_WEBHOOK] for _ in range(12)]
    play = await played(*fails, [NOTHING], kind=HTTP_ROUTE, optional=True)
    assert play.notes.lines[-3:] == ["complete at 10:", "HTTPRoute there", "HTTPRoute permitted"]
    assert not play.informer.forbidden


@pytest.mark.parametrize(("status", "remedy"), [(403, True), (405, False)])
async def test_a_role_is_asked_for_only_where_the_permission_is_missing(
    caplog: pytest.LogCaptureFixture,
    status: int,
    remedy: bool,  # noqa: FBT001
) -> None:
    refused: list[list[Step]] = [[Refused("list Service: refused", status)] for _ in range(3)]

    with caplog.at_level(logging.ERROR):
        await played(*refused)

    said = " ".join(record.getMessage() for record in caplog.records)
    assert "Service cannot be watched: list Service: refused" in said
    assert ("verbs: [list, watch]" in said) == remedy


async def test_a_permission_that_is_given_is_reported_after_the_list() -> None:
    refused: list[Step] = [Refused("forbidden", 403)]
    play = await played(refused, refused, [listed(service("a"))])
    assert play.notes.lines == ["Service forbidden", "listed a", "complete at 10: a", "Service there", "Service permitted"]
    assert not play.informer.forbidden


async def test_a_missing_permission_to_watch_is_reported_although_lists_succeed_and_ends_with_the_first_event() -> None:
    refused: list[Step] = [Refused("forbidden", 403)]
    play = await played([NOTHING], refused, [NOTHING], refused, [NOTHING], refused, [NOTHING], [bookmark(12), LONG])
    assert [line for line in play.notes.lines if "there" not in line and "complete" not in line] == [
        "Service forbidden",
        "Service forbidden",
        "Service permitted",
    ]
    assert play.clock.slept == [5.0, 30.0, 30.0]


async def test_a_permission_that_comes_with_the_second_attempt_is_not_reported() -> None:
    play = await played([Refused("forbidden", 403)], [NOTHING], [Refused("forbidden", 403)], [NOTHING])
    assert [line for line in play.notes.lines if "forbidden" in line] == []


async def test_a_permission_that_is_given_is_used() -> None:
    play = await played([Refused("forbidden", 403)], [NOTHING])
    assert play.informer.synced.is_set()


async def test_a_permission_that_is_taken_away_leads_to_a_new_list() -> None:
    play = await played([NOTHING], [Refused("forbidden", 403)], [NOTHING])
    assert play.client.asked == ["list", "10", "list"]


@pytest.mark.parametrize(
    ("namespace", "scope"), [(None, "a ClusterRole"), ("ai", "a Role in namespace ai")], ids=["everywhere", "one namespace"]
)
async def test_a_missing_permission_is_said_once_with_the_rule_that_helps(
    namespace: str | None, scope: str, caplog: pytest.LogCaptureFixture
) -> None:
    refused: list[list[Step]] = [[Refused("forbidden", 403)] for _ in range(4)]
    await played(*refused, kind=KONG_PLUGIN, namespace=namespace)
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert f"{scope} with the rule {{apiGroups: ['configuration.konghq.com'], resources: [kongplugins], verbs: [list, watch]}}" in said


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([[NOTHING]], 1000.0),
        ([[NOTHING], [LONG, bookmark(12), LONG, Transient("cut")]], 1060.0),
        ([[5.0, Refused("forbidden", 403)]], 1005.0),
        ([[5.0, Gone("no such kind")]], 1005.0),
        ([[NOTHING], [LONG, Expired("too old")]], 1060.0),
        ([[5.0, Transient("no answer")]], 1000.0),
    ],
    ids=["list", "event", "refusal", "missing kind", "expiry", "no answer"],
)
async def test_the_server_was_last_heard_of_when_it_last_answered(script: list[list[Step]], expected: float) -> None:
    assert (await played(*script)).informer.last_activity == expected


async def test_a_bug_in_the_sink_is_not_swallowed() -> None:
    play = Play([listed({"metadata": {}})])
    with pytest.raises(KeyError):
        await play.informer.run()


# Into the store


class Woken(list[tuple[Lane, frozenset[ObjectKey]]]):
    """The keys that a feed requeued, one set for each change."""

    def __call__(self, keys: frozenset[ObjectKey], lane: Lane, _delay: float) -> None:
        self.append((lane, keys))


def feed_of(*objects: Manifest) -> tuple[Feed, Woken]:
    woken = Woken()
    feed = Feed(Cache(), woken, lambda _: None)
    for raw in objects:
        feed.cache.observe(raw)
    return feed, woken


async def test_what_a_list_does_not_show_is_deleted_and_wakes_who_refers_to_it() -> None:
    feed, woken = feed_of(binding(), secret(version=3))
    client = Scripted(Clock(), [listed(secret("unrelated"), at="10")])
    assert await relist(client, SECRET, None, feed) == "10"
    assert (feed.cache.value(FIDDLER, dict), woken) == (None, [(Lane.BACKGROUND, frozenset({ASSISTANT}))])


async def test_a_list_that_fails_deletes_nothing() -> None:
    feed, woken = feed_of(binding(), secret(version=3))
    client = Scripted(Clock(), [NOTHING, Transient("cut")])
    with pytest.raises(Transient):
        await relist(client, SECRET, None, feed)
    assert (feed.cache.value(FIDDLER, dict), woken) == ({"api-key": b"the-key"}, [])


def test_changes_that_concern_nobody_wake_nobody() -> None:
    feed, woken = feed_of(binding())
    feed.event(SECRET, "ADDED", secret("unrelated"))
    feed.installed(SECRET, installed=True)
    feed.observe(secret())
    feed.installed(KONG_PLUGIN, installed=False)
    assert woken == [(Lane.URGENT, frozenset({ASSISTANT})), (Lane.BACKGROUND, frozenset({ASSISTANT}))]


def test_what_a_list_shows_can_wait_but_not_what_a_watch_tells() -> None:
    feed, woken = feed_of(binding())
    feed.event(SECRET, None, secret(version=3))
    feed.event(SECRET, "MODIFIED", secret(value=b"another", version=4))
    assert woken == [(Lane.BACKGROUND, frozenset({ASSISTANT})), (Lane.URGENT, frozenset({ASSISTANT}))]


def test_an_object_that_cannot_be_read_hides_no_other_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    bugs: list[str] = []
    feed = Feed(Cache(), Woken(), bugs.append)
    feed.cache.observe(binding())
    broken = {**secret(), "data": ["no mapping"]}

    feed.event(SECRET, "ADDED", broken)
    feed.event(SECRET, "ADDED", secret())

    assert (feed.cache.value(FIDDLER, dict), bugs) == ({"api-key": b"the-key"}, ["Secret"])
    assert [record.message for record in caplog.records] == [
        "Secret ai/fiddler: a bug in the operator, please report it; the object is not seen"
    ]


async def test_an_optional_kind_that_is_missing_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await played([Gone("no")], kind=KONG_PLUGIN, optional=True)
    assert [record.levelno for record in caplog.records if "is not installed" in record.getMessage()] == [logging.INFO]
