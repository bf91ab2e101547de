"""A trace endpoint that accepts everything, in its own process: `python -m benchmarks.endpoint PORT CERTIFICATE`.

It serves TLS like a real one, since TLS is most of the cost of a probe. `GET /count` returns the number of exports.
"""

from __future__ import annotations

import ssl
import sys

from aiohttp import web

__all__ = ["application"]

_EXPORTS = web.AppKey("exports", list[None])


async def _export(request: web.Request) -> web.Response:
    request.app[_EXPORTS].append(None)
    return web.Response(content_type="application/x-protobuf")


async def _application(_: web.Request) -> web.Response:
    return web.json_response({"data": {"name": "bench"}})


async def _spans(_: web.Request) -> web.Response:
    """No calls are made, so there are none."""
    return web.json_response({"data": {"items": []}})


async def _count(request: web.Request) -> web.Response:
    return web.json_response(len(request.app[_EXPORTS]))


def application() -> web.Application:
    """The endpoint."""
    app = web.Application()
    app[_EXPORTS] = []
    app.add_routes([web.post("/v1/traces", _export), web.get("/count", _count)])
    app.add_routes([web.get("/v3/applications/{id}", _application), web.post("/v3/spans/query", _spans)])
    return app


if __name__ == "__main__":
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(sys.argv[2])
    web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]), ssl_context=trust, access_log=None)
