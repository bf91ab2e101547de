"""Exports as Kong 3.13 sends them, for the sink's tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from fiddler_kong_sink.spans import ReceivedSpan

APPLICATION: Final = "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11"
OTHER_APPLICATION: Final = "0b7d3a52-6c55-4f0e-8a44-0f2a6f3f9b10"
KEY: Final = "key_id.canary-secret"
START: Final = 1_780_000_000_000_000_000
TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
INFRASTRUCTURE: Final = ("kong", "kong.router", "kong.access.plugin.ai-proxy", "kong.dns", "kong.balancer")
RESOURCE: Final = {"service.name": "kong", "application.id": APPLICATION}
HEADERS: Final = {
    "Authorization": f"Bearer {KEY}",
    "fiddler-application-id": APPLICATION,
    "Content-Type": "application/x-protobuf",
}


def messages(*pairs: tuple[str, str]) -> str:
    """A message attribute in the providers' form."""
    return json.dumps([{"role": role, "content": content} for role, content in pairs])


def llm_attributes(prompt: str = "What is the capital of France?", answer: str = "Paris.", **more: Any) -> dict[str, Any]:
    """The attributes of Kong's LLM span, payloads captured."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.usage.input_tokens": 14,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.input.messages": messages(("system", "Be brief."), ("user", prompt)),
        "gen_ai.output.messages": messages(("assistant", answer)),
        **more,
    }


def received(name: str = "chat gpt-4o-mini", attributes: Mapping[str, Any] | None = None, **changes: Any) -> ReceivedSpan:
    """A span as the mapping sees it."""
    values: dict[str, Any] = {
        "name": name,
        "trace_id": TRACE,
        "span_id": "00f067aa0ba902b7",
        "parent_span_id": "53995c3f42cd8ad8",
        "start_ns": START,
        "end_ns": START + 800_000_000,
        "attributes": llm_attributes() if attributes is None else attributes,
        "resource": RESOURCE,
    }
    return ReceivedSpan(**{**values, **changes})


def _any(value: object) -> AnyValue:
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(string_value=str(value))


def _pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any(value)) for key, value in attributes.items()]


def span(name: str = "chat gpt-4o-mini", number: int = 1, trace: int = 1, attributes: Mapping[str, Any] | None = None) -> Span:
    """One span on the wire; `number` makes its id and its start (seconds after START), `trace` its trace id."""
    return Span(
        name=name,
        trace_id=trace.to_bytes(16, "big"),
        span_id=(trace * 100 + number).to_bytes(8, "big"),
        parent_span_id=(trace * 100 + 99).to_bytes(8, "big"),
        start_time_unix_nano=START + (trace * 100 + number) * 10**9,
        end_time_unix_nano=START + (trace * 100 + number) * 10**9 + 800_000_000,
        attributes=_pairs(llm_attributes() if attributes is None else attributes),
    )


def call(trace: int = 1, **attributes: Any) -> list[Span]:
    """All spans of one call through the gateway: Kong's own and the LLM span."""
    own = [span(name, number, trace, {}) for number, name in enumerate(INFRASTRUCTURE, start=10)]
    return [*own, span(number=1, trace=trace, attributes=llm_attributes(**attributes))]


def export(spans: Sequence[Span], resource: Mapping[str, str] = RESOURCE) -> ExportTraceServiceRequest:
    """An export request of one resource."""
    scope = ScopeSpans(spans=spans)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=Resource(attributes=_pairs(resource)), scope_spans=[scope])])
