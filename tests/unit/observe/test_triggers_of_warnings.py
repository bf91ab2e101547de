from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.status.programming import GRACE
from tests.unit.observe.changes import NOBODY, cache_with, changed, deleted, written
from tests.unit.observe.objects import ASSISTANT, binding, ours, plugin, service, warning

OWN = ours(plugin("assistant-opentelemetry", type_="opentelemetry"))


def complained(*warnings: Manifest, beside: tuple[Manifest, ...] = (OWN,)) -> list[frozenset[ObjectKey]]:
    cache = cache_with(binding(), *beside)
    return [cache.observe(raw) for raw in warnings]


def about(version: int, seconds: float, **more: Any) -> Manifest:
    return warning("assistant-opentelemetry", version, seconds, **more)


def test_a_binding_is_woken_by_kongs_first_complaint() -> None:
    assert complained(about(1, 0)) == [{ASSISTANT}]


def test_repetitions_wake_nobody_for_a_while() -> None:
    assert complained(about(1, 0), about(2, 3), about(3, 29), about(4, 31)) == [{ASSISTANT}, NOBODY, NOBODY, {ASSISTANT}]


def test_the_same_event_again_is_no_news() -> None:
    assert complained(about(1, 0), about(2, 0)) == [{ASSISTANT}, NOBODY]


def test_another_message_is_news_at_once() -> None:
    assert complained(about(1, 0), about(2, 1, message="another")) == [{ASSISTANT}, {ASSISTANT}]


WRITTEN = "2026-01-01T00:00:02Z"
TARGET = service("chat", 5, plugins="assistant-opentelemetry")


@pytest.mark.parametrize(
    "beside", [(written(OWN, 5, WRITTEN),), (OWN, written(TARGET, 5, WRITTEN))], ids=["the plugin", "a list that names it"]
)
def test_a_repetition_after_a_write_is_news_once_kong_had_time_to_see_it(beside: tuple[Manifest, ...]) -> None:
    before, after = about(2, 2 + GRACE - 1), about(3, 2 + GRACE)
    assert complained(about(1, 0), before, after, beside=beside) == [{ASSISTANT}, NOBODY, {ASSISTANT}]


def test_an_event_that_expires_wakes_its_binding() -> None:
    assert deleted(binding(), OWN, about(1, 0), then=about(1, 0)) == {ASSISTANT}


def test_complaints_about_other_peoples_plugins_concern_nobody() -> None:
    assert changed(binding(), plugin(), then=warning("rate-limit")) == NOBODY
