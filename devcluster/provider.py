"""A stand-in for an LLM provider with OpenAI's API. It always answers the same question in the same way.

It proves that a request arrived in OpenAI's form and with the expected key. It proves nothing about a real model: not its
answers, not its tokenizer (a token here is a word), not its rate limits. Its answers and records never contain the expected key.

Run it alone with `python -m devcluster.provider --key-file FILE`, or in this process with `async with ProviderStandIn(key) as provider`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from aiohttp import web

from devcluster.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

__all__ = ["ProviderStandIn", "SeenRequest", "main"]

CREATED: Final = 1_735_689_600
"""The creation time of every answer, so that equal requests get equal answers."""

CAPITALS: Final = {"france": "Paris", "germany": "Berlin", "italy": "Rome", "japan": "Tokyo", "spain": "Madrid", "portugal": "Lisbon"}
KEY_HEADERS: Final = frozenset({"authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie"})


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A received request. Headers have lower-case names; those for keys contain only `match` or `no match`."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any = field(default=None, repr=False)


class ProviderStandIn:
    """`POST /v1/chat/completions` (also `stream: true`), `POST /v1/embeddings`, `GET /v1/models`, for clients with `key` only."""

    def __init__(self, key: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._key = key
        self.seen: list[SeenRequest] = []
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/stand-in", self._debug)
        self._listener = Listener(app, host=host, port=port)

    @property
    def url(self) -> str:
        """Base URL, without `/v1`."""
        return self._listener.url

    async def __aenter__(self) -> Self:
        """Start to listen."""
        await self._listener.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self._listener.stop()

    async def _accept(self, request: web.Request) -> Any:
        body = await request.json() if request.can_read_body else None
        self.seen.append(SeenRequest(request.method, request.path, self._redacted(request.headers), body))
        if not self._is_expected(request.headers.get("Authorization", "")):
            raise _refusal(web.HTTPUnauthorized, "Incorrect API key provided.", "invalid_api_key")
        return body

    def _is_expected(self, value: str) -> bool:
        return hmac.compare_digest(value.encode("utf-8", "surrogateescape"), f"Bearer {self._key}".encode())

    def _redacted(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name.lower(): self._verdict(value) if name.lower() in KEY_HEADERS else value for name, value in headers.items()}

    def _verdict(self, value: str) -> str:
        return "match" if self._is_expected(value) else "no match"

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._accept(request)
        messages = body.get("messages") if isinstance(body, dict) else None
        if not messages or not body.get("model") or not all(isinstance(m, dict) for m in messages):
            raise _refusal(web.HTTPBadRequest, "you must provide a model and messages", None)
        completion = _completion(body)
        return await _stream(request, body, completion) if body.get("stream") else web.json_response(completion)

    async def _embeddings(self, request: web.Request) -> web.Response:
        body = await self._accept(request)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        data = [{"object": "embedding", "index": i, "embedding": _vector(text)} for i, text in enumerate(texts)]
        tokens = sum(_tokens(text) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return web.json_response({"object": "list", "model": body["model"], "data": data, "usage": usage})

    async def _models(self, request: web.Request) -> web.Response:
        await self._accept(request)
        models = [{"id": name, "object": "model", "created": CREATED, "owned_by": "stand-in"} for name in ("gpt-4o-mini", "gpt-4o")]
        return web.json_response({"object": "list", "data": models})

    async def _debug(self, _: web.Request) -> web.Response:
        seen = [{"method": r.method, "path": r.path, "headers": r.headers} for r in self.seen]
        return web.json_response({"requests": len(seen), "seen": seen[-20:]})


def _refusal(kind: type[web.HTTPException], message: str, code: str | None) -> web.HTTPException:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return kind(text=json.dumps({"error": error}), content_type="application/json")


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content if isinstance(part, dict))


def _answer(messages: list[dict[str, Any]]) -> str:
    said = [_text(m) for m in messages if m.get("role") == "user"]
    last = said[-1] if said else ""
    country = next((name for name in CAPITALS if name in last.lower()), None)
    if country and any("capital" in text.lower() for text in said):
        reply = f"The capital of {country.capitalize()} is {CAPITALS[country]}."
    else:
        reply = f"You said: {' '.join(last.split()[:12])}."
    return f"{reply} This was turn {len(said)}."


def _tokens(text: str) -> int:
    return max(1, len(text.split()))


def _vector(text: str) -> list[float]:
    return [round(byte / 255 - 0.5, 6) for byte in hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8]]


def _completion(body: dict[str, Any]) -> dict[str, Any]:
    messages, limit = body["messages"], int(body.get("max_tokens") or body.get("max_completion_tokens") or 0)
    words = _answer(messages).split()
    cut = 0 < limit < len(words)
    words = words[:limit] if cut else words
    prompt = sum(_tokens(_text(m)) + 3 for m in messages)
    identity = hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()[:24]
    model = body["model"]
    return {
        "id": f"chatcmpl-{identity}",
        "object": "chat.completion",
        "created": CREATED,
        "model": "gpt-4o-mini-2024-07-18" if model == "gpt-4o-mini" else model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": " ".join(words), "refusal": None},
                "logprobs": None,
                "finish_reason": "length" if cut else "stop",
            }
        ],
        "usage": {"prompt_tokens": prompt, "completion_tokens": len(words), "total_tokens": prompt + len(words)},
    }


def _chunks(completion: dict[str, Any], *, usage: bool) -> Iterator[dict[str, Any]]:
    base = {"id": completion["id"], "object": "chat.completion.chunk", "created": CREATED, "model": completion["model"]}
    choice = completion["choices"][0]

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    for number, word in enumerate(choice["message"]["content"].split()):
        yield chunk({"content": word if number == 0 else f" {word}"})
    yield chunk({}, choice["finish_reason"])
    if usage:
        yield {**base, "choices": [], "usage": completion["usage"]}


async def _stream(request: web.Request, body: dict[str, Any], completion: dict[str, Any]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    for chunk in _chunks(completion, usage=bool((body.get("stream_options") or {}).get("include_usage"))):
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


async def _serve(key: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with ProviderStandIn(key, port=port) as provider:
        click.echo(json.dumps({"url": provider.url}))
        await stop.wait()


@click.command()
@click.option("--port", type=int, default=0, help="Port on loopback; 0 takes a free one.")
@click.option("--key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="File with the expected key.")
def main(port: int, key_file: Path) -> None:
    """Run the stand-in provider until SIGINT or SIGTERM; the address is printed as one line of JSON."""
    asyncio.run(_serve(key_file.read_text(encoding="utf-8").strip(), port))


if __name__ == "__main__":
    main()
