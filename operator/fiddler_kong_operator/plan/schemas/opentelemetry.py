"""The configuration of `opentelemetry`."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .check import Schema
from .fields import BOOLEAN, HEADER, INTEGER, NUMBER, STRING, Field, choice, integer, list_of, map_of, number, record

__all__ = ["OPENTELEMETRY"]

_FORMATS: Final = ("w3c", "b3", "jaeger", "ot", "datadog", "aws", "gcp", "instana")
_INJECTED: Final = (*_FORMATS, "b3-single")
_MILLISECONDS: Final = integer(0, 2**31 - 2)
_DELAY: Final = number(0.001, 1_000_000)

OPENTELEMETRY: Final = Schema(
    record(
        traces_endpoint=STRING,
        logs_endpoint=STRING,
        access_logs_endpoint=replace(STRING, until=(3, 13)),
        access_logs=replace(record(endpoint=STRING, custom_attributes_by_lua=map_of(STRING)), since=(3, 14)),
        metrics=record(
            endpoint=STRING,
            push_interval=NUMBER,
            enable_ai_metrics=replace(BOOLEAN, since=(3, 14)),
            enable_bandwidth_metrics=BOOLEAN,
            enable_consumer_attribute=BOOLEAN,
            enable_latency_metrics=BOOLEAN,
            enable_request_metrics=BOOLEAN,
            enable_upstream_health_metrics=BOOLEAN,
        ),
        headers=map_of(STRING),
        resource_attributes=map_of(STRING),
        queue=record(
            max_batch_size=integer(1, 1_000_000),
            max_coalescing_delay=number(0, 3600),
            max_entries=integer(1, 1_000_000),
            max_bytes=INTEGER,
            max_retry_time=NUMBER,
            initial_retry_delay=_DELAY,
            max_retry_delay=_DELAY,
            concurrency_limit=Field(kind="integer", choices=(-1, 1)),
        ),
        batch_span_count=INTEGER,
        batch_flush_delay=INTEGER,
        connect_timeout=_MILLISECONDS,
        send_timeout=_MILLISECONDS,
        read_timeout=_MILLISECONDS,
        http_response_header_for_traceid=HEADER,
        header_type=choice(*_INJECTED, "preserve", "ignore"),
        sampling_rate=number(0, 1),
        sampling_strategy=choice("parent_drop_probability_fallback", "parent_probability_fallback"),
        propagation=record(
            extract=list_of(choice(*_FORMATS)),
            clear=list_of(HEADER),
            inject=list_of(choice(*_INJECTED, "preserve")),
            default_format=replace(choice(*_INJECTED), required=True),
        ),
    )
)
