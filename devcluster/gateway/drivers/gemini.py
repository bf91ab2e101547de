"""Gemini on Google AI Studio: the model in the path, the system prompt on its own. Vertex AI is left out: it needs Google's tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from yarl import URL

from .contract import Driver, Target, completion, separate_system

__all__ = ["GEMINI"]

_SETTINGS: Final = {"max_tokens": "maxOutputTokens", "temperature": "temperature", "top_p": "topP", "top_k": "topK"}


def _url(target: Target) -> URL | None:
    if target.route_type != "llm/v1/chat" or target.part("gemini"):
        return None
    return URL(f"https://generativelanguage.googleapis.com/v1beta/models/{target.model}:generateContent")


def _ask(body: Mapping[str, Any], _: Target) -> Mapping[str, Any]:
    system, messages = separate_system(body)
    contents = [{"role": "model" if m.get("role") == "assistant" else "user", "parts": [{"text": m.get("content")}]} for m in messages]
    settings = {new: body[old] for old, new in _SETTINGS.items() if body.get(old) is not None}
    instruction = {"systemInstruction": {"parts": [{"text": system}]}} if system else {}
    return {"contents": contents, "generationConfig": settings, **instruction}


def _read(answer: Mapping[str, Any], target: Target) -> Mapping[str, Any]:
    candidate, usage = answer["candidates"][0], answer["usageMetadata"]
    text, counts = candidate["content"]["parts"][0]["text"], (usage["promptTokenCount"], usage["candidatesTokenCount"])
    return completion(text, target.model, candidate["finishReason"].lower(), counts)


GEMINI: Final = Driver("gemini", _url, ask=_ask, read=_read)
