"""Received spans as plain values, before any is mapped or dropped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

__all__ = ["ReceivedSpan", "Value", "received_spans"]

Value: TypeAlias = "str | bool | int | float | list[Value] | dict[str, Value] | None"
"""An attribute's value as JSON has it. Bytes become hex; infinity and NaN become text."""

_STATUS_NAMES = {Status.STATUS_CODE_OK: "OK", Status.STATUS_CODE_ERROR: "ERROR"}
_TRACE_ID_DIGITS = 32
_SPAN_ID_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedSpan:
    """One span as it was received. Ids are lower-case hex ("" for no parent), times are nanoseconds since 1970, size is protobuf bytes."""

    name: str
    trace_id: str
    span_id: str
    parent_span_id: str = ""
    start_ns: int = 0
    end_ns: int = 0
    status_code: str = "UNSET"
    status_message: str = ""
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value]
    size: int = 0

    @property
    def service_name(self) -> str:
        """The resource attribute `service.name`, or "" if it is absent or not text."""
        name = self.resource.get("service.name")
        return name if isinstance(name, str) else ""

    @property
    def has_valid_ids(self) -> bool:
        """Whether trace id (16 bytes) and span id (8 bytes) have the right length and are not all zero, as OTLP demands."""
        lengths = (len(self.trace_id), len(self.span_id)) == (_TRACE_ID_DIGITS, _SPAN_ID_DIGITS)
        return lengths and bool(self.trace_id.strip("0")) and bool(self.span_id.strip("0"))


def received_spans(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    """Every span of a request, in order, with the attributes of its resource."""
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            yield from (_received(span, resource) for span in scope_spans.spans)


def _received(span: Span, resource: Mapping[str, Value]) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status_code=_STATUS_NAMES.get(span.status.code, "UNSET"),
        status_message=span.status.message,
        attributes=_attributes(span.attributes),
        resource=resource,
        size=span.ByteSize(),
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    return _READERS[kind](value) if kind in _READERS else None


def _finite(number: float) -> Value:
    return number if math.isfinite(number) else str(number)


_READERS: dict[str, Callable[[AnyValue], Value]] = {
    "string_value": lambda value: value.string_value,
    "bool_value": lambda value: value.bool_value,
    "int_value": lambda value: value.int_value,
    "double_value": lambda value: _finite(value.double_value),
    "bytes_value": lambda value: value.bytes_value.hex(),
    "array_value": lambda value: [_value(item) for item in value.array_value.values],
    "kvlist_value": lambda value: _attributes(value.kvlist_value.values),
}
