from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import SecretStr

from fiddler_kong_sink.server import Sink
from fiddler_kong_sink.settings import Application, SinkSettings
from tests.sink.exports import APPLICATION, HEADERS, KEY

Send = Callable[..., Awaitable[tuple[int, bytes]]]


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """A sink that knows one key and one application."""
    application = Application.model_validate({"id": APPLICATION, "name": "assistant", "project": "support"})
    async with Sink(SinkSettings(api_key=SecretStr(KEY), forbidden_api_key=SecretStr("read-only"), applications=(application,))) as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def send(sink: Sink, client: aiohttp.ClientSession) -> Send:
    """Send an export; a header given as None is left out."""

    async def post(body: ExportTraceServiceRequest | bytes, headers: dict[str, Any] | None = None) -> tuple[int, bytes]:
        data = body if isinstance(body, bytes) else body.SerializeToString()
        wanted = {name: value for name, value in {**HEADERS, **(headers or {})}.items() if value is not None}
        async with client.post(f"{sink.url}/v1/traces", data=data, headers=wanted, skip_auto_headers=["Content-Type"]) as response:
            return response.status, await response.read()

    return post
