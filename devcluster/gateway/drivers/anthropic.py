"""Anthropic: the messages API; the system prompt on its own, a version in a header. Without `max_tokens` Anthropic refuses the call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from yarl import URL

from .contract import Driver, Target, completion, separate_system

__all__ = ["ANTHROPIC"]

_KEPT: Final = ("model", "max_tokens", "temperature")


def _ask(body: Mapping[str, Any], _: Target) -> Mapping[str, Any]:
    system, messages = separate_system(body)
    kept = {name: body[name] for name in _KEPT if body.get(name) is not None}
    return {**kept, **({"system": system} if system else {}), "messages": messages, "stream": False}


def _read(answer: Mapping[str, Any], _: Target) -> Mapping[str, Any]:
    text = "\n".join(part.get("text", "") for part in answer["content"])
    usage = answer["usage"]
    return completion(text, answer["model"], answer["stop_reason"], (usage["input_tokens"], usage["output_tokens"]))


ANTHROPIC: Final = Driver(
    name="anthropic",
    url=lambda target: URL("https://api.anthropic.com/v1/messages") if target.route_type == "llm/v1/chat" else None,
    ask=_ask,
    read=_read,
    headers=lambda target: {"anthropic-version": target.options["anthropic_version"]},
)
