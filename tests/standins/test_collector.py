"""The collector's configuration in manifests/samples, read by a stand-in: Fiddler gets everything, the platform neither key nor text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .collector import CollectorStandIn
from .conftest import Receiver, Rig, page_config, until

ROOT = Path(__file__).parents[2]
SAMPLE = (ROOT / "manifests/samples/collector/config.yaml").read_text(encoding="utf-8")
CONFIG: dict[str, Any] = yaml.safe_load(SAMPLE)
TEXT = {"gen_ai.input.messages", "gen_ai.output.messages"}


@dataclass(frozen=True)
class Way:
    """A collector with Fiddler and the platform's backend behind it."""

    collector: CollectorStandIn
    fiddler: Receiver
    platform: Receiver


@pytest.fixture
async def way() -> AsyncIterator[Way]:
    fiddler, platform = Receiver(), Receiver()
    async with fiddler.listener, platform.listener:
        behind = {"otlp_http/fiddler": fiddler, "otlp_http/platform": platform}
        collector = CollectorStandIn(CONFIG, {name: f"{receiver.listener.url}/v1/traces" for name, receiver in behind.items()})
        async with collector.listener:
            yield Way(collector, fiddler, platform)


async def send(way: Way, key: str, application: str) -> int:
    export = ExportTraceServiceRequest()
    resource = export.resource_spans.add()
    resource.resource.attributes.add(key="application.id").value.string_value = application
    resource.scope_spans.add().spans.add(name=f"chat {application}")
    headers = {"Authorization": key, "fiddler-application-id": application, "Content-Type": "application/x-protobuf"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{way.collector.listener.url}/v1/traces", data=export.SerializeToString(), headers=headers) as response,
    ):
        return response.status


def test_the_page_shows_the_configuration_of_the_samples() -> None:
    page = (ROOT / "docs/collector.md").read_text(encoding="utf-8")
    shown = re.findall(r"```yaml\n(receivers:.*?)```", page, re.DOTALL)

    assert shown == [re.sub(r"\A(#.*\n)+", "", SAMPLE)]


async def test_a_call_arrives_whole_at_fiddler_and_without_key_and_text_at_the_platform(rig: Rig, way: Way) -> None:
    await rig.push(page_config(f"{way.collector.listener.url}/v1/traces"))
    await rig.chat(headers={"X-Fiddler-Conversation-Id": "c-1"})
    await rig.delivered()
    await way.collector.flush()
    await until(lambda: way.fiddler.bodies and way.platform.bodies, "both have the call")

    ours, theirs = way.fiddler.named("chat gpt-4o-mini"), way.platform.named("chat gpt-4o-mini")
    assert ours["gen_ai.conversation.id"] == theirs["gen_ai.conversation.id"] == "c-1"
    assert (TEXT & ours.keys(), TEXT & theirs.keys()) == (TEXT, set())
    assert [(h.get("authorization"), h.get("fiddler-application-id")) for h in way.fiddler.headers] == [("Bearer fiddler-key", "app")]
    assert [(h.get("authorization"), h.get("fiddler-application-id")) for h in way.platform.headers] == [(None, None)]
    attributes = way.fiddler.requests[0].resource_spans[0].resource.attributes
    assert {"service.name": "kong", "application.id": "app"}.items() <= {a.key: a.value.string_value for a in attributes}.items()


async def test_traces_of_two_bindings_go_out_each_with_its_own_key_and_application(way: Way) -> None:
    for key, application in (("Bearer a", "one"), ("Bearer b", "two"), ("Bearer a", "one"), ("Bearer a", "three")):
        assert await send(way, key, application) == 200
    await way.collector.flush()

    sent = [
        (
            headers["authorization"],
            headers["fiddler-application-id"],
            {span.name for r in request.resource_spans for span in r.scope_spans[0].spans},
        )
        for headers, request in zip(way.fiddler.headers, way.fiddler.requests, strict=True)
    ]
    assert sorted(sent, key=lambda it: it[1]) == [
        ("Bearer a", "one", {"chat one"}),
        ("Bearer a", "three", {"chat three"}),
        ("Bearer b", "two", {"chat two"}),
    ]
    assert len(way.platform.bodies) == 1
