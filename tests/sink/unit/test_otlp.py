from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiddler_kong_sink.otlp import MediaType, OtlpError, decode_body, decode_request, encode_response, encode_status, media_type
from fiddler_kong_sink.spans import received_spans
from tests.sink.exports import call, export, span

LIMIT = 1_000_000


def json_export(**changes: Any) -> dict[str, Any]:
    one = {
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "eee19b7ec3c1b174",
        "parentSpanId": "eee19b7ec3c1b173",
        "name": "chat gpt-4o-mini",
        "kind": 3,
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712661000000000",
        "attributes": [{"key": "gen_ai.usage.input_tokens", "value": {"intValue": "14"}}],
        "links": [{"traceId": "5b8efff798038103d269b633813fc60d", "spanId": "eee19b7ec3c1b175"}],
        "status": {"code": 2, "message": "no"},
        "unknownField": 1,
        **changes,
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "kong"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [one]}]}]}


@pytest.mark.parametrize(
    ("header", "media"),
    [
        ("application/x-protobuf", MediaType.PROTOBUF),
        ("application/json; charset=utf-8", MediaType.JSON),
        ("Application/JSON", MediaType.JSON),
    ],
)
def test_media_type_is_read_from_the_header(header: str, media: MediaType) -> None:
    assert media_type(header) is media


@pytest.mark.parametrize("header", ["", "text/plain", "application/grpc"])
def test_other_media_types_are_415(header: str) -> None:
    with pytest.raises(OtlpError) as refused:
        media_type(header)

    assert refused.value.status == 415


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_gzip_is_decoded(encoding: str) -> None:
    assert decode_body(gzip.compress(b"body"), encoding, LIMIT) == b"body"


@pytest.mark.parametrize("encoding", ["", "identity"])
def test_plain_body_stays(encoding: str) -> None:
    assert decode_body(b"body", encoding, LIMIT) == b"body"


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"not gzip", "gzip", 400),
        (gzip.compress(b"body" * 100, mtime=0)[:-20], "gzip", 400),
        (b"", "gzip", 400),
        (gzip.compress(bytes(LIMIT + 1), mtime=0), "gzip", 413),
        (bytes(LIMIT + 1), "", 413),
        (b"body", "br", 415),
    ],
)
def test_bodies_that_cannot_be_decoded_are_refused(body: bytes, encoding: str, status: int) -> None:
    with pytest.raises(OtlpError) as refused:
        decode_body(body, encoding, LIMIT)

    assert refused.value.status == status


def test_protobuf_request_is_decoded() -> None:
    request = export(call())

    assert decode_request(request.SerializeToString(), MediaType.PROTOBUF) == request


def test_empty_protobuf_body_is_an_empty_request() -> None:
    assert list(received_spans(decode_request(b"", MediaType.PROTOBUF))) == []


def test_invalid_utf8_in_one_string_loses_the_batch() -> None:
    body = export([span(), span("chat INVALID", 2)]).SerializeToString().replace(b"INVALID", b"\xff\xfe\xfa\xfb\xfc\xfd\xff")

    with pytest.raises(OtlpError, match="UTF-8"):
        decode_request(body, MediaType.PROTOBUF)


def test_json_ids_are_hex() -> None:
    request = decode_request(json.dumps(json_export()).encode(), MediaType.JSON)
    [one] = received_spans(request)

    assert one.trace_id == "5b8efff798038103d269b633813fc60c"
    assert (one.span_id, one.parent_span_id) == ("eee19b7ec3c1b174", "eee19b7ec3c1b173")
    assert request.resource_spans[0].scope_spans[0].spans[0].links[0].trace_id.hex() == "5b8efff798038103d269b633813fc60d"


def test_json_span_is_read_whole() -> None:
    [one] = received_spans(decode_request(json.dumps(json_export()).encode(), MediaType.JSON))

    assert one.attributes == {"gen_ai.usage.input_tokens": 14}
    assert one.service_name == "kong"
    assert (one.status_code, one.status_message) == ("ERROR", "no")
    assert one.end_ns - one.start_ns == 10**9


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"resourceSpans": 1}',
        json.dumps(json_export(traceId="xyz")).encode(),
        json.dumps(json_export(name=5)).encode(),
        json.dumps(json_export(name="\ud800")).encode(),
        b"[" * 100_000,
    ],
)
def test_json_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(OtlpError) as refused:
        decode_request(body, MediaType.JSON)

    assert refused.value.status == 400


@given(st.binary(max_size=200), st.sampled_from(MediaType))
def test_no_body_makes_the_decoder_fail_otherwise(body: bytes, media: MediaType) -> None:
    assert _status_of(body, media) in (200, 400)


def _status_of(body: bytes, media: MediaType) -> int:
    try:
        list(received_spans(decode_request(body, media)))
    except OtlpError as refused:
        return refused.status
    return 200


def test_answer_is_empty_unless_it_is_a_partial_success() -> None:
    assert encode_response(MediaType.PROTOBUF) == b""
    assert json.loads(encode_response(MediaType.JSON)) == {}
    assert json.loads(encode_response(MediaType.JSON, 2, "why")) == {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "why"}}


def test_status_is_a_google_rpc_status() -> None:
    text = "x" * 300

    assert encode_status(MediaType.PROTOBUF, text, 3) == b"\x08\x03\x12\xac\x02" + text.encode()
    assert json.loads(encode_status(MediaType.JSON, "why", 16)) == {"code": 16, "message": "why"}
