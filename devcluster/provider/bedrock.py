"""Amazon Bedrock's Converse API: no key, but a signature by an access key of AWS for the host's region and the service `bedrock`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from devcluster.sigv4 import AccessKey, Signable, is_signed

from .answers import answer, text_of
from .contract import Call, Form, Refusal, Reply

__all__ = ["ACCESS_KEY_ID", "BEDROCK"]

ACCESS_KEY_ID: Final = "AKIAIOSFODNN7EXAMPLE"
"""The id of the accepted access key, whose secret is the key of `bedrock`. It is the one of AWS' documentation."""


def _converse(call: Call, _model: str) -> Reply:
    body = call.body()
    if not body.get("messages"):
        raise Refusal(400, "messages must not be empty")
    limit = (body.get("inferenceConfig") or {}).get("maxTokens") or 0
    system = [("system", text_of(body["system"]))] if body.get("system") else []
    said = answer([*system, *((m.get("role", ""), text_of(m.get("content"))) for m in body["messages"])], limit)
    usage = {"inputTokens": said.prompt_tokens, "outputTokens": said.completion_tokens}
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": said.text}]}},
        "stopReason": "max_tokens" if said.cut else "end_turn",
        "usage": {**usage, "totalTokens": sum(usage.values())},
        "metrics": {"latencyMs": 1},
    }


def _is_signed(call: Call, secret: str) -> bool:
    key = AccessKey(ACCESS_KEY_ID, secret, region=call.host.split(".")[1], service="bedrock")
    return is_signed(Signable(call.method, call.path, call.headers, call.content), key)


def _error(refusal: Refusal) -> Mapping[str, Any]:
    return {"message": refusal.message}


BEDROCK: Final = Form(
    name="bedrock",
    host="bedrock-runtime.*.amazonaws.com",
    operations={r"POST /model/([^/]+)/converse": _converse},
    places={"authorization": _is_signed},
    unauthorized=Refusal(403, "The request signature we calculated does not match the signature you provided."),
    error=_error,
)
