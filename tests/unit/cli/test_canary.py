"""`fiddler-kong canary` against a gateway and a Fiddler that are one small HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import click.testing
import pytest
from click.testing import CliRunner

from fiddler_kong_operator.cli import main
from tests.unit.observe.objects import ATTACHED, EXPOSED, LLM, binding, secret, spec
from tests.unit.runtime.apis import WatchableCluster

KEYS: Final = (secret("fiddler", value=b"canary-fiddler-key"), secret("openai", value=b"canary-provider-key"))
LOOPBACK: Final = ("--probe-allow-http", "--probe-allowed-addresses=127.0.0.0/8")


@dataclass
class World:
    """The answers of the gateway and of Fiddler, and what both were asked."""

    url: str = ""
    status: int = 200
    reading: int = 200
    wait: str = "0"
    """Retry-After of Fiddler's answers."""
    span: dict[str, Any] | None = field(default_factory=lambda: {"span_type": "llm", "input": "x"})
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        if path != "/v3/spans/query":
            self.calls.append((path, headers))
            return self.status, {"error": "canary-provider-key is wrong"}
        self.keys.add(headers["authorization"])
        session = self.calls[-1][1].get("x-fiddler-conversation-id")
        seen = {"name": "chat gpt", "start_time": datetime.now(UTC).isoformat(), "session_id": session, "trace_id": "0f"}
        return self.reading, {"data": {"items": [{**seen, "session_id": "another"}, *([{**seen, **self.span}] if self.span else [])]}}


@pytest.fixture
def world() -> Iterator[World]:
    known = World()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, content = known.answer(self.path, {name.lower(): value for name, value in self.headers.items()})
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", known.wait)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        known.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield known
        server.shutdown()


def canary(world: World, *args: str, given: str | None = None, routes: tuple[Any, ...] = (), **fields: Any) -> click.testing.Result:
    """Run it for the binding `assistant`; it writes nothing and shows no key."""
    wanted = spec(*routes, **fields)
    wanted["fiddler"]["url"] = world.url
    cluster = WatchableCluster(binding(spec_=wanted), *KEYS)
    options = ("assistant", "-n", "ai", "--timeout=3", *LOOPBACK, *(args if "--url" in args else ("--url", world.url, *args)))
    result = CliRunner().invoke(main, ["canary", *options], input=given, obj=cluster)
    assert cluster.writes == []
    assert "canary-fiddler-key" not in result.output
    assert "canary-provider-key" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_it_calls_the_route_and_says_when_the_span_is_in_fiddler(world: World) -> None:
    result = canary(world, "--yes", "--header", "apikey: of-the-client")

    ((path, headers),) = world.calls
    assert (result.exit_code, path, headers["apikey"]) == (0, "/openai", "of-the-client")
    session = headers["x-fiddler-conversation-id"]
    assert result.stdout.splitlines()[0] == f"conversation  {session}"
    assert f"POST {world.url}/openai: 200" in result.stdout
    assert "span          in Fiddler after" in result.stdout
    assert "text          captured" in result.stdout
    assert "session       that of the conversation" in result.stdout
    assert world.keys == {"Bearer canary-fiddler-key"}


@pytest.mark.parametrize("answer", ["n\n", ""], ids=["no", "nobody there"])
def test_without_a_yes_nothing_is_sent(world: World, answer: str) -> None:
    result = canary(world, given=answer)

    assert (result.exit_code, world.calls) == (2, [])
    assert result.stderr.endswith("Error: nothing was sent. --yes sends the call without asking.\n")


def test_it_asks_before_the_call_costs_tokens(world: World) -> None:
    asked = canary(world, given="y\n")

    assert asked.exit_code == 0
    assert f"This sends one call to {world.url}/openai, which may cost tokens." in asked.stderr


def test_a_span_of_another_conversation_is_not_taken_for_its_own(world: World) -> None:
    world.span = None

    result = canary(world, "--yes")

    assert result.exit_code == 1
    assert "did not arrive. Run fiddler-kong doctor" in result.stdout


@pytest.mark.parametrize(
    ("span", "line"),
    [
        ({"span_type": "llm", "input": ""}, "text          none: payloads is Disabled"),
        ({"span_type": "Unknown"}, "type          not taken for a span of Kong"),
    ],
)
def test_what_the_span_lacks_is_said(world: World, span: dict[str, Any], line: str) -> None:
    world.span = span

    result = canary(world, "--yes")

    assert result.exit_code == 0
    assert line in result.stdout


def test_without_stamped_sessions_any_span_since_the_call_counts(world: World) -> None:
    result = canary(world, "--yes", sessions={"mode": "Disabled"})

    assert result.exit_code == 0
    assert "none: the binding stamps no conversation id" in result.stdout


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "refuses the key"), (404, "has this path and host"), (500, "see the log of the gateway")]
)
def test_a_call_that_fails_is_not_waited_for(world: World, status: int, hint: str) -> None:
    world.status = status

    result = canary(world, "--yes")

    assert (result.exit_code, world.keys) == (1, set())
    assert f"/openai: {status}" in result.stdout
    assert hint in result.stderr


