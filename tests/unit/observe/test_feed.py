from __future__ import annotations

import logging

import pytest

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.kinds.workloads import MOMENT
from fiddler_kong_operator.plan.kinds import BINDING, DEPLOYMENT, KONG_PLUGIN, SECRET
from tests.unit.observe.objects import ASSISTANT, FIDDLER, GATEWAY, at, binding, deployment, key, ours, plugin, secret

OWN = ours(plugin("assistant-opentelemetry"))
UNFORESEEN = {**secret("fiddler", 2), "data": ["not", "a", "map"]}
"""An object that the API server never shows: the reduction of a Secret cannot take it."""


class Fed:
    """A feed with what it requeued and the kinds it reported bugs of."""

    def __init__(self, *seen: Manifest) -> None:
        self.requeued: list[tuple[frozenset[ObjectKey], Lane]] = []
        self.delays: list[float] = []
        self.bugs: list[str] = []
        self.cache = Cache()
        for raw in seen:
            self.cache.observe(raw)
        self.feed = Feed(self.cache, self._requeue, self.bugs.append)

    def _requeue(self, keys: frozenset[ObjectKey], lane: Lane, delay: float) -> None:
        self.requeued.append((keys, lane))
        self.delays.append(delay)


@pytest.mark.parametrize(
    ("event_type", "lane"),
    [(None, Lane.BACKGROUND), ("ADDED", Lane.URGENT), ("MODIFIED", Lane.URGENT), ("DELETED", Lane.URGENT)],
)
def test_listed_objects_go_to_the_background_and_changes_do_not(event_type: str | None, lane: Lane) -> None:
    fed = Fed(binding(), secret())
    fed.feed.event(SECRET, event_type, secret(version=2, value=b"new"))
    assert fed.requeued == [(frozenset({ASSISTANT}), lane)]


def test_a_gateway_that_loses_its_pods_wakes_its_bindings_in_the_background_and_after_a_moment() -> None:
    fed = Fed(binding(), deployment())
    raw = deployment(2)
    fed.feed.event(DEPLOYMENT, "MODIFIED", {**raw, "status": {**raw["status"], "availableReplicas": 0}})
    fed.feed.event(DEPLOYMENT, "MODIFIED", deployment(3))
    fed.feed.event(DEPLOYMENT, "MODIFIED", deployment(4, {"name": "KONG_UNTRUSTED_LUA", "value": "off"}))

    woken = frozenset({ASSISTANT, GATEWAY})
    assert fed.requeued == [(woken, Lane.BACKGROUND), (woken, Lane.BACKGROUND), (woken, Lane.URGENT)]
    assert fed.delays == [MOMENT, 0.0, 0.0]


def test_the_first_list_of_bindings_goes_to_the_background() -> None:
    fed = Fed()
    fed.feed.event(BINDING, None, binding())
    assert fed.requeued == [(frozenset({ASSISTANT, GATEWAY}), Lane.BACKGROUND)]


def test_a_change_that_concerns_no_key_requeues_nothing() -> None:
    fed = Fed(binding(), secret())
    fed.feed.event(SECRET, "MODIFIED", secret(version=2))
    assert fed.requeued == []


def test_the_end_of_a_list_goes_to_the_background() -> None:
    fed = Fed(binding(), secret())
    fed.feed.relisted(SECRET, None, frozenset(), "10")
    assert (fed.requeued, fed.cache.lookup(FIDDLER)) == ([(frozenset({ASSISTANT}), Lane.BACKGROUND)], None)


def test_a_kind_that_is_not_installed_goes_to_the_background() -> None:
    fed = Fed(binding())
    fed.feed.installed(KONG_PLUGIN, installed=False)
    assert (fed.requeued, fed.cache.installed(KONG_PLUGIN)) == ([(frozenset({ASSISTANT}), Lane.BACKGROUND)], False)


def test_a_bug_is_reported_with_its_kind_and_the_next_event_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    fed = Fed(binding(), secret())
    with caplog.at_level(logging.ERROR):
        fed.feed.event(SECRET, "MODIFIED", UNFORESEEN)
    assert (fed.bugs, fed.requeued) == (["Secret"], [])
    assert "Secret ai/fiddler" in caplog.text
    fed.feed.event(SECRET, "MODIFIED", secret(version=3, value=b"new"))
    assert fed.requeued == [(frozenset({ASSISTANT}), Lane.URGENT)]
    assert fed.cache.lookup(FIDDLER) == {"api-key": b"new"}


@pytest.mark.parametrize(("author", "expected"), [(None, {ASSISTANT}), (ASSISTANT, set()), (GATEWAY, {ASSISTANT})])
def test_an_answer_does_not_requeue_the_author_of_its_request(author: ObjectKey | None, expected: set[ObjectKey]) -> None:
    fed = Fed(binding())
    fed.feed.observe(OWN, author)
    assert frozenset().union(*(keys for keys, _ in fed.requeued)) == expected
    assert fed.cache.child(key(OWN)) is not None


@pytest.mark.parametrize(("author", "expected"), [(None, {ASSISTANT}), (ASSISTANT, set())])
def test_a_deletion_that_was_found_does_not_requeue_its_finder(author: ObjectKey | None, expected: set[ObjectKey]) -> None:
    fed = Fed(binding(), OWN)
    fed.feed.gone(key(OWN), OWN["metadata"]["uid"], author)
    assert frozenset().union(*(keys for keys, _ in fed.requeued)) == expected
    assert fed.cache.child(key(OWN)) is None


def test_drift_is_urgent_wherever_it_is_found() -> None:
    fed = Fed(binding(), OWN)
    fed.feed.observe(at(OWN, 2, config={"drifted": True}))
    assert fed.requeued == [(frozenset({ASSISTANT}), Lane.URGENT)]
