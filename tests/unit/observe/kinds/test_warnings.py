from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.warnings import MESSAGE_LIMIT, REPEAT, reduce_warning
from fiddler_kong_operator.plan.snapshot import KongWarning
from fiddler_kong_operator.plan.status.warnings import GRACE
from tests.unit.observe.changes import NONE, cache_with, changed, deleted, written
from tests.unit.observe.objects import ASSISTANT, binding, ingress, key, ours, plugin, service, warning

MIDNIGHT = 1767225600.0
"""2026-01-01T00:00:00Z."""
OWN = ours(plugin("assistant-opentelemetry", type_="opentelemetry"))


def reduced(raw: Manifest) -> KongWarning:
    return reduce_warning(ObjectKey("Event", "ai", "event"), raw)


# Reduction


@pytest.mark.parametrize("kind", ["KongPlugin", "Ingress", "Pod"])
def test_a_warning_keeps_its_object_reason_message_and_time(kind: str) -> None:
    expected = KongWarning(ObjectKey(kind, "ai", "x"), "KongConfigurationTranslationFailed", "no such field", MIDNIGHT + 61)
    assert reduced(warning("x", seconds=61, message="no such field", kind=kind)) == expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["2026-01-01T00:00:01Z", "2026-01-01T00:00:03Z", None], MIDNIGHT + 3),
        ([], MIDNIGHT),
        (["0000-12-31T23:59:59Z"], MIDNIGHT),
    ],
    ids=["repeated", "never repeated", "made up, in a year that only Go knows"],
)
def test_the_time_of_a_warning_is_when_the_api_server_stored_it_whatever_the_clock_of_its_poster_says(
    times: list[str | None], expected: float
) -> None:
    metadata = {"name": "event", "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [{"time": time} for time in times]}
    assert (
        reduced({"metadata": metadata, "lastTimestamp": "2026-01-01T09:00:00Z", "eventTime": "2026-01-01T09:00:00Z"}).last_seen == expected
    )


def test_of_a_long_message_the_beginning_is_kept() -> None:
    assert reduced(warning("x", message="y" * 1_000_000)).message == "y" * MESSAGE_LIMIT


# Triggers


def complained(*warnings: Manifest, beside: tuple[Manifest, ...] = (OWN,)) -> list[frozenset[ObjectKey]]:
    cache = cache_with(binding(), *beside)
    return [cache.observe(raw) for raw in warnings]


def about(version: int, seconds: float, **more: Any) -> Manifest:
    return warning("assistant-opentelemetry", version, seconds, **more)


def test_a_binding_is_requeued_by_the_first_warning() -> None:
    assert complained(about(1, 0)) == [{ASSISTANT}]


def test_repetitions_requeue_nothing_for_a_while() -> None:
    times = (0, 3, REPEAT - 1, REPEAT + 1)
    found = complained(*(about(version, seconds) for version, seconds in enumerate(times, start=1)))
    assert found == [{ASSISTANT}, NONE, NONE, {ASSISTANT}]


def test_the_same_event_again_requeues_nothing() -> None:
    assert complained(about(1, 0), about(2, 0)) == [{ASSISTANT}, NONE]


def test_another_message_requeues_at_once() -> None:
    assert complained(about(1, 0), about(2, 1, message="another")) == [{ASSISTANT}, {ASSISTANT}]


WRITTEN = "2026-01-01T00:00:02Z"
TARGET = service("chat", 5, plugins="assistant-opentelemetry")


@pytest.mark.parametrize(
    "beside", [(written(OWN, 5, WRITTEN),), (OWN, written(TARGET, 5, WRITTEN))], ids=["the plugin", "a list that names it"]
)
def test_a_repetition_after_a_write_requeues_once_kong_had_time_to_see_it(beside: tuple[Manifest, ...]) -> None:
    before, after = about(2, 2 + GRACE - 1), about(3, 2 + GRACE)
    assert complained(about(1, 0), before, after, beside=beside) == [{ASSISTANT}, NONE, {ASSISTANT}]


def test_an_event_that_expires_requeues_its_binding() -> None:
    assert deleted(binding(), OWN, about(1, 0), then=about(1, 0)) == {ASSISTANT}


def test_a_warning_that_turns_to_another_plugin_requeues_both_owners() -> None:
    other = ours(plugin("bot-opentelemetry"), "bot")
    found = changed(binding(), binding("bot"), OWN, other, about(1, 0), then=warning("bot-opentelemetry", 2))
    assert found == {ASSISTANT, key(binding("bot"))}


@pytest.mark.parametrize("kind", ["Service", "Ingress"])
def test_a_warning_about_what_the_binding_is_attached_to_requeues_it(kind: str) -> None:
    target = TARGET if kind == "Service" else ingress("chat", 5, plugins="assistant-opentelemetry")
    assert changed(binding(), OWN, target, then=warning("chat", kind=kind)) == {ASSISTANT}


@pytest.mark.parametrize("raw", [service("assistant-openai"), ingress("assistant-openai")], ids=lambda raw: raw["kind"])
def test_a_warning_about_an_object_of_the_binding_requeues_it(raw: Manifest) -> None:
    assert changed(binding(), ours(raw), then=warning("assistant-openai", kind=raw["kind"])) == {ASSISTANT}


@pytest.mark.parametrize("kind", ["Pod", "HTTPRoute"])
def test_a_warning_about_an_object_that_is_not_watched_requeues_nothing(kind: str) -> None:
    assert changed(binding(), then=warning("chat", kind=kind)) == NONE


def test_warnings_about_other_plugins_requeue_nothing() -> None:
    assert changed(binding(), plugin(), then=warning("rate-limit")) == NONE
