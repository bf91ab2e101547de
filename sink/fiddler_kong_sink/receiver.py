"""`POST /v1/traces`: the OTLP receiver."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

from aiohttp import web

from .admission import APPLICATION_ID_HEADER, Admitted, admit
from .failing import carry_out, delay, dress
from .faults import Fault, Faults, Surface
from .journal import Delivery, Drop, Journal
from .keys import MESSAGES, STATUSES, KeyCheck, check_key
from .otlp import MediaType, OtlpError, decode_body, decode_request, encode_response, encode_status, media_type
from .sessions import SessionStore
from .settings import SinkSettings
from .spans import received_spans

__all__ = ["Receiver"]

_RPC_CODES = {401: 16, 403: 7, 404: 5, 413: 8, 429: 8, 503: 14}
_RPC_INVALID, _RPC_INTERNAL = 3, 13


class Receiver:
    """Receives exports: it checks key, format and application, maps the spans and logs the request in the journal."""

    def __init__(self, settings: SinkSettings, store: SessionStore, journal: Journal, faults: Faults) -> None:
        self._settings = settings
        self._store = store
        self._journal = journal
        self._faults = faults

    async def export(self, request: web.Request) -> web.StreamResponse:
        """Handle one export request."""
        fault = self._faults.take(Surface.TRACES)
        entry = self._entry(request, fault)
        try:
            body = await _read(request)
            entry = replace(entry, size=len(body))
            if fault is not None and not fault.accepts:
                return await self._fail(fault, entry, request)
            return await self._take_in(fault, entry, body)
        except OtlpError as error:
            return self._refuse(entry, error)

    def _entry(self, request: web.Request, fault: Fault | None) -> Delivery:
        headers = request.headers
        return Delivery(
            at=datetime.now(UTC),
            key=check_key(headers.get("Authorization"), self._settings),
            application_header=headers.get(APPLICATION_ID_HEADER, ""),
            content_type=headers.get("Content-Type", ""),
            content_encoding=headers.get("Content-Encoding", ""),
            user_agent=headers.get("User-Agent", ""),
            fault=fault.mode if fault else "",
        )

    async def _fail(self, fault: Fault, entry: Delivery, request: web.Request) -> web.StreamResponse:
        self._journal.record(replace(entry, status=fault.answered, error="The sink failed on purpose"))
        return await carry_out(fault, request, partial(_error, entry.content_type))

    async def _take_in(self, fault: Fault | None, entry: Delivery, body: bytes) -> web.StreamResponse:
        if fault is not None:
            await delay(fault)
        media, admitted = self._admit(entry, body)
        self._keep(replace(entry, status=(fault and fault.answered) or HTTPStatus.OK), admitted)
        response = web.Response(body=self._answer(media, admitted), content_type=media)
        return dress(response, fault) if fault else response

    def _admit(self, entry: Delivery, body: bytes) -> tuple[MediaType, Admitted]:
        check = KeyCheck(entry.key)
        if check is not KeyCheck.ACCEPTED:
            raise OtlpError(MESSAGES[check], STATUSES[check])
        media = media_type(entry.content_type)
        plain = decode_body(body, entry.content_encoding, self._settings.max_body_bytes)
        spans = received_spans(decode_request(plain, media))
        return media, admit(spans, entry.application_header, self._settings)

    def _keep(self, entry: Delivery, admitted: Admitted) -> None:
        is_new = [self._store.add(span) for span in admitted.kept]
        drops = tuple(Drop(entry.at, reason, span) for reason, span in admitted.dropped)
        counted = replace(
            entry,
            spans=len(admitted.kept) + len(drops),
            kept=len(admitted.kept),
            repeated=is_new.count(False),
            dropped=dict(Counter(drop.reason.value for drop in drops)),
        )
        self._journal.record(counted, drops)

    def _answer(self, media: MediaType, admitted: Admitted) -> bytes:
        rejected = len(admitted.dropped)
        if not (self._settings.report_drops and rejected):
            return encode_response(media)
        reasons = sorted({reason.value for reason, _ in admitted.dropped})
        return encode_response(media, rejected, f"Dropped: {', '.join(reasons)}")

    def _refuse(self, entry: Delivery, error: OtlpError) -> web.Response:
        self._journal.record(replace(entry, status=error.status, error=str(error)))
        return _error(entry.content_type, error.status, str(error))


async def _read(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise OtlpError("The request is larger than this server takes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE) from None


def _error(content_type: str, status: int, message: str) -> web.Response:
    """An error in the request's own format, as OTLP demands; in JSON where the request has neither format."""
    try:
        media = media_type(content_type)
    except OtlpError:
        media = MediaType.JSON
    fallback = _RPC_INTERNAL if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _RPC_INVALID
    return web.Response(status=status, body=encode_status(media, message, _RPC_CODES.get(status, fallback)), content_type=media)
