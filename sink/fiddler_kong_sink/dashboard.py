"""The web page and the small JSON interface behind it.

    GET    /                 the page; all its files come from this package
    GET    /api/state        sessions, drops, deliveries, fault; with an ETag, so that polling is cheap while nothing changes
    GET    /api/session      one session with its spans (query: application, id)
    DELETE /api/traces       forget everything received
    GET, PUT, DELETE /api/faults   the current fault: for development only

Prompts and answers reach the browser as JSON, and the page shows them as text, never as markup.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict
from importlib.resources import files
from typing import Any, Final

from aiohttp import web
from pydantic import ValidationError

from .admission import EXPLANATIONS
from .faults import Fault, Faults
from .journal import Delivery, Drop, Journal
from .mapping import INPUT_SYSTEM, MappedSpan
from .query import iso_time, span_item
from .sessions import Session, SessionStore
from .settings import SinkSettings
from .validation import describe

__all__ = ["Dashboard"]

_ASSETS: Final = {
    "": ("index.html", "text/html"),
    "app.js": ("app.js", "text/javascript"),
    "views.js": ("views.js", "text/javascript"),
    "style.css": ("style.css", "text/css"),
}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_LISTED: Final = 200
"""The most sessions, drops and deliveries that the page gets. Its counts are totals."""


class Dashboard:
    """Routes of the page and of `/api`. They need no key: everyone who can reach the sink can read them."""

    def __init__(self, settings: SinkSettings, store: SessionStore, journal: Journal, faults: Faults) -> None:
        self._settings = settings
        self._store = store
        self._journal = journal
        self._faults = faults
        self._run = secrets.token_hex(4)

    def routes(self) -> list[web.RouteDef]:
        """The routes for the server's application."""
        return [
            *(web.get(f"/{path}", self._asset) for path in _ASSETS),
            web.get("/api/state", self._state),
            web.get("/api/session", self._session),
            web.delete("/api/traces", self._clear),
            web.get("/api/faults", self._fault),
            web.put("/api/faults", self._set_fault),
            web.delete("/api/faults", self._clear_fault),
        ]

    async def _asset(self, request: web.Request) -> web.Response:
        name, content_type = _ASSETS[request.path.removeprefix("/")]
        body = files(__package__).joinpath("page", name).read_bytes()
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=_HEADERS)

    async def _state(self, request: web.Request) -> web.Response:
        etag = f'"{self._run}-{self._journal.revision}-{self._faults.revision}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        return web.json_response(self._state_document(), headers=headers)

    def _state_document(self) -> dict[str, Any]:
        sessions = self._store.sessions()
        return {
            "applications": [application.model_dump(mode="json") for application in self._settings.applications],
            "sessions": [_session_summary(session, self._settings) for session in sessions[:_LISTED]],
            "session_count": len(sessions),
            "span_count": len(self._store),
            "total_tokens": sum(session.total_tokens for session in sessions),
            "drops": [_drop_document(drop) for drop in reversed(self._journal.drops[-_LISTED:])],
            "drop_counts": self._drop_counts(),
            "deliveries": [_delivery_document(delivery) for delivery in reversed(self._journal.deliveries[-_LISTED:])],
            "delivery_count": self._journal.delivery_count,
            "refused_count": self._journal.refused,
            "fault": _fault_document(self._faults),
        }

    def _drop_counts(self) -> list[dict[str, Any]]:
        counts = self._journal.drop_counts.most_common()
        return [{"reason": reason, "count": count, "explanation": EXPLANATIONS[reason]} for reason, count in counts]

    async def _session(self, request: web.Request) -> web.Response:
        session = self._store.session(request.query.get("application", ""), request.query.get("id", ""))
        if session is None:
            return web.json_response({"message": "The sink has no such session (any more)"}, status=404)
        summary = _session_summary(session, self._settings)
        return web.json_response({**summary, "spans": [_span_document(span) for span in session.spans]})

    async def _clear(self, _request: web.Request) -> web.Response:
        self._store.clear()
        self._journal.clear()
        return web.json_response({})

    async def _fault(self, _request: web.Request) -> web.Response:
        return web.json_response(_fault_document(self._faults))

    async def _set_fault(self, request: web.Request) -> web.Response:
        try:
            fault = Fault.model_validate_json(await request.read())
        except ValidationError as error:
            return web.json_response({"message": describe(error)}, status=400)
        self._faults.set(fault)
        return await self._fault(request)

    async def _clear_fault(self, request: web.Request) -> web.Response:
        self._faults.clear()
        return await self._fault(request)


def _fault_document(faults: Faults) -> dict[str, Any] | None:
    return faults.current.model_dump(mode="json") if faults.current else None


def _session_summary(session: Session, settings: SinkSettings) -> dict[str, Any]:
    application = settings.application(session.application_id)
    return {
        "application_id": session.application_id,
        "application_name": application.name if application else "",
        "session_id": session.session_id,
        "by_trace": all(span.groups_by_trace for span in session.spans),
        "span_count": len(session.spans),
        "llm_count": len(session.llm_spans),
        "models": session.models,
        "providers": session.providers,
        "input_tokens": session.input_tokens,
        "output_tokens": session.output_tokens,
        "total_tokens": session.total_tokens,
        "started_at": iso_time(session.started_ns),
        "ended_at": iso_time(session.ended_ns),
        "input": session.input,
        "output": session.output,
    }


def _span_document(span: MappedSpan) -> dict[str, Any]:
    received = span.received
    return {
        **span_item(span),
        "system": span.text(INPUT_SYSTEM),
        "model": span.text("gen_ai.response.model") or span.text("gen_ai.request.model"),
        "provider": span.text("gen_ai.provider.name"),
        "input_tokens": span.input_tokens,
        "output_tokens": span.output_tokens,
        "total_tokens": span.total_tokens,
        "duration_ms": max(received.end_ns - received.start_ns, 0) / 1e6,
        "status_message": received.status_message,
        "received_parent_span_id": received.parent_span_id,
        "attributes": span.attributes,
        "received_attributes": received.attributes,
        "resource": received.resource,
    }


def _drop_document(drop: Drop) -> dict[str, Any]:
    span = drop.span
    return {
        "at": drop.at.isoformat(timespec="milliseconds"),
        "reason": drop.reason.value,
        "name": span.name,
        "service_name": span.service_name,
        "trace_id": span.trace_id,
    }


def _delivery_document(delivery: Delivery) -> dict[str, Any]:
    return {**asdict(delivery), "at": delivery.at.isoformat(timespec="milliseconds")}
