"""Google AI Studio's API: the bare key in `x-goog-api-key` or in the parameter `key`, and the model in the path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .answers import answer, text_of
from .contract import Call, Form, Refusal, Reply, holds_header, holds_parameter

__all__ = ["GEMINI"]

_STATUSES: Final = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 503: "UNAVAILABLE"}


def _generate(call: Call, model: str) -> Reply:
    body = call.body()
    contents = body.get("contents")
    if not contents:
        raise Refusal(400, "* GenerateContentRequest.contents: contents is not specified")
    limit = (body.get("generationConfig") or {}).get("maxOutputTokens") or 0
    system = [("system", text_of(body["systemInstruction"]["parts"]))] if body.get("systemInstruction") else []
    said = answer([*system, *((turn.get("role", "user"), text_of(turn.get("parts"))) for turn in contents)], limit)
    content = {"role": "model", "parts": [{"text": said.text}]}
    counts = {"promptTokenCount": said.prompt_tokens, "candidatesTokenCount": said.completion_tokens}
    return {
        "candidates": [{"content": content, "finishReason": "MAX_TOKENS" if said.cut else "STOP", "index": 0}],
        "usageMetadata": {**counts, "totalTokenCount": sum(counts.values())},
        "modelVersion": model,
        "responseId": said.id,
    }


def _error(refusal: Refusal) -> Mapping[str, Any]:
    return {"error": {"code": refusal.status, "message": refusal.message, "status": _STATUSES.get(refusal.status, "UNKNOWN")}}


GEMINI: Final = Form(
    name="gemini",
    host="generativelanguage.googleapis.com",
    operations={r"POST /v1beta/models/([^/:]+):generateContent": _generate},
    places={**holds_header("x-goog-api-key"), **holds_parameter("key")},
    unauthorized=Refusal(401, "Request had invalid authentication credentials."),
    error=_error,
)
"""Google answers a key that it does not know with 400, and no key with 403; here both get its 401."""
