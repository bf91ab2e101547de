from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.inflight import InFlightWrites
from fiddler_kong_operator.plan.kinds import BINDING, KINDS, KONG_PLUGIN
from fiddler_kong_operator.plan.objects.digest import content_digest
from tests.unit.observe.changes import NONE, cache_with
from tests.unit.observe.objects import ASSISTANT, EXPOSED, GATEWAY, at, binding, key, ours, plugin, spec

OWN = ours(plugin("assistant-opentelemetry", type_="opentelemetry"))
WRITTEN_STATUS = {"routes": "1/1"}


def seen_while_writing(*events: Manifest, wanted: Manifest = OWN) -> list[frozenset[ObjectKey]]:
    """The keys that each event requeues while `wanted` is being written for `assistant`."""
    cache = cache_with(binding())
    with cache.in_flight.writing(key(wanted), content_digest(wanted), ASSISTANT):
        return [cache.apply_event(KINDS[event["kind"]], "ADDED", event) for event in events]


def test_the_event_of_a_write_before_its_answer_does_not_requeue_the_author() -> None:
    assert seen_while_writing(OWN) == [NONE]


def test_a_change_by_another_client_meanwhile_requeues_the_author() -> None:
    assert seen_while_writing(OWN, at(OWN, 2, config={"minute": 6})) == [NONE, {ASSISTANT}]


def test_an_object_that_is_not_being_written_requeues_its_owner() -> None:
    assert seen_while_writing(OWN, wanted=ours(plugin("assistant-pre-function"))) == [{ASSISTANT}]


def test_the_deletion_of_the_object_requeues_the_author() -> None:
    cache = cache_with(binding())
    with cache.in_flight.writing(key(OWN), content_digest(OWN), ASSISTANT):
        cache.apply_event(KONG_PLUGIN, "ADDED", OWN)
        assert cache.apply_event(KONG_PLUGIN, "DELETED", at(OWN, 2)) == {ASSISTANT}


def test_an_event_after_the_write_requeues_the_owner() -> None:
    cache = cache_with(binding())
    with cache.in_flight.writing(key(OWN), content_digest(OWN), ASSISTANT):
        pass
    assert cache.apply_event(KONG_PLUGIN, "ADDED", OWN) == {ASSISTANT}


def test_a_write_that_fails_is_no_longer_expected() -> None:
    writes = InFlightWrites()
    with pytest.raises(OSError, match="no answer"), writes.writing(key(OWN), b"content", ASSISTANT):
        raise OSError("no answer")
    assert writes.authors_of(key(OWN), b"content") == NONE


# Two bindings that write the same object


def test_two_bindings_may_write_the_same_object_at_once_and_end_in_any_order() -> None:
    writes, other = InFlightWrites(), key(binding("a-b"))

    def authors() -> list[frozenset[ObjectKey]]:
        return [writes.authors_of(key(OWN), content) for content in (b"1", b"2")]

    first, second = writes.writing(key(OWN), b"1", ASSISTANT), writes.writing(key(OWN), b"2", other)
    first.__enter__()
    second.__enter__()
    assert authors() == [{ASSISTANT}, {other}]
    first.__exit__(None, None, None)
    assert authors() == [NONE, {other}]
    second.__exit__(None, None, None)
    assert authors() == [NONE, NONE]


def test_the_event_of_one_of_two_writes_requeues_the_other_author() -> None:
    one, other = (binding(name, spec_=spec({**EXPOSED, "name": route})) for name, route in (("a", "b-c"), ("a-b", "c")))
    cache = cache_with(one, other)
    first, second = (ours(plugin("a-b-c-ai-proxy"), owner["metadata"]["name"]) for owner in (one, other))
    with (
        cache.in_flight.writing(key(first), content_digest(first), key(one)),
        cache.in_flight.writing(key(second), content_digest(second), key(other)),
    ):
        assert cache.apply_event(KONG_PLUGIN, "ADDED", first) == {key(other)}


# Statuses


def while_writing_status(cache: Cache, *events: Manifest) -> list[frozenset[ObjectKey]]:
    with cache.in_flight.writing(ASSISTANT, WRITTEN_STATUS, ASSISTANT):
        return [cache.apply_event(BINDING, "MODIFIED", event) for event in events]


def test_the_event_of_our_status_write_before_its_answer_does_not_requeue_the_binding() -> None:
    assert while_writing_status(cache_with(binding()), at(binding(), 2, status=WRITTEN_STATUS)) == [NONE]


def test_another_status_than_the_one_being_written_requeues_the_binding() -> None:
    assert while_writing_status(cache_with(binding()), at(binding(), 2, status={"routes": "0/1"})) == [{ASSISTANT}]


def test_an_edit_seen_before_the_answer_to_our_status_write_requeues_the_binding() -> None:
    edited = {**binding(version=3, generation=2), "status": WRITTEN_STATUS}
    found = while_writing_status(cache_with(binding()), at(binding(), 2, status=WRITTEN_STATUS), edited)
    assert found == [NONE, {ASSISTANT, GATEWAY}]


def test_an_edit_and_our_status_in_one_event_requeue_the_binding() -> None:
    """A watch that falls behind may show only the last of several versions, as a list always does."""
    edited = {**binding(version=3, generation=2), "status": WRITTEN_STATUS}
    assert while_writing_status(cache_with(binding()), edited) == [{ASSISTANT, GATEWAY}]
