"""The texts inside `gen_ai.input.messages` and `gen_ai.output.messages`.

Both are JSON lists. Two forms are in use: the providers' `{role, content}` and the OpenTelemetry GenAI conventions' `{role, parts: [{type,
content}]}`. The form depends on the gateway's version, so this module reads both. It also reads content that is a list of parts, a
provider's `{message: {...}}` choices, a single message instead of a list, and text that is not JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from .spans import Value

__all__ = ["Message", "assistant_text", "parse_messages", "system_text", "user_text"]

_MAX_DEPTH = 8
_SYSTEM_ROLES = ("system", "developer")
_ASSISTANT_ROLES = ("assistant", "model")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its text and its `role` in lower case, "" where it has none."""

    role: str
    text: str


def parse_messages(value: Value) -> tuple[Message, ...]:
    """The messages with text in an attribute's value, in order. It never fails: text that is not JSON is one message."""
    return tuple(message for message in _messages(_load(value)) if message.text)


def system_text(messages: tuple[Message, ...]) -> str:
    """The first system message."""
    return next((message.text for message in messages if message.role in _SYSTEM_ROLES), "")


def user_text(messages: tuple[Message, ...]) -> str:
    """The last user message. Text without a role counts as one."""
    return next((message.text for message in reversed(messages) if message.role in ("user", "")), "")


def assistant_text(messages: tuple[Message, ...]) -> str:
    """The last assistant message. Text without a role counts as one."""
    return next((message.text for message in reversed(messages) if message.role in (*_ASSISTANT_ROLES, "")), "")


def _load(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    try:
        loaded: Value = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return loaded if isinstance(loaded, list | dict) else value


def _messages(value: Value) -> Iterator[Message]:
    for item in value if isinstance(value, list) else [value]:
        inner = item.get("message", item) if isinstance(item, dict) else item
        if isinstance(inner, dict):
            role = inner.get("role")
            yield Message(role.lower() if isinstance(role, str) else "", _text(inner))
        elif isinstance(inner, str):
            yield Message("", inner)


def _text(value: Value, depth: int = 0) -> str:
    """All text of a message's content, one line for each part. Images, audio and tool calls have no text."""
    if isinstance(value, str):
        return value
    if depth >= _MAX_DEPTH:
        return ""
    if isinstance(value, list):
        return "\n".join(text for text in (_text(item, depth + 1) for item in value) if text)
    if isinstance(value, dict) and value.get("type", "text") in ("text", "input_text", "output_text", "message"):
        return next((text for key in ("content", "parts", "text") if (text := _text(value.get(key), depth + 1))), "")
    return ""
