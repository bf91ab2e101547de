"""Carries out a `faults.Fault`: a wrong answer, a late one, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeAlias

from aiohttp import web

from .faults import Fault

__all__ = ["Refusal", "carry_out", "delay", "dress"]

Refusal: TypeAlias = Callable[[int, str], web.Response]
"""Makes an error response from a status and a message, in the format of the interface that was called."""

_SIGN_IN: Final = "<!doctype html><title>Sign in</title><p>This page is not an OTLP answer: a proxy's sign-in page looks like this."


async def delay(fault: Fault) -> None:
    """Wait for the fault's delay, if it has one."""
    if fault.mode == "slow":
        await asyncio.sleep(fault.delay)


def dress(response: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    """The usual response with the fault's status."""
    if fault.status is not None:
        response.set_status(fault.status)
    if fault.status == HTTPStatus.NO_CONTENT and isinstance(response, web.Response):
        response.body = None
    return response


async def carry_out(fault: Fault, request: web.Request, refuse: Refusal) -> web.StreamResponse:
    """Answer a request that the fault rejects."""
    match fault.mode:
        case "hang":
            await asyncio.get_running_loop().create_future()
            raise AssertionError("unreachable")
        case "cut":
            return await _cut(request)
        case "close":
            _close(request)
            return web.Response()
        case "redirect":
            return web.Response(status=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": fault.location})
        case "html":
            return web.Response(text=_SIGN_IN, content_type="text/html")
        case _:
            return _refusal(fault, refuse)


def _refusal(fault: Fault, refuse: Refusal) -> web.Response:
    status = fault.status or HTTPStatus.INTERNAL_SERVER_ERROR
    response = refuse(status, "The sink fails on purpose (see /api/faults)")
    if fault.retry_after_header is not None:
        response.headers["Retry-After"] = fault.retry_after_header
    return response


async def _cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-protobuf", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"\x0a")
    _close(request)
    return response


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()
