"""The doctor's program for the gateway's pod in LuaJIT, with a scripted network. tests/lua has no nginx: sockets are stand-ins here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from lupa.luajit21 import LuaRuntime  # type: ignore[import-untyped]

from fiddler_kong_operator.doctor.reach import Goal
from fiddler_kong_operator.plan.acceptance.endpoint import Endpoint

PROGRAM = Goal(Endpoint("https", "acme.fiddler.ai", 443)).command[3]
RESOLV = "nameserver 10.96.0.10\nsearch kong.svc.cluster.local svc.cluster.local\noptions ndots:5\n"
HARNESS = """
return function(program, world)
  local written = {}
  local function socket()
    return {
      settimeouts = function() end,
      connect = function(_, name, port) return world.connect(name, port) end,
      sslhandshake = function(_, session, name, verify) return world.handshake(name, verify) end,
      send = function(_, parts) return world.send(table.concat(parts)) end,
      receive = function(_, bytes) return world.receive(bytes) end,
    }
  end
  local environment = setmetatable({
    require = function() return { encode = world.encode } end,
    os = { getenv = world.getenv, exit = function(code) written.code = code end },
    io = {
      open = function(name)
        local text = world.file(name)
        return text and { lines = function() return text:gmatch("[^\\n]+") end }
      end,
      stdout = { write = function(_, text) written.text = text end, flush = function() end },
    },
    ngx = {
      socket = { tcp = socket },
      sleep = function() error("it waits") end,
      thread = { spawn = function(run) return run end, wait = function(run) return true, run() end },
    },
  }, { __index = _G })
  setfenv(assert(loadstring(program, "=reach")), environment)()
  return written.text, written.code
