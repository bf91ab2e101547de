"""The samples' configuration in a real OpenTelemetry Collector, between the stand-in gateway, Fiddler and a second backend.

The collector is built from its own Go modules (devcluster/go/collector); only the extension headers_setter is a stand-in in it.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import SecretStr

from devcluster.build import Builder
from devcluster.pins import COMPONENTS
from devcluster.ports import LOOPBACK, free_ports
from devcluster.progress import Reporter
from fiddler_kong_sink.admission import DropReason
from fiddler_kong_sink.server import Sink
from fiddler_kong_sink.settings import Application, SinkSettings

from .conftest import Receiver, Rig, page_config, until
from .test_collector import CONFIG, TEXT

APPLICATION: Final = "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11"
HEADERS: Final = {"Authorization": "Bearer fiddler-key", "fiddler-application-id": APPLICATION}
PROTOBUF: Final = {"Content-Type": "application/x-protobuf"}
EXPORTS: Final = 120
KEYS: Final = 6

Start = Callable[..., Awaitable[str]]


@pytest.fixture(scope="module")
def program() -> Path:
    return Builder(Reporter()).programs([COMPONENTS["collector"]])["collector"]


@pytest.fixture
async def start(program: Path, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts the collector with its two exporters' addresses and returns the URL of its receiver; at the end it must stop in good order."""
    running: list[asyncio.subprocess.Process] = []

    async def run(fiddler: str, platform: str, authorization: dict[str, str] | None = None, **environment: str) -> str:
        (port,) = free_ports(1)
        config = tmp_path / "collector.yaml"
        config.write_text(yaml.safe_dump(rewired(port, fiddler, platform, authorization)))
        process = await asyncio.create_subprocess_exec(program, "--config", config, env=environment)
        running.append(process)
        await until(lambda: process.returncode is not None or listens(port), "the collector listens", 60.0)
        assert process.returncode is None
        return f"http://{LOOPBACK}:{port}"

    yield run
    for process in running:
        process.terminate()
        assert await process.wait() == 0


def rewired(port: int, fiddler: str, platform: str, authorization: dict[str, str] | None) -> dict[str, Any]:
    """The configuration with the addresses of this test."""
    config = deepcopy(CONFIG)
    config["receivers"]["otlp"]["protocols"]["http"]["endpoint"] = f"{LOOPBACK}:{port}"
    config["exporters"]["otlp_http/fiddler"]["traces_endpoint"] = f"{fiddler}/v1/traces"
    config["exporters"]["otlp_http/platform"]["traces_endpoint"] = f"{platform}/v1/traces"
    if authorization:
        config["extensions"]["headers_setter"]["headers"][0] = authorization
    return config


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


async def send(client: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]) -> int:
    async with client.post(f"{url}/v1/traces", data=body, headers=PROTOBUF | headers) as response:
        return response.status


def export(name: str) -> bytes:
    made = ExportTraceServiceRequest()
    span = made.resource_spans.add().scope_spans.add().spans.add(name=name, trace_id=b"t" * 16, span_id=b"s" * 8)
    span.attributes.add(key="gen_ai.input.messages").value.string_value = "a secret prompt"
    return made.SerializeToString()


async def test_a_call_arrives_whole_at_fiddler_and_without_key_and_text_at_the_platform(rig: Rig, start: Start) -> None:
    platform = Receiver()
    settings = SinkSettings(api_key=SecretStr("fiddler-key"), applications=(Application.model_validate({"id": APPLICATION}),))
    async with Sink(settings) as fiddler, platform.listener:
        url = await start(fiddler.url, platform.listener.url)
        exporter = {"headers": HEADERS, "resource_attributes": {"service.name": "kong", "application.id": APPLICATION}}
        await rig.push(page_config(f"{url}/v1/traces", opentelemetry=exporter))
        await rig.chat(headers={"X-Fiddler-Conversation-Id": "c-1"})
        await rig.delivered()
        await until(lambda: fiddler.sessions() and platform.bodies, "both have the call")

        (session,) = fiddler.sessions()
        assert (session.session_id, len(session.llm_spans), session.input) == ("c-1", 1, "What is the capital of France?")
        assert {drop.reason for drop in fiddler.dropped} == {DropReason.INFRASTRUCTURE}
        assert {(delivery.status, delivery.application_header) for delivery in fiddler.requests} == {(200, APPLICATION)}
        theirs = platform.named("chat gpt-4o-mini")
        assert (theirs["gen_ai.conversation.id"], TEXT & theirs.keys()) == ("c-1", set())
        assert [(h.get("authorization"), h.get("fiddler-application-id")) for h in platform.headers] == [(None, None)]
        assert len(platform.spans) == sum(delivery.spans for delivery in fiddler.requests)


async def test_of_many_bindings_at_once_nothing_is_lost_and_nothing_goes_out_under_another_key(start: Start) -> None:
    fiddler, platform = Receiver(), Receiver()
    names = Counter(f"call {number} of {number % KEYS}" for number in range(EXPORTS))
    async with fiddler.listener, platform.listener, aiohttp.ClientSession() as client:
        url = await start(fiddler.listener.url, platform.listener.url)
        sending = (
            send(client, url, export(name), {"Authorization": f"Bearer {name[-1]}", "fiddler-application-id": f"app {name[-1]}"})
            for name in names
        )
        assert set(await asyncio.gather(*sending)) == {200}
        await until(lambda: len(fiddler.spans) >= EXPORTS and len(platform.spans) >= EXPORTS, "every span has arrived")

        assert (Counter(span.name for span in fiddler.spans), Counter(span.name for span in platform.spans)) == (names, names)
        for headers, request in zip(fiddler.headers, fiddler.requests, strict=True):
            (owner,) = {s.name[-1] for r in request.resource_spans for scope in r.scope_spans for s in scope.spans}
            assert (headers["authorization"], headers["fiddler-application-id"]) == (f"Bearer {owner}", f"app {owner}")
        assert len(fiddler.requests) < EXPORTS
        assert (b"a secret prompt" in b"".join(fiddler.bodies), b"a secret prompt" in b"".join(platform.bodies)) == (True, False)


async def test_the_collector_can_hold_the_key_itself(start: Start) -> None:
    fiddler, platform = Receiver(), Receiver()
    own = {"action": "upsert", "key": "Authorization", "value": "Bearer ${env:FIDDLER_API_KEY}"}
    async with fiddler.listener, platform.listener, aiohttp.ClientSession() as client:
        url = await start(fiddler.listener.url, platform.listener.url, own, FIDDLER_API_KEY="held-by-the-collector")
        await send(client, url, export("call"), {"fiddler-application-id": "app"})
        await until(lambda: fiddler.bodies and platform.bodies, "both have the call")

        (headers,) = fiddler.headers
        assert (headers["authorization"], headers["fiddler-application-id"]) == ("Bearer held-by-the-collector", "app")
        assert "authorization" not in platform.headers[0]


async def test_the_operators_probe_is_answered_with_200(start: Start) -> None:
    fiddler, platform = Receiver(), Receiver()
    async with fiddler.listener, platform.listener, aiohttp.ClientSession() as client:
        url = await start(fiddler.listener.url, platform.listener.url)

        assert await send(client, url, b"", HEADERS) == 200
