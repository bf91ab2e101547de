"""Cohere's API: a bearer token; `/v1/chat` with one message and a history, `/v2/chat` with a list of messages."""

from __future__ import annotations

from typing import Any, Final

from .answers import Said, answer, text_of
from .contract import Call, Form, Refusal, Reply, holds_header

__all__ = ["COHERE"]

_ROLES: Final = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system"}


def _chat_of_v1(call: Call) -> Reply:
    body = call.body()
    if not body.get("message"):
        raise Refusal(400, "invalid request: message must be at least 1 token long or tool results must be specified.")
    history = [(_ROLES.get(turn.get("role", ""), ""), turn.get("message", "")) for turn in body.get("chat_history") or ()]
    said = answer([*history, ("user", body["message"])], body.get("max_tokens") or 0)
    meta = {"api_version": {"version": "1"}, **_counts(said)}
    return {"text": said.text, "generation_id": said.id, "finish_reason": _reason(said), "meta": meta}


def _chat_of_v2(call: Call) -> Reply:
    body = call.body()
    if not body.get("model") or not body.get("messages"):
        raise Refusal(400, "invalid request: model and messages are required")
    said = answer([(m.get("role", ""), text_of(m.get("content"))) for m in body["messages"]], body.get("max_tokens") or 0)
    message = {"role": "assistant", "content": [{"type": "text", "text": said.text}]}
    return {"id": said.id, "message": message, "finish_reason": _reason(said), "usage": _counts(said)}


def _reason(said: Said) -> str:
    return "MAX_TOKENS" if said.cut else "COMPLETE"


def _counts(said: Said) -> dict[str, Any]:
    units = {"input_tokens": said.prompt_tokens, "output_tokens": said.completion_tokens}
    return {"billed_units": units, "tokens": units}


COHERE: Final = Form(
    name="cohere",
    host="api.cohere.com",
    operations={"POST /v1/chat": _chat_of_v1, "POST /v2/chat": _chat_of_v2},
    places=holds_header("authorization", "Bearer "),
    unauthorized=Refusal(401, "invalid api token"),
    error=lambda refusal: {"message": refusal.message},
)
