"""Anthropic's API: the bare key in `x-api-key`, a version with each call, the system prompt and a limit of tokens on their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .answers import answer, text_of
from .contract import Call, Form, Refusal, Reply, holds_header

__all__ = ["ANTHROPIC"]

_TYPES: Final = {401: "authentication_error", 404: "not_found_error", 503: "api_error"}


def _messages(call: Call) -> Reply:
    if not call.headers.get("anthropic-version"):
        raise Refusal(400, "anthropic-version: header is required")
    body = call.body()
    for name in ("model", "max_tokens", "messages"):
        if not body.get(name):
            raise Refusal(400, f"{name}: Field required")
    if strange := sorted({m.get("role", "") for m in body["messages"]} - {"user", "assistant"}):
        raise Refusal(400, f"messages: Unexpected role {strange[0]!r}. The allowed roles are 'user' or 'assistant'.")
    system = [("system", text_of(body["system"]))] if body.get("system") else []
    said = answer([*system, *((m["role"], text_of(m.get("content"))) for m in body["messages"])], body["max_tokens"])
    return {
        "id": f"msg_{said.id}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": said.text}],
        "stop_reason": "max_tokens" if said.cut else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": said.prompt_tokens, "output_tokens": said.completion_tokens},
    }


def _error(refusal: Refusal) -> Mapping[str, Any]:
    return {"type": "error", "error": {"type": _TYPES.get(refusal.status, "invalid_request_error"), "message": refusal.message}}


ANTHROPIC: Final = Form(
    name="anthropic",
    host="api.anthropic.com",
    operations={"POST /v1/messages": _messages},
    places=holds_header("x-api-key"),
    unauthorized=Refusal(401, "invalid x-api-key"),
    error=_error,
)
