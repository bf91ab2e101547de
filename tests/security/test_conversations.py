"""Callers of the gateway: hostile conversation ids reach no span, and do not spoil others' batches."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import pytest

from devcluster.stage import Stage
from tests.integration.arena import Arena
from tests.integration.own import granted

HOSTILE: Final = {
    "invalid UTF-8": b"conv-\xff\xfe\xc3\x28",
    "half a character": b"\xe2\x82",
    "seven kilobytes": b"x" * 7000,
    "a bit too long": b"x" * 257,
    "a tab": b"conv\tid",
    "Latin-1": b"conv-\xe9",
    "only spaces": b"   ",
    "a template": b"$(os.exit())",
    "Lua": b'"] os.exit() --',
}
"""Without Escape and DEL: the stand-in's HTTP server answers them with 400; tests/lua has them."""

PLAIN: Final = frozenset({"a template", "Lua"})
"""Printable texts, which are valid ids: nothing interprets them as code."""


@pytest.fixture
def _granted(stage: Stage) -> Iterator[None]:
    with granted(stage):
        yield


@pytest.fixture
def gateway(_granted: None, arena: Arena) -> Arena:
    """The stage's own gateway, whose settings the stand-in has, with a binding of this namespace."""
    arena.put(arena.binding({"gateway.targetRef": {"namespace": "kong", "name": "kong-gateway"}}))
    arena.until_ready()
    arena.until_pushed(lambda pushed: pushed.types() == ["ai-proxy", "opentelemetry", "pre-function"], "three plugins")
    arena.until(lambda: call(arena, b"warm-up") == 200, "the gateway's new pods")
    arena.until(lambda: "warm-up" in sessions(arena), "the first call's span")
    return arena


def call(arena: Arena, conversation: bytes) -> int:
    """Send one LLM call with that id as raw bytes; returns the HTTP status."""
    address = urlsplit(arena.stage.gateway.proxy_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    body = json.dumps({"messages": [{"role": "user", "content": "Hello"}]})
    try:
        connection.putrequest("POST", f"/{arena.namespace}")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("X-Fiddler-Conversation-Id", conversation)
        connection.endheaders(body.encode())
        return connection.getresponse().status
    finally:
        connection.close()


def sessions(arena: Arena) -> list[str]:
    """Session ids of the LLM spans that arrived."""
    return [span.session_id for span in arena.stage.sink.spans()]


def test_hostile_ids_fail_no_call_reach_no_span_and_lose_no_span(gateway: Arena) -> None:
    gateway.stage.sink.clear()
    statuses = {title: call(gateway, conversation) for title, conversation in HOSTILE.items()}
    for number in range(3):
        call(gateway, f"good-{number}".encode())

    def seen() -> list[str]:
        return [session for session in sessions(gateway) if session != "warm-up"]  # a span of one more warm-up may come late

    gateway.until(lambda: len(seen()) >= len(HOSTILE) + 3, "every call's span", 30)

    assert {title: status for title, status in statuses.items() if status != 200} == {}
    stamped = [session for session in seen() if not re.fullmatch(r"[0-9a-f]{32}", session)]
    assert sorted(stamped) == sorted([*(HOSTILE[title].decode() for title in PLAIN), "good-0", "good-1", "good-2"])
    assert [delivery for delivery in gateway.stage.sink.requests if delivery.status != 200] == []
