"""The REST calls of Fiddler that the operator uses, in the envelopes of Fiddler's public Python client.

    GET  /v3/applications/{id}   name and project, or 404 with the reason ObjectNotFound
    POST /v3/spans/query         spans of an application, newest first
    GET  /v3/server-info         version and organisation

An answer is `{data, api_version, kind}` with the kind NORMAL or PAGINATED; an error is `{error: {code, message, errors: [{reason, message,
help}]}, api_version, kind: ERROR}`. Fiddler publishes only the reason ObjectNotFound; the others are the sink's own.
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web
from pydantic import ValidationError

from .failing import carry_out, delay, dress
from .faults import Fault, Faults, Surface
from .keys import MESSAGES, STATUSES, KeyCheck, check_key
from .query import Page, SpanQuery, find_spans
from .sessions import SessionStore
from .settings import Application, SinkSettings
from .validation import describe

__all__ = ["Rest"]

_API_VERSION: Final = "3.0"
_ORGANIZATION: Final = {"id": str(uuid5(NAMESPACE_URL, "urn:fiddler-kong-sink:organization")), "name": "fiddler-kong-sink"}
_REASONS: Final = {400: "ValidationError", 401: "Unauthorized", 403: "Forbidden", 404: "ObjectNotFound", 429: "TooManyRequests"}


class RestError(Exception):
    """An error answer, before it has its envelope."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Rest:
    """The `/v3` routes."""

    def __init__(self, settings: SinkSettings, store: SessionStore, faults: Faults) -> None:
        self._settings = settings
        self._store = store
        self._faults = faults

    def application(self) -> web.Application:
        """An application to mount at `/v3`."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/applications/{id}", self._application)
        app.router.add_post("/spans/query", self._query)
        app.router.add_get("/server-info", self._server_info)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        fault = self._faults.take(Surface.REST)
        if fault is not None and not fault.accepts:
            return await carry_out(fault, request, _error)
        if fault is not None:
            await delay(fault)
        return _dressed(await self._answer(request, handler), fault)

    async def _answer(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            self._check_key(request)
            response: web.StreamResponse = await handler(request)
        except RestError as error:
            return _error(error.status, str(error))
        except web.HTTPException as error:
            return _error(error.status, error.reason)
        return response

    def _check_key(self, request: web.Request) -> None:
        check = check_key(request.headers.get("Authorization"), self._settings)
        if check is KeyCheck.ACCEPTED and self._settings.ingest_only:
            check = KeyCheck.FORBIDDEN
        if check is not KeyCheck.ACCEPTED:
            raise RestError(STATUSES[check], MESSAGES[check])

    def _known(self, application_id: str) -> Application:
        known = self._settings.application(application_id)
        if known is None:
            raise RestError(HTTPStatus.NOT_FOUND, "The application does not exist")
        return known

    async def _application(self, request: web.Request) -> web.Response:
        known = self._known(request.match_info["id"])
        project = {"id": str(known.project_id), "name": known.project}
        return _normal({"id": str(known.id), "name": known.name, "project": project, "organization": _ORGANIZATION})

    async def _query(self, request: web.Request) -> web.Response:
        try:
            query = SpanQuery.model_validate_json(await request.read())
        except ValidationError as error:
            raise RestError(HTTPStatus.BAD_REQUEST, describe(error)) from None
        self._known(str(query.application_id))
        return _paginated(query, find_spans(query, self._store.spans()))

    async def _server_info(self, _request: web.Request) -> web.Response:
        return _normal({"feature_flags": {}, "server_version": "0.0.0+sink", "organization": _ORGANIZATION})


def _dressed(response: web.StreamResponse, fault: Fault | None) -> web.StreamResponse:
    return dress(response, fault) if fault else response


def _normal(data: dict[str, Any]) -> web.Response:
    return web.json_response({"data": data, "api_version": _API_VERSION, "kind": "NORMAL"})


def _paginated(query: SpanQuery, page: Page) -> web.Response:
    data = {
        "page_size": query.page_size,
        "total": page.total,
        "item_count": len(page.items),
        "page_count": math.ceil(page.total / query.page_size),
        "page_index": query.offset // query.page_size + 1,
        "offset": query.offset,
        "items": page.items,
    }
    return web.json_response({"data": data, "api_version": _API_VERSION, "kind": "PAGINATED"})


def _error(status: int, message: str) -> web.Response:
    item = {"reason": _REASONS.get(status, "ServerError"), "message": message, "help": ""}
    error = {"code": status, "message": message, "errors": [item]}
    return web.json_response({"error": error, "api_version": _API_VERSION, "kind": "ERROR"}, status=status)
