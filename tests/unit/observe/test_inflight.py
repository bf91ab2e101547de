from __future__ import annotations

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.plan.kinds import KINDS
from fiddler_kong_operator.plan.objects.digest import content_digest
from tests.unit.observe.objects import ASSISTANT, at, binding, key, ours, plugin

OWN = ours(plugin("assistant-opentelemetry", type_="opentelemetry"))


def seen_while_writing(*events: Manifest, wanted: Manifest = OWN) -> list[frozenset[ObjectKey]]:
    """Whom each event concerns while `wanted` is being written for `assistant`."""
    cache = Cache()
    cache.observe(binding())
    with cache.expected.writing(key(wanted), content_digest(wanted), ASSISTANT):
        return [cache.apply_event(event["kind"], "ADDED", event) for event in events]


def test_the_event_of_a_write_that_is_not_answered_yet_does_not_wake_its_author() -> None:
    assert seen_while_writing(OWN) == [frozenset()]


def test_what_somebody_else_makes_of_it_meanwhile_does() -> None:
    assert seen_while_writing(OWN, at(OWN, 2, config={"minute": 6})) == [frozenset(), {ASSISTANT}]


def test_an_object_that_is_not_being_written_does() -> None:
    assert seen_while_writing(OWN, wanted=ours(plugin("assistant-pre-function"))) == [{ASSISTANT}]


def test_its_deletion_does() -> None:
    cache = Cache()
    cache.observe(binding())
    with cache.expected.writing(key(OWN), content_digest(OWN), ASSISTANT):
        cache.apply_event(KINDS["KongPlugin"], "ADDED", OWN)
        assert cache.apply_event(KINDS["KongPlugin"], "DELETED", at(OWN, 2)) == {ASSISTANT}


def test_afterwards_it_is_drift_again() -> None:
    cache = Cache()
    cache.observe(binding())
    with cache.expected.writing(key(OWN), content_digest(OWN), ASSISTANT):
        pass
    assert cache.apply_event(KINDS["KongPlugin"], "ADDED", OWN) == {ASSISTANT}
