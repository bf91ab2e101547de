"""The API that kopf asks, over HTTP in a thread of its own: in its end kopf cancels whatever else runs in its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import Iterator
from typing import Any

from aiohttp import web
from anyio.from_thread import BlockingPortal, start_blocking_portal

from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.kinds import BINDING
from tests.unit.kube.api_server import running

VERBS = ["list", "watch", "patch"]


class KopfServer:
    """Lists `bindings`, then sends each of `events` to the first watch; `requests` holds method, path and query of each request."""

    def __init__(self, *bindings: Manifest) -> None:
        self.bindings = list(bindings)
        self.events: list[tuple[str, Manifest]] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.tokens: set[str] = set()
        self.rejections = 0
        """Requests that are answered with 401 before any other answer."""
        self.rejected: list[float] = []
        """Times of these."""

    def lists(self) -> list[dict[str, str]]:
        """The queries of the lists of bindings."""
        return [query for _, path, query in self.requests if path == BINDING.path() and "watch" not in query]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, dict(request.query)))
        self.tokens.add(request.headers.get("Authorization", ""))
        if self.rejections:
            self.rejections -= 1
            self.rejected.append(time.monotonic())
            raise web.HTTPUnauthorized
        if request.path in {BINDING.path(), BINDING.path("ai")}:
            return await self._watch(request) if "watch" in request.query else self._list(request)
        return web.json_response(_discovery(request.path))

    def _list(self, request: web.Request) -> web.Response:
        start, limit = int(request.query.get("continue", 0)), int(request.query["limit"])
        more = str(start + limit) if start + limit < len(self.bindings) else ""
        page = self.bindings[start : start + limit]
        return web.json_response({"metadata": {"resourceVersion": "100", "continue": more}, "items": page})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while self.events:
            kind, raw = self.events.pop(0)
            await response.write(json.dumps({"type": kind, "object": raw}).encode() + b"\n")
        await asyncio.get_running_loop().create_future()
        return response


def _discovery(path: str) -> Any:
    def resources(*plurals: str) -> Any:
        return {"resources": [{"name": n, "kind": n, "singularName": n, "namespaced": True, "verbs": VERBS} for n in plurals]}

    version = {"groupVersion": BINDING.api_version, "version": BINDING.version}
    group = {"name": BINDING.group, "versions": [version], "preferredVersion": version}
    known = {
        "/api": {"versions": ["v1"]},
        "/api/v1": resources("namespaces", "events"),
        "/apis": {"groups": [group]},
        f"/apis/{BINDING.api_version}": resources(BINDING.plural),
    }
    return known[path]


@contextlib.contextmanager
def serving(server: KopfServer, tls: ssl.SSLContext | None = None) -> Iterator[tuple[BlockingPortal, str]]:
    """Serve from another thread: its portal, and the URL."""
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(running(*[server.serve] * 1000, tls=tls)) as (_, url),
    ):
        yield portal, url