def test_a_gateway_that_cannot_be_reached_is_said(world: World) -> None:
    result = canary(world, "--yes", "--url", "http://127.0.0.1:1")

    assert result.exit_code == 1
    assert "the gateway cannot be reached at this URL" in result.stdout


@pytest.mark.parametrize(("status", "says"), [(403, "this key may not read spans"), (500, "unknown: Fiddler answers 500")])
def test_a_fiddler_that_does_not_tell_is_no_arrival(world: World, status: int, says: str) -> None:
    world.reading = status

    result = canary(world, "--yes")

    assert result.exit_code == 1
    assert says in result.stdout


@pytest.mark.parametrize(
    ("routes", "args", "says"),
    [
        ((EXPOSED, {**EXPOSED, "name": "second", "expose": {"path": "/second"}}), (), "Choose a route with --route: openai, second."),
        ((ATTACHED,), (), "Route chat attaches to an object of yours: say its path with --path."),
        ((EXPOSED,), ("--route", "nobody"), "Choose a route with --route: openai."),
        (
            ({**EXPOSED, "llm": {**LLM, "routeType": "llm/v1/embeddings"}},),
            ("--route", "openai"),
            "Route openai takes llm/v1/embeddings in the form of openai: this command sends only chats",
        ),
    ],
    ids=["several", "attached", "unknown", "no chat"],
)
def test_a_route_that_cannot_be_called_is_named(world: World, routes: tuple[Any, ...], args: tuple[str, ...], says: str) -> None:
    result = canary(world, "--yes", *args, routes=routes)

    assert (result.exit_code, world.calls) == (2, [])
    assert says in result.stderr


def test_an_attached_route_is_called_at_the_path_given(world: World) -> None:
    result = canary(world, "--yes", "--path", "/chat", "--host", "llm.example.com", routes=(ATTACHED,))

    assert result.exit_code == 0
    assert [(path, headers["host"]) for path, headers in world.calls] == [("/chat", "llm.example.com")]


def test_a_binding_or_a_key_that_is_not_there_is_named(world: World) -> None:
    wanted = spec()
    wanted["fiddler"]["url"] = world.url
    for objects, says in (((), "There is no FiddlerKongBinding ai/assistant."), ((binding(spec_=wanted),), "SecretNotFound")):
        options = ["canary", "assistant", "-n", "ai", "--url", world.url, "--yes"]
        result = CliRunner().invoke(main, options, obj=WatchableCluster(*objects))
        assert result.exit_code == 2
        assert says in result.stderr


def test_a_header_without_a_colon_is_wrong_use(world: World) -> None:
    result = canary(world, "--yes", "--header", "apikey")

    assert result.exit_code == 2
    assert "must be 'NAME: VALUE'" in result.stderr


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "not PEM"])
def test_a_ca_bundle_that_cannot_be_read_is_named_before_anything_is_sent(world: World, tmp_path: Path, content: str | None) -> None:
    bundle = tmp_path / "ca.pem"
    if content:
        bundle.write_text(content)

    result = canary(world, "--yes", f"--probe-ca-file={bundle}")

    assert (result.exit_code, world.calls) == (2, [])
    assert f"--probe-ca-file: {bundle} cannot be read" in result.stderr


def test_a_fiddler_that_asks_to_be_left_alone_for_longer_than_the_timeout_ends_the_wait(world: World) -> None:
    world.reading, world.wait = 429, "3600"

    result = canary(world, "--yes")

    assert result.exit_code == 1
    assert "unknown: Fiddler answers 429" in result.stdout


def test_the_conversation_that_is_waited_for_is_the_one_that_is_sent(world: World) -> None:
    result = canary(world, "--yes", "--header", "x-fiddler-conversation-id: of-the-user")

    assert result.exit_code == 0
    assert world.calls[0][1]["x-fiddler-conversation-id"].startswith("canary-")


@pytest.mark.parametrize("seconds", ["nan", "inf", "0"])
def test_a_timeout_is_a_number_of_seconds(seconds: str) -> None:
    result = CliRunner().invoke(main, ["canary", "assistant", "--url", "http://localhost", f"--timeout={seconds}"])

    assert result.exit_code == 2
    assert "Invalid value for '--timeout'" in result.stderr


@pytest.mark.parametrize("args", [["../secrets"], ["a?b"], ["assistant", "-n", "ai/x"]])
def test_only_what_can_be_a_name_is_asked_for(args: list[str]) -> None:
    result = CliRunner().invoke(main, ["canary", "--url", "http://localhost", *args])

    assert result.exit_code == 2
    assert "cannot be the name of an object in Kubernetes" in result.stderr


@pytest.mark.parametrize(
    "url", ["localhost:8000", "", "ftp://gateway", "http://", "http://[::1", "http://u:canary-provider-key@gateway", "http://h:x"]
)
def test_the_address_of_the_gateway_must_be_one(world: World, url: str) -> None:
    result = canary(world, "--yes", "--url", url)

    assert result.exit_code == 2
    assert "must be http:// or https://, a host" in result.stderr
