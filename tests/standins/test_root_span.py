"""docs/examples/root_span.py, run as its comment says: its span and Kong's arrive in the sink as one session of one trace."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.plan.objects.declarative import build_declarative, placeholders
from fiddler_kong_sink.mapping import SpanType
from fiddler_kong_sink.server import Sink
from fiddler_kong_sink.settings import SinkSettings
from tests.sink.exports import APPLICATION, KEY

from .conftest import PROVIDER_KEY, Rig

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink(SinkSettings(api_key=SecretStr(KEY))) as running:
        yield running


def sample(url: str) -> BindingSpec:
    """The binding that the example is for, with this Fiddler."""
    spec = yaml.safe_load((ROOT / "manifests/samples/root-span.yaml").read_text())["spec"]
    return BindingSpec.model_validate({**spec, "fiddler": {**spec["fiddler"], "url": url, "applicationId": APPLICATION}})


async def run(**environment: str) -> str:
    """The output of the example."""
    example = str(ROOT / "docs/examples/root_span.py")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, example, env={**os.environ, **environment}, stdout=pipe, stderr=pipe)
    printed, errors = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, errors.decode()) == (0, "")
    return printed.decode()


async def test_spans_of_the_application_and_of_kong_are_one_session_of_one_trace(rig: Rig, sink: Sink) -> None:
    spec = sample(sink.url)
    keys = {ref: KEY if ref.name == "fiddler" else PROVIDER_KEY for ref in placeholders(spec)}
    assert (await rig.push(build_declarative(spec, keys)))[0] == 201

    printed = await run(
        KONG_URL=f"{rig.gateway.proxy_url}/root-span", FIDDLER_URL=sink.url, FIDDLER_APP_ID=APPLICATION, FIDDLER_API_KEY=KEY
    )

    assert printed.count("This was turn") == 2
    await sink.until(lambda sink: len(sink.spans()) == 3)
    [session] = sink.sessions()
    root, *calls = session.spans
    assert (root.received.name, root.text("gen_ai.agent.name"), root.received.parent_span_id) == ("conversation", "support-bot", "")
    assert [(call.received.name, call.span_type) for call in calls] == [("chat gpt-4o-mini", SpanType.LLM)] * 2
    assert {span.received.trace_id for span in session.spans} == {session.session_id}
    nested = [drop.span.parent_span_id for drop in sink.dropped if drop.span.name == "kong"]
    assert nested == [root.received.span_id] * 2
