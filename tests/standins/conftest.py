from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks import page
from devcluster.gateway import ExportLimits, GatewayStandIn, ProcessSettings, StandInOptions
from devcluster.gateway.process import Process
from devcluster.listener import Listener
from devcluster.provider import ProviderStandIn

PROVIDER_KEY = "sk-stand-in-canary"
TRACING = ProcessSettings(instrumentations=frozenset({"all"}), sampling_rate=1.0, untrusted_lua="on")
SEED_LUA = {"access": [page.ACCESS], "header_filter": [page.HEADER_FILTER]}


class Receiver:
    """A trace endpoint that keeps the exports and answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        app = web.Application()
        app.router.add_post("/v1/traces", self._receive)
        self.listener = Listener(app)

    async def _receive(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response(status=self.status)

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    @property
    def spans(self) -> list[Span]:
        return [s for r in self.requests for rs in r.resource_spans for ss in rs.scope_spans for s in ss.spans]

    def named(self, name: str) -> dict[str, Any]:
        span = next(s for s in self.spans if s.name == name)
        return {a.key: getattr(a.value, str(a.value.WhichOneof("value"))) for a in span.attributes}


async def until(condition: Callable[[], object], what: str, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)


def page_config(traces_endpoint: str, **changes: dict[str, Any]) -> dict[str, Any]:
    """The integration page's file, with `changes` by plugin merged into its configuration."""
    configs: dict[str, dict[str, Any]] = {
        "ai-proxy": {
            "route_type": "llm/v1/chat",
            "auth": {"header_name": "Authorization", "header_value": f"Bearer {PROVIDER_KEY}"},
            "model": {"provider": "openai", "name": "gpt-4o-mini", "options": {"max_tokens": 512, "temperature": 0.7}},
            "logging": {"log_statistics": True, "log_payloads": True},
        },
        "pre-function": SEED_LUA,
        "opentelemetry": {
            "traces_endpoint": traces_endpoint,
            "headers": {"Authorization": "Bearer fiddler-key", "fiddler-application-id": "app"},
            "resource_attributes": {"service.name": "kong", "application.id": "app"},
            "propagation": {"default_format": "w3c"},
        },
    }
    plugins = [{"name": n, "service": "openai-service", "config": c | changes.get(n.replace("-", "_"), {})} for n, c in configs.items()]
    route = {"name": "openai-chat-route", "paths": ["/openai"], "strip_path": True}
    service = {"name": "openai-service", "host": "api.openai.com", "port": 443, "protocol": "https", "routes": [route]}
    return {"_format_version": "3.0", "services": [service], "plugins": plugins}


class Rig:
    """A gateway with a provider behind it, a receiver for its spans, and a client."""

    def __init__(self, gateway: GatewayStandIn, provider: ProviderStandIn, receiver: Receiver, client: aiohttp.ClientSession) -> None:
        self.gateway, self.provider, self.receiver, self.client = gateway, provider, receiver, client

    async def push(self, config: dict[str, Any]) -> tuple[int, Any]:
        url = f"{self.gateway.admin_url}/config?check_hash=1&flatten_errors=1"
        async with self.client.post(url, json=config) as response:
            return response.status, await response.json() if response.status != 304 else None

    async def accept(self, **changes: dict[str, Any]) -> None:
        status, answer = await self.push(page_config(f"{self.receiver.listener.url}/v1/traces", **changes))
        assert status == 201, answer

    async def chat(
        self, text: str = "What is the capital of France?", headers: dict[str, str] | None = None, **more: Any
    ) -> tuple[int, Any, dict[str, str]]:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]} | more
        url = f"{self.gateway.proxy_url}/openai/v1/chat/completions"
        async with self.client.post(url, json=body, headers={"Authorization": "Bearer kong-managed"} | (headers or {})) as response:
            content = await response.text() if more.get("stream") else await response.json()
            return response.status, content, {name.lower(): value for name, value in response.headers.items()}

    async def delivered(self) -> None:
        await until(lambda: self.gateway.exports.delivered, "spans are delivered")


@pytest.fixture
async def make_rig() -> AsyncIterator[Callable[..., Any]]:
    stack = AsyncExitStack()

    async def make(process: Process | ProcessSettings = TRACING, retry_time: float = 60.0, resolve: tuple[str, ...] = ()) -> Rig:
        receiver = Receiver()
        await stack.enter_async_context(receiver.listener)
        provider = await stack.enter_async_context(ProviderStandIn(PROVIDER_KEY))
        limits = ExportLimits(coalescing_delay=0.01, retry_time=retry_time, retry_delay=0.05)
        options = StandInOptions(resolve=provider.resolutions() | dict.fromkeys(resolve, provider.url), limits=limits)
        gateway = await stack.enter_async_context(GatewayStandIn(process, options))
        client = await stack.enter_async_context(aiohttp.ClientSession())
        return Rig(gateway, provider, receiver, client)

    async with stack:
        yield make


@pytest.fixture
async def rig(make_rig: Callable[..., Any]) -> Rig:
    made: Rig = await make_rig()
    return made
