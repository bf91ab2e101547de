"""Serves every form on one port, and remembers the calls without their keys."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from devcluster.listener import Listener

from .anthropic import ANTHROPIC
from .bedrock import BEDROCK
from .cohere import COHERE
from .contract import Call, Form, Refusal, Reply
from .gemini import GEMINI
from .openai import ALIKE, AZURE, OPENAI

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["FORMS", "ProviderStandIn", "SeenRequest"]

FORMS: Final[Mapping[str, Form]] = MappingProxyType({f.name: f for f in (ANTHROPIC, AZURE, BEDROCK, COHERE, GEMINI, *ALIKE, OPENAI)})
"""The forms by provider. OpenAI's is the last, since it claims every host."""

_KEY_HEADERS: Final = frozenset({"authorization", "cookie", *(place for form in FORMS.values() for place in form.places)})
_PLAIN_PARAMETERS: Final = frozenset({"api-version"})


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A received request, with header names in lower case. Headers for keys, and parameters, contain only `match` or `no match`."""

    provider: str
    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str]
    body: Any = field(default=None, repr=False)


class ProviderStandIn:
    """`key` is OpenAI's; `key_of` gives those of the others. The providers in `down` answer every call with 503."""

    def __init__(self, key: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._key = key
        self.seen: list[SeenRequest] = []
        self.down: set[str] = set()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/stand-in", self._debug)
        app.router.add_route("*", "/{rest:.*}", self._handle)
        self._listener = Listener(app, host=host, port=port)

    @property
    def url(self) -> str:
        """Base URL, without a path."""
        return self._listener.url

    def key_of(self, provider: str) -> str:
        """The key that a provider accepts; of `bedrock` the secret of its access key."""
        return self._key if provider == OPENAI.name else f"{self._key}.{provider}"

    def resolutions(self) -> dict[str, str]:
        """For a gateway stand-in's `resolve`: the public addresses of all providers, and this one in place of each."""
        return {f"{form.host if form is not OPENAI else 'api.openai.com'}:443": self.url for form in FORMS.values()}

    async def __aenter__(self) -> Self:
        """Start to listen."""
        await self._listener.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self._listener.stop()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = await _call(request)
        form = next(form for form in FORMS.values() if fnmatch(call.host, form.host))
        self.seen.append(_seen(form, call, self.key_of(form.name)))
        try:
            return await _send(request, self._reply(form, call))
        except Refusal as refusal:
            return web.json_response(form.error(refusal), status=refusal.status)

    def _reply(self, form: Form, call: Call) -> Reply:
        if form.name in self.down:
            raise Refusal(503, "Service Unavailable")
        if not form.admits(call, self.key_of(form.name)):
            raise form.unauthorized
        for pattern, operation in form.operations.items():
            if found := re.fullmatch(pattern, f"{call.method} {call.path}"):
                return operation(call, *found.groups())
        raise Refusal(404, f"Not found: {call.method} {call.path}")

    async def _debug(self, _: web.Request) -> web.Response:
        seen = [{"provider": r.provider, "method": r.method, "path": r.path, "headers": r.headers} for r in self.seen]
        return web.json_response({"requests": len(seen), "seen": seen[-20:]})


async def _call(request: web.Request) -> Call:
    headers = {name.lower(): value for name, value in request.headers.items()}
    host, path = headers.get("host", "").partition(":")[0], request.raw_path.partition("?")[0]
    return Call(request.method, host, path, dict(request.query), headers, await request.read())


def _seen(form: Form, call: Call, key: str) -> SeenRequest:
    def verdict(place: str) -> str:
        return "match" if place in form.places and form.places[place](call, key) else "no match"

    headers = {name: verdict(name) if name in _KEY_HEADERS else value for name, value in call.headers.items()}
    query = {name: value if name in _PLAIN_PARAMETERS else verdict(f"?{name}") for name, value in call.query.items()}
    return SeenRequest(form.name, call.method, call.path, headers, query, _parsed(call.content))


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None


async def _send(request: web.Request, reply: Reply) -> web.StreamResponse:
    if not isinstance(reply, list):
        return web.json_response(reply)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    for event in reply:
        await response.write(f"data: {json.dumps(event)}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response
