from __future__ import annotations

from typing import Any, ClassVar

import pytest
from pydantic import TypeAdapter, ValidationError

from fiddler_kong_operator.api.durations import Duration, milliseconds
from fiddler_kong_operator.api.rules import Rule
from fiddler_kong_operator.api.types import ApiModel, HeaderName, LabelName, ModelName, ObjectName, RouteName, SecretKey
from fiddler_kong_operator.api.violations import violations


class Pair(ApiModel):
    """Two numbers."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("self.low <= self.highEnd", "must not exceed highEnd", lambda p: p.low <= p.high_end, field="low"),
    )

    low: int = 0
    """The lower one,
    over two lines."""

    high_end: int
    """The higher one."""


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (LabelName, ["a", "kong", "a-1", "1a", "a" * 63], ["", "A", "-a", "a-", "a.b", "a" * 64, "a\n", "$(x)"]),
        (RouteName, ["openai", "r-1", "a" * 20], ["", "a" * 21, "a_b", "Chat"]),
        (ObjectName, ["kong-gateway", "a.b-c", "a" * 253], ["", "a..-", ".a", "A", "a/b", "a" * 254]),
        (SecretKey, ["api-key", "API_KEY", ".dockerconfigjson", "a" * 253], ["", "a/b", "a b", "a" * 254]),
        (HeaderName, ["X-Fiddler-Conversation-Id", "a"], ["", "1a", "X_Y", 'X-"]', "X-A\r\nB", "X A", "a" * 65]),
        (Duration, ["1ms", "30s", "1h30m", "596h"], ["", "0s", "597h", "10", "10 m", "1.5s", "-1s", "1d", "1m\n"]),
        (ModelName, ["gpt-4o-mini", "meta/llama-3:8b", "ft:gpt-4o@2024+x"], ["", "-a", "$(headers.x)", 'a"b', "a b", "a" * 257]),
    ],
    ids=["LabelName", "RouteName", "ObjectName", "SecretKey", "HeaderName", "Duration", "ModelName"],
)
def test_what_may_stand_in_a_string(kind: Any, good: list[str], bad: list[str]) -> None:
    adapter = TypeAdapter[str](kind)

    assert good == [adapter.validate_python(text) for text in good]
    assert bad == [text for text in bad if not _accepts(adapter, text)]


def _accepts(adapter: TypeAdapter[str], text: str) -> bool:
    try:
        adapter.validate_python(text)
    except ValidationError:
        return False
    return True


def test_a_model_takes_the_names_of_the_wire_and_of_python_and_gives_those_of_the_wire() -> None:
    assert Pair.model_validate({"low": 1, "highEnd": 2}) == Pair(low=1, high_end=2)
    assert Pair(low=1, high_end=2).model_dump(by_alias=True) == {"low": 1, "highEnd": 2}


def test_a_model_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Pair(high_end=1).low = 2  # type: ignore[misc]


def test_a_broken_rule_is_refused_with_its_field_and_message() -> None:
    with pytest.raises(ValidationError) as refusal:
        Pair(low=2, high_end=1)

    assert violations(refusal.value) == ["spec.low: must not exceed highEnd"]


@pytest.mark.parametrize(
    ("text", "expected"), [("1ms", 1), ("10m", 600_000), ("1m30s", 90_000), ("596h", 2_145_600_000), ("5m5ms", 300_005)]
)
def test_a_duration_in_milliseconds(text: str, expected: int) -> None:
    assert milliseconds(TypeAdapter[str](Duration).validate_python(text)) == expected


def test_a_field_s_docstring_is_its_description() -> None:
    assert Pair.model_json_schema()["properties"]["highEnd"]["description"] == "The higher one."
