"""The client of the API server keeps its connections, and notices those that the server has closed."""

from __future__ import annotations

import json
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import pytest
import trustme
import yaml

from devcluster.api import ApiServer
from devcluster.ports import LOOPBACK
from tests.devcluster.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY: Final = b'{"kind": "Status"}'


class Server(ThreadingHTTPServer):
    """Answers every request: /missing with 404, and closes the connection after /last. `clients` are the connections so far, `bodies` what
    was sent."""

    clients: set[object]
    bodies: list[bytes]
    closed: int

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.closed += 1


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.clients.add(self.client_address)
        self.send_response(HTTPStatus.NOT_FOUND if self.path == "/missing" else HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)
        self.close_connection = self.path == "/last"

    def do_PATCH(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[Server]:
    with Server((LOOPBACK, 0), Handler) as server:
        server.daemon_threads, server.clients, server.bodies, server.closed = True, set(), [], 0
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(LOOPBACK).configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def api(authority: trustme.CA, server: Server) -> Iterator[ApiServer]:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    api = ApiServer(server.server_port, "token", context)
    yield api
    api.close()


def test_requests_share_a_connection_also_after_an_error(api: ApiServer, server: Server) -> None:
    answers = [api.get(path) for path in ("/a", "/missing", "/b")]

    assert (answers, len(server.clients)) == ([{"kind": "Status"}, None, {"kind": "Status"}], 1)


def test_a_connection_that_the_server_has_closed_is_replaced(api: ApiServer, server: Server) -> None:
    api.get("/last")
    until(lambda: server.closed == 1)

    assert (api.get("/a"), len(server.clients)) == ({"kind": "Status"}, 2)


def test_threads_do_not_share_one_at_the_same_time(api: ApiServer, server: Server) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(api.get, ["/a"] * 40))

    assert answers == [{"kind": "Status"}] * 40
    assert len(server.clients) <= 4


@pytest.mark.parametrize("content_type", ["application/apply-patch+yaml", "application/merge-patch+json"])
def test_text_arrives_as_it_is(api: ApiServer, server: Server, content_type: str) -> None:
    """YAML has no surrogate pairs, which is what JSON makes of an emoji."""
    text = 'an emoji \U0001f600, a "quote", DEL \x7f, C1 \x85'

    api.request("PATCH", "/a", {"text": text, "y": "y"}, content_type)

    (body,) = server.bodies
    assert (yaml.safe_load if content_type.endswith("yaml") else json.loads)(body) == {"text": text, "y": "y"}
