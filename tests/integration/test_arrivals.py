"""Calls go through the gateway to Fiddler, and the binding says whether their spans arrive as they should.

The operator looks for spans every second. The calls go through the stage's own gateway, whose settings the stand-in has.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator.cli import main
from fiddler_kong_sink.faults import Fault, Surface
from tests.integration.arena import Arena, Manifest
from tests.integration.children import events, write_lines
from tests.integration.diagnoses import diagnosed
from tests.integration.own import granted, own_arena
from tests.integration.targets import attached_binding, foreign_plugin, ingress, service

FLAGS: Final = ("--arrivals-interval=1", "--probe-retry-interval=1")
GATEWAY: Final = {"gateway.targetRef": {"namespace": "kong", "name": "kong-gateway"}}
AGENT: Final = {"attributes": [{"name": "gen_ai.agent.name", "value": "support-bot"}]}
LOOPBACK: Final = ("--probe-allow-http", "--probe-allowed-addresses=127.0.0.0/8")
CONVERSATION: Final = {"X-Fiddler-Conversation-Id": "conversation-1"}


@pytest.fixture(scope="module")
def operator(backstage: Stage) -> Iterator[OperatorProcess]:
    with granted(backstage), OperatorProcess(backstage.cluster, *FLAGS) as process:
        yield process


@pytest.fixture
def arena(backstage: Stage, operator: OperatorProcess) -> Iterator[Arena]:
    with own_arena(backstage, operator) as arena:
        yield arena


def bind(arena: Arena, **changes: Any) -> None:
    """The quick start's binding becomes Ready, and Kong has all its plugins: pre-function comes last."""
    arena.put(arena.binding({**GATEWAY, **changes}))
    arena.until_ready()
    arena.until_pushed(lambda pushed: pushed.types() == ["ai-proxy", "opentelemetry", "pre-function"], "all plugins")


def call(arena: Arena, path: str = "", **headers: str) -> int:
    """Status of the answer to an LLM call."""
    address = urlsplit(arena.stage.gateway.proxy_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    body = json.dumps({"messages": [{"role": "user", "content": "What is the capital of France?"}]})
    try:
        connection.request("POST", path or f"/{arena.namespace}", body, {"Content-Type": "application/json", **headers})
        return connection.getresponse().status
    finally:
        connection.close()


def warned(arena: Arena) -> list[str]:
    """The reasons of the binding's Events but Ready, which is none where the first status of all is Ready."""
    return [reason for reason in events(arena) if reason != "Ready"]


def until_arriving(arena: Arena, status: str, reason: str) -> Manifest:
    return arena.until_condition("TracesArriving", status, reason)


def test_the_first_call_turns_up_in_the_binding_and_further_looks_write_nothing(arena: Arena) -> None:
    bind(arena, **AGENT)
    assert arena.conditions()["TracesArriving"]["reason"] == "NoTracesYet"

    arena.until(lambda: call(arena, **CONVERSATION) == 200, "a call that is answered")
    until_arriving(arena, "True", "Arriving")

    shown = arena.stage.cluster.kubectl("--namespace", arena.namespace, "get", "fkb", "assistant", "--output=wide")
    head, line = shown.splitlines()
    age = line[head.index("LAST TRACE") :].split()[0]
    assert (age[-1], int(age[:-1]) < 120) == ("s", True)
    assert warned(arena) == []

    arena.until_quiet()
    mark = arena.mark()
    arena.stage.sink.faults.set(Fault(mode="slow", delay=0, count=3, surface=Surface.REST))
    assert call(arena, **CONVERSATION) == 200
    arena.until(lambda: arena.stage.sink.faults.current is None, "three more looks")
    arena.until_quiet()
    assert write_lines(arena, mark) == []


def test_calls_without_a_conversation_id_are_named(arena: Arena) -> None:
    bind(arena)

    arena.until(lambda: call(arena) == 200, "a call that is answered")

    assert "send the header X-Fiddler-Conversation-Id" in until_arriving(arena, "False", "SpansWithoutSessions")["message"]
    assert arena.conditions()["Ready"]["status"] == "True"
    arena.until(lambda: warned(arena) == ["SpansWithoutSessions"], "the event")
    assert "SpansWithoutSessions" in diagnosed(arena)


def test_an_ai_proxy_of_the_route_that_logs_no_text_is_named(arena: Arena) -> None:
    model = {
        "route_type": "llm/v1/chat",
        "model": {"provider": "openai", "name": "gpt-4o"},
        "auth": {"header_name": "Authorization", "header_value": f"Bearer {arena.stage.keys.provider}"},
        "logging": {"log_statistics": True},
    }
    arena.put(foreign_plugin(arena, "my-model", "ai-proxy", model), service(arena), ingress(arena, plugins="my-model"))
    arena.put(attached_binding(arena, "Ingress", changes={**GATEWAY, "routes.0.llm": None}))
    arena.until_ready()
    arena.until_pushed(lambda pushed: {"opentelemetry", "pre-function"} <= set(pushed.types()), "our plugins")

    arena.until(lambda: call(arena, f"/{arena.namespace}-llm", **CONVERSATION) == 200, "a call that is answered")

    found = until_arriving(arena, "False", "SpansWithoutText")
    assert "The ai-proxy of route openai is not the binding's: set logging.log_payloads in it to true." in found["message"]


def test_a_canary_says_when_its_span_is_in_fiddler(arena: Arena) -> None:
    bind(arena)
    arena.until(lambda: call(arena) == 200, "a call that is answered")
    config = str(arena.stage.cluster.kubeconfig)
    place = ["--namespace", arena.namespace, "--kubeconfig", config, "--url", arena.stage.gateway.proxy_url]

    result = CliRunner().invoke(main, ["canary", "assistant", *place, "--yes", *LOOPBACK])

    assert result.exit_code == 0, result.output
    assert f"POST {arena.stage.gateway.proxy_url}/{arena.namespace}: 200" in result.stdout
    assert "text          captured" in result.stdout
    assert "session       that of the conversation" in result.stdout


def test_a_key_that_may_not_read_spans_is_no_fault(arena: Arena) -> None:
    arena.stage.sink.faults.set(Fault(mode="403", surface=Surface.REST))

    bind(arena)

    assert "may send them, but not read them" in until_arriving(arena, "Unknown", "SpansNotReadable")["message"]
    arena.stage.sink.faults.clear()
    until_arriving(arena, "Unknown", "NoTracesYet")
    assert warned(arena) == []
