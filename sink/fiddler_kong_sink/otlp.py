"""OTLP/HTTP on the wire: decodes request bodies and encodes answers, as the OTLP specification 1.x says.

    body         protobuf or JSON, by Content-Type; anything else is 415
    encoding     gzip or none; anything else is 415
    ids in JSON  hex, where protobuf's own JSON mapping reads base64
    errors       400 and above carry a google.rpc.Status in the request's format

The size limit also holds while gzip is decompressed, so that a small stream cannot fill the memory.
"""

from __future__ import annotations

import base64
import json
import zlib
from enum import StrEnum
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

__all__ = ["MediaType", "OtlpError", "decode_body", "decode_request", "encode_response", "encode_status", "media_type"]

_INVALID_ARGUMENT: Final = 3
_GZIP_WINDOW: Final = zlib.MAX_WBITS | 16
_ID_FIELDS: Final = ("traceId", "trace_id", "spanId", "span_id", "parentSpanId", "parent_span_id")


class MediaType(StrEnum):
    """The two body formats of OTLP/HTTP."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


class OtlpError(Exception):
    """A request that the receiver rejects as a whole. `status` is the HTTP status; the text says what is wrong."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def media_type(content_type: str) -> MediaType:
    """The body's format.

    Raises:
        OtlpError: 415, if it is neither protobuf nor JSON.
    """
    try:
        return MediaType(content_type.split(";", 1)[0].strip().lower())
    except ValueError:
        raise OtlpError(f"Content-Type must be {MediaType.PROTOBUF} or {MediaType.JSON}", 415) from None


def decode_body(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its Content-Encoding, of at most `limit` bytes.

    Raises:
        OtlpError: 400 for a broken gzip stream, 413 above the limit, 415 for another encoding.
    """
    match encoding.strip().lower():
        case "" | "identity":
            plain = body
        case "gzip" | "x-gzip":
            plain = _gunzip(body, limit)
        case _:
            raise OtlpError("Content-Encoding must be gzip or absent", 415)
    if len(plain) > limit:
        raise OtlpError(f"The request must be at most {limit} bytes after decompression", 413)
    return plain


def _gunzip(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise OtlpError("The body must be gzip, as its Content-Encoding says") from None
    if not inflater.eof and len(plain) <= limit:
        raise OtlpError("The gzip stream must be complete: its end is missing")
    return plain


def decode_request(body: bytes, media: MediaType) -> ExportTraceServiceRequest:
    """The export request in an uncompressed body. An empty protobuf body is a valid request without spans.

    Raises:
        OtlpError: 400, if the body is not such a message. One string with invalid UTF-8 is enough, as with any protobuf server.
    """
    return _from_json(body) if media is MediaType.JSON else _from_protobuf(body)


def _from_protobuf(body: bytes) -> ExportTraceServiceRequest:
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise OtlpError("The body must be a protobuf ExportTraceServiceRequest, each string in it valid UTF-8") from None


def _from_json(body: bytes) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    try:
        document = _load_object(body)
        for span in _spans_in(document):
            _hex_ids_to_base64(span)
        json_format.ParseDict(document, message, ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError):
        raise OtlpError("The body must be an ExportTraceServiceRequest in OTLP's JSON form, in UTF-8, with its ids in hex") from None
    return message


def _load_object(body: bytes) -> dict[str, Any]:
    document = json.loads(body)
    if not isinstance(document, dict):
        raise TypeError("not an object")
    return document


def _items(value: Any, *names: str) -> list[Any]:
    found = next((value[name] for name in names if name in value), None) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _spans_in(document: Any) -> list[Any]:
    return [
        span
        for resource in _items(document, "resourceSpans", "resource_spans")
        for scope in _items(resource, "scopeSpans", "scope_spans")
        for span in _items(scope, "spans")
    ]


def _hex_ids_to_base64(span: Any) -> None:
    """Rewrite the ids of a span and of its links in place: protobuf's JSON mapping reads base64, OTLP's JSON has hex."""
    for holder in (span, *_items(span, "links")):
        for field in _ID_FIELDS:
            if isinstance(holder, dict) and isinstance(holder.get(field), str):
                holder[field] = base64.b64encode(bytes.fromhex(holder[field])).decode()


def encode_response(media: MediaType, rejected: int = 0, message: str = "") -> bytes:
    """The answer to an accepted request. `rejected` or `message` makes it a partial success."""
    answer = ExportTraceServiceResponse()
    if rejected or message:
        answer.partial_success.CopyFrom(ExportTracePartialSuccess(rejected_spans=rejected, error_message=message))
    if media is MediaType.JSON:
        return json_format.MessageToJson(answer, indent=None).encode()
    return answer.SerializeToString()


def encode_status(media: MediaType, message: str, code: int = _INVALID_ARGUMENT) -> bytes:
    """A google.rpc.Status: the body of every answer from 400 up. `code` is a gRPC code, by default INVALID_ARGUMENT."""
    if media is MediaType.JSON:
        return json.dumps({"code": code, "message": message}).encode()
    text = message.encode()
    return b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    """Protobuf's variable-length integer. Two fields of google.rpc.Status are no reason for another dependency (decision 1)."""
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
