"""OpenAI's API, that of Azure OpenAI, and those of the providers that speak it to bearer tokens under paths of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .answers import Said, answer, count_tokens, text_of, vector
from .contract import Call, Form, Operation, Refusal, Reply, holds_header

__all__ = ["ALIKE", "AZURE", "OPENAI"]

_CREATED: Final = 1_735_689_600
"""The creation time of every answer, so that equal requests get equal answers."""


def _chat(call: Call, deployment: str = "") -> Reply:
    body = call.body()
    messages, model = body.get("messages"), body.get("model") or deployment
    if not messages or not model or not all(isinstance(m, dict) for m in messages):
        raise Refusal(400, "you must provide a model and messages")
    limit = int(body.get("max_tokens") or body.get("max_completion_tokens") or 0)
    said = answer([(m.get("role", ""), text_of(m.get("content"))) for m in messages], limit)
    completion = _completion(said, "gpt-4o-mini-2024-07-18" if model == "gpt-4o-mini" else model)
    usage = bool((body.get("stream_options") or {}).get("include_usage"))
    return list(_chunks(completion, usage=usage)) if body.get("stream") else completion


def _completion(said: Said, model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": said.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "length" if said.cut else "stop"}
    usage = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.completion_tokens}
    return {
        "id": f"chatcmpl-{said.id}",
        "object": "chat.completion",
        "created": _CREATED,
        "model": model,
        "choices": [choice],
        "usage": {**usage, "total_tokens": sum(usage.values())},
    }


def _chunks(completion: dict[str, Any], *, usage: bool) -> Iterator[dict[str, Any]]:
    base = {"id": completion["id"], "object": "chat.completion.chunk", "created": _CREATED, "model": completion["model"]}
    choice = completion["choices"][0]

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    for number, word in enumerate(choice["message"]["content"].split()):
        yield chunk({"content": word if number == 0 else f" {word}"})
    yield chunk({}, choice["finish_reason"])
    if usage:
        yield {**base, "choices": [], "usage": completion["usage"]}


def _embeddings(call: Call, deployment: str = "") -> Reply:
    body = call.body()
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = [{"object": "embedding", "index": i, "embedding": vector(text)} for i, text in enumerate(texts)]
    tokens = sum(count_tokens(text) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": body.get("model") or deployment, "data": data, "usage": usage}


def _models(_: Call) -> Reply:
    names = ("gpt-4o-mini", "gpt-4o")
    return {"object": "list", "data": [{"id": n, "object": "model", "created": _CREATED, "owned_by": "stand-in"} for n in names]}


def _error(refusal: Refusal) -> Mapping[str, Any]:
    return {"error": {"message": refusal.message, "type": "invalid_request_error", "param": None, "code": refusal.code}}


def _form(name: str, host: str, prefix: str) -> Form:
    operations: dict[str, Operation] = {
        f"POST {prefix}/chat/completions": _chat,
        f"POST {prefix}/embeddings": _embeddings,
        f"GET {prefix}/models": _models,
    }
    unauthorized = Refusal(401, "Incorrect API key provided.", "invalid_api_key")
    return Form(name, host, operations, holds_header("authorization", "Bearer "), unauthorized, _error)


OPENAI: Final = _form("openai", "*", "/v1")
"""The form of every host that no other form claims, so that it also stands for a server of one's own."""

ALIKE: Final = (
    _form("cerebras", "api.cerebras.ai", "/v1"),
    _form("dashscope", "dashscope-intl.aliyuncs.com", "/compatible-mode/v1"),
    _form("databricks", "*.cloud.databricks.com", "/serving-endpoints/v1"),
    _form("deepseek", "api.deepseek.com", "/v1"),
    _form("mistral", "api.mistral.ai", "/v1"),
    _form("xai", "api.x.ai", "/v1"),
)
"""Providers that answer as OpenAI does. Their own 401s are not known here: they get OpenAI's."""


def _versioned_chat(call: Call, deployment: str) -> Reply:
    return _chat(_versioned(call), deployment)


def _versioned_embeddings(call: Call, deployment: str) -> Reply:
    return _embeddings(_versioned(call), deployment)


def _versioned(call: Call) -> Call:
    if not call.query.get("api-version"):
        raise Refusal(404, "Resource not found", "404")
    return call


AZURE: Final = Form(
    name="azure",
    host="*.openai.azure.com",
    operations={
        r"POST /openai/deployments/([^/]+)/chat/completions": _versioned_chat,
        r"POST /openai/deployments/([^/]+)/embeddings": _versioned_embeddings,
    },
    places=holds_header("api-key"),
    unauthorized=Refusal(401, "Access denied due to invalid subscription key or wrong API endpoint.", "401"),
    error=lambda refusal: {"error": {"code": refusal.code or str(refusal.status), "message": refusal.message}},
)
"""Azure OpenAI: a path for each deployment, a version of the API in the query, the bare key in `api-key`."""
