from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiddler_kong_sink.messages import assistant_text, parse_messages, system_text, user_text

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "parts", "type", "message"]), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([{"role": "user", "content": "Hi"}], id="content"),
        pytest.param([{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}], id="parts of the GenAI conventions"),
        pytest.param([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], id="content parts"),
        pytest.param([{"role": "user", "content": [{"type": "image_url", "image_url": {}}, {"type": "text", "text": "Hi"}]}], id="picture"),
        pytest.param([{"role": "user", "parts": [{"text": "Hi"}]}], id="parts without a type"),
        pytest.param({"role": "user", "content": "Hi"}, id="a single message"),
        pytest.param([{"role": "User", "content": "Hi"}], id="role in another case"),
        pytest.param(["Hi"], id="texts"),
    ],
)
def test_user_text_is_found_in_each_form(value: Any) -> None:
    assert user_text(parse_messages(json.dumps(value))) == "Hi"
    assert user_text(parse_messages(value)) == "Hi"


def test_text_that_is_no_json_is_the_message() -> None:
    assert user_text(parse_messages("Hi [there")) == "Hi [there"


@pytest.mark.parametrize("text", ["42", '"Hi"', "null"])
def test_json_that_is_no_list_is_plain_text(text: str) -> None:
    assert user_text(parse_messages(text)) == text


def test_parts_stand_on_lines_of_their_own() -> None:
    value = [{"role": "user", "parts": [{"type": "text", "content": "one"}, {"type": "text", "content": "two"}]}]

    assert user_text(parse_messages(json.dumps(value))) == "one\ntwo"


@pytest.mark.parametrize(
    "value",
    [
        [{"role": "assistant", "content": "Paris."}],
        [{"index": 0, "message": {"role": "assistant", "content": "Paris."}}],
        [{"role": "model", "parts": [{"text": "Paris."}]}],
        [{"role": "assistant", "parts": [{"type": "text", "content": "Paris."}], "finish_reason": "stop"}],
    ],
)
def test_assistant_text_is_found_in_each_form(value: Any) -> None:
    assert assistant_text(parse_messages(json.dumps(value))) == "Paris."


def test_assistant_message_with_only_tool_calls_has_no_text() -> None:
    value = [{"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f"}}]}]

    assert assistant_text(parse_messages(json.dumps(value))) == ""


def test_developer_messages_are_system_messages() -> None:
    assert system_text(parse_messages('[{"role": "developer", "content": "Be brief."}]')) == "Be brief."


def test_absent_attribute_has_no_messages() -> None:
    assert parse_messages(None) == ()


def test_deep_nesting_is_survived() -> None:
    parse_messages("[" * 100_000)
    nested: Any = "Hi"
    for _ in range(500):
        nested = [nested]

    assert user_text(parse_messages([{"role": "user", "content": nested}])) == ""


@given(JSON_VALUES)
def test_nothing_makes_the_parser_fail(value: Any) -> None:
    for parsed in (parse_messages(value), parse_messages(json.dumps(value))):
        assert all(message.text for message in parsed)