end
"""


@dataclass
class World:
    """A network and its files: the names that resolve, what each step says, and what was sent."""

    host: str = "acme.fiddler.ai"
    scheme: str = "https"
    port: int = 443
    known: tuple[str, ...] = ("acme.fiddler.ai",)
    hosts: str = ""
    resolv: str = RESOLV
    trouble: dict[str, str] = field(default_factory=dict)
    answer: str = "HTTP/1.1 401"
    asked: list[str] = field(default_factory=list)
    sent: str = ""
    verified: tuple[Any, ...] = ()

    def run(self) -> dict[str, Any]:
        lua = LuaRuntime(unpack_returned_tuples=True)
        start = lua.execute(HARNESS)
        steps = ("connect", "handshake", "send", "receive", "getenv", "file", "encode")
        text, code = start(PROGRAM, lua.table_from({step: getattr(self, step) for step in steps}))
        assert code == 0
        found: dict[str, Any] = json.loads(text)
        return found

    def getenv(self, name: str) -> str | None:
        sent = {"FIDDLER_SCHEME": self.scheme, "FIDDLER_HOST": self.host, "FIDDLER_PORT": str(self.port), "FIDDLER_PATH": "/v1/traces"}
        return sent.get(name)

    def file(self, name: str) -> str | None:
        return {"/etc/hosts": self.hosts, "/etc/resolv.conf": self.resolv}[name] or None

    def encode(self, table: Any) -> str:
        return json.dumps(dict(table))

    def connect(self, name: str, port: int) -> Any:
        self.asked.append(name)
        assert port == self.port
        if name not in self.known:
            return None, f"{name} could not be resolved (3: Host not found)"
        return (None, self.trouble["connect"]) if "connect" in self.trouble else 1

    def handshake(self, name: str, verify: bool) -> Any:  # noqa: FBT001 - as Lua calls it
        self.verified = (name, verify)
        return (None, self.trouble["handshake"]) if "handshake" in self.trouble else True

    def send(self, text: str) -> Any:
        self.sent = text
        return (None, self.trouble["send"]) if "send" in self.trouble else len(text)

    def receive(self, size: int) -> Any:
        return (None, "closed", self.answer) if len(self.answer) < size else self.answer[:size]


def test_an_answer_is_told_with_its_status() -> None:
    world = World()

    assert world.run() == {"stage": "answer", "status": 401}
    assert world.verified == ("acme.fiddler.ai", True)
    assert world.sent.splitlines()[:2] == ["POST /v1/traces HTTP/1.1", "Host: acme.fiddler.ai"]
    assert world.sent.endswith("Content-Length: 0\r\nConnection: close\r\n\r\n")
    assert "authorization" not in world.sent.lower()


def test_without_tls_there_is_no_handshake() -> None:
    world = World(scheme="http", port=4318)

    assert world.run() == {"stage": "answer", "status": 401}
    assert (world.verified, "Host: acme.fiddler.ai:4318\r\n" in world.sent) == ((), True)


@pytest.mark.parametrize(
    ("trouble", "stage", "error"),
    [
        ({"connect": "connection refused"}, "connect", "connection refused"),
        ({"connect": "timeout"}, "connect", "timeout"),
        ({"handshake": "certificate host mismatch"}, "handshake", "certificate host mismatch"),
        ({"handshake": "x" * 999}, "handshake", "x" * 200),
        ({"send": "broken pipe"}, "request", "broken pipe"),
    ],
)
def test_the_stage_that_fails_is_told(trouble: dict[str, str], stage: str, error: str) -> None:
    assert World(trouble=trouble).run() == {"stage": stage, "error": error}


@pytest.mark.parametrize(
    ("answer", "error"), [("", "closed"), ("HTTP", "no HTTP"), ("\0\0\x12\4" * 4, "no HTTP"), ("HTTP/2.0 200", "no HTTP")]
)
def test_an_answer_that_is_no_http_is_told(answer: str, error: str) -> None:
    assert World(answer=answer).run() == {"stage": "request", "error": error}


@pytest.mark.parametrize(
    ("host", "resolv", "asked"),
    [
        ("acme.fiddler.ai", RESOLV, ["acme.fiddler.ai.kong.svc.cluster.local", "acme.fiddler.ai.svc.cluster.local", "acme.fiddler.ai"]),
        ("acme.fiddler.ai", "search a b\noptions ndots:2 edns0\n", ["acme.fiddler.ai", "acme.fiddler.ai.a", "acme.fiddler.ai.b"]),
        ("collector", "search a\n", ["collector.a", "collector"]),
        ("acme.fiddler.ai", "search a\n", ["acme.fiddler.ai", "acme.fiddler.ai.a"]),
        ("acme.fiddler.ai", "", ["acme.fiddler.ai"]),
        ("acme.fiddler.ai.", RESOLV, ["acme.fiddler.ai"]),
        ("10.1.2.3", RESOLV, ["10.1.2.3"]),
        ("[fd00::1]", RESOLV, ["[fd00::1]"]),
    ],
)
def test_names_are_tried_as_the_pods_resolver_would(host: str, resolv: str, asked: list[str]) -> None:
    world = World(host=host, resolv=resolv, known=())

    assert world.run()["stage"] == "resolve"
    assert world.asked == asked


def test_a_name_in_etc_hosts_needs_no_dns() -> None:
    world = World(hosts="127.0.0.1 localhost\n# 10.0.0.1 acme.fiddler.ai\n10.9.8.7\tother ACME.fiddler.ai # private\n", known=("10.9.8.7",))

    assert world.run() == {"stage": "answer", "status": 401}
    assert (world.asked, world.verified) == (["10.9.8.7"], ("acme.fiddler.ai", True))


def test_an_error_inside_is_told_and_does_not_end_it() -> None:
    class Raising(World):
        def handshake(self, name: str, verify: bool) -> Any:  # noqa: FBT001 - as Lua calls it
            raise ValueError(f"assertion failed: {name} {verify}")

    found = Raising().run()

    assert found["stage"] == "handshake"
    assert "assertion failed" in found["error"]
