"""Cohere: `/v1/chat` with one message and a history, from Kong 3.14 `/v2/chat` with a list of messages. It counts billed tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from yarl import URL

from .contract import Driver, Target, completion

__all__ = ["COHERE"]

_SECOND_VERSION_SINCE: Final = (3, 14)
_KEPT: Final = {"model": "model", "max_tokens": "max_tokens", "temperature": "temperature", "top_p": "p", "top_k": "k"}


def _is_second(target: Target) -> bool:
    return target.version >= _SECOND_VERSION_SINCE


def _url(target: Target) -> URL | None:
    if target.route_type != "llm/v1/chat":
        return None
    return URL(f"https://api.cohere.com/v{2 if _is_second(target) else 1}/chat")


def _ask(body: Mapping[str, Any], target: Target) -> Mapping[str, Any]:
    kept = {new: body[old] for old, new in _KEPT.items() if body.get(old) is not None}
    *earlier, last = body.get("messages") or [{}]
    if _is_second(target):
        return {**kept, "messages": [*earlier, last], "stream": False}
    history = [{"role": "CHATBOT" if m.get("role") == "assistant" else "USER", "message": m.get("content")} for m in earlier]
    return {**kept, **({"chat_history": history} if history else {}), "message": last.get("content"), "stream": False}


def _read(answer: Mapping[str, Any], target: Target) -> Mapping[str, Any]:
    second = "message" in answer
    text = "".join(part.get("text", "") for part in answer["message"]["content"]) if second else answer["text"]
    units = answer["usage" if second else "meta"]["billed_units"]
    identity, reason = (answer["id"], answer["finish_reason"]) if second else (answer["generation_id"], "stop")
    return completion(text, target.model, reason, (units["input_tokens"], units["output_tokens"]), identity)


COHERE: Final = Driver("cohere", _url, ask=_ask, read=_read)
