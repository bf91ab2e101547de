"""Encodes spans as an OTLP `ExportTraceServiceRequest`, with strings as Kong's encoder writes them: without checking their UTF-8.

Python's protobuf refuses invalid UTF-8, Kong does not, and the receiver then cannot decode the *whole* batch. So this module encodes
the parts with such strings itself; `opentelemetry-proto` encodes the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .spans import AttributeValue, Span

__all__ = ["encode_spans"]

_LENGTH_DELIMITED: Final = 2
_REQUEST_RESOURCE_SPANS, _RESOURCE_SPANS_SCOPE_SPANS, _SCOPE_SPANS_SPANS = 1, 2, 2
_SPAN_ATTRIBUTES, _RESOURCE_ATTRIBUTES = 9, 1
_KEY, _VALUE, _STRING_VALUE = 1, 2, 1
_INT64: Final = 2**63
_KINDS: Final = {1: SpanMessage.SPAN_KIND_INTERNAL, 2: SpanMessage.SPAN_KIND_SERVER, 3: SpanMessage.SPAN_KIND_CLIENT}


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:  # noqa: PLR2004 - seven bits a byte
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(payload)) + payload


def _raw(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate from a client's JSON
        return text.encode("utf-8", "replace")


def _any_value(value: AttributeValue) -> bytes:
    if isinstance(value, str | bytes):
        return _field(_STRING_VALUE, _raw(value))
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=item) for item in value])).SerializeToString()
    if isinstance(value, bool):
        return AnyValue(bool_value=value).SerializeToString()
    is_int64 = isinstance(value, int) and -_INT64 <= value < _INT64
    return (AnyValue(int_value=int(value)) if is_int64 else AnyValue(double_value=float(value))).SerializeToString()


def _attributes(number: int, attributes: Mapping[str, AttributeValue] | Mapping[str | bytes, AttributeValue]) -> bytes:
    pairs = (_field(_KEY, _raw(key)) + _field(_VALUE, _any_value(value)) for key, value in attributes.items())
    return b"".join(_field(number, pair) for pair in pairs)


def _span(span: Span) -> bytes:
    status = Status(code=Status.STATUS_CODE_ERROR, message=span.error) if span.error else Status()
    message = SpanMessage(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_id or b"",
        name=span.name,
        kind=_KINDS[span.kind],
        start_time_unix_nano=span.start,
        end_time_unix_nano=span.end,
        status=status,
    )
    return message.SerializeToString() + _attributes(_SPAN_ATTRIBUTES, span.attributes)


def encode_spans(spans: Iterable[Span], resource: Mapping[str, AttributeValue]) -> bytes:
    """The protobuf body of one export: all spans under one resource and Kong's scope `kong-internal`."""
    scope = ScopeSpans(scope=InstrumentationScope(name="kong-internal", version="0.1.0")).SerializeToString()
    scope += b"".join(_field(_SCOPE_SPANS_SPANS, _span(span)) for span in spans)
    resource_message = Resource().SerializeToString() + _attributes(_RESOURCE_ATTRIBUTES, resource)
    resource_field = ResourceSpans.DESCRIPTOR.fields_by_name["resource"].number
    body = _field(resource_field, resource_message) + _field(_RESOURCE_SPANS_SCOPE_SPANS, scope)
    return _field(_REQUEST_RESOURCE_SPANS, body)
