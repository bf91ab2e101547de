"""The running operator reports every answer of the trace endpoint with a reason and an advice, and clears it when it is over.

The operator runs as in production (no http, a private CA), but probes every second with a timeout of one second.
"""

from __future__ import annotations

import itertools
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
import trustme
from anyio.from_thread import BlockingPortal, start_blocking_portal
from pydantic import SecretStr

from devcluster.operator_process import OperatorProcess
from devcluster.stage import APPLICATION_ID, Stage
from fiddler_kong_sink.faults import Fault, Surface
from fiddler_kong_sink.server import Sink
from fiddler_kong_sink.settings import Application, SinkSettings
from tests.integration.arena import Arena, Manifest
from tests.integration.own import own_arena

KEY: Final = "fdl_probe.0a1b2c3d4e5f"
FLAGS: Final = ("--no-probe-allow-http", "--probe-timeout=1", "--probe-interval=1", "--probe-retry-interval=1")
ANOTHER_ID: Final = "11111111-2222-4333-8444-555555555555"

Serve = Callable[..., Sink]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The CA that the operator trusts."""
    return trustme.CA()


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal("asyncio") as portal:
        yield portal


@pytest.fixture(scope="module")
def arena(backstage: Stage, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    bundle = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    with (
        OperatorProcess(backstage.cluster, *FLAGS, f"--probe-ca-file={bundle}") as operator,
        own_arena(backstage, operator, provided=True) as arena,
    ):
        arena.put(arena.secret("fiddler", KEY))
        yield arena


@pytest.fixture
def serve(authority: trustme.CA, portal: BlockingPortal, tmp_path: Path) -> Iterator[Serve]:
    """Starts sinks on https; each ends with the test."""
    running: list[AbstractContextManager[Sink]] = []

    def start(*, issuer: trustme.CA = authority, host: str = "127.0.0.1", **settings: Any) -> Sink:
        pem = tmp_path / f"{len(running)}.pem"
        issuer.issue_cert(host).private_key_and_cert_chain_pem.write_to_path(pem)
        application = Application(id=UUID(APPLICATION_ID), name="assistant")
        values = {"api_key": SecretStr(KEY), "applications": (application,), "tls_cert": pem, **settings}
        context = portal.wrap_async_context_manager(Sink(SinkSettings(**values)))
        running.append(context)
        return context.__enter__()

    yield start
    for context in reversed(running):
        context.__exit__(None, None, None)


@pytest.fixture
def bind(arena: Arena) -> Iterator[Callable[..., str]]:
    """Creates bindings for a URL; each is deleted with the test."""
    made: list[str] = []

    def make(url: str, **changes: Any) -> str:
        name = f"probe-{secrets.token_hex(3)}"
        made.append(name)
        arena.put(binding(arena, name, url, **changes))
        return name

    yield make
    for name in made:
        arena.delete("FiddlerKongBinding", name)


def binding(arena: Arena, name: str, url: str, **changes: Any) -> Manifest:
    fields = {f"fiddler.{field}": value for field, value in changes.items()}
    return arena.binding({"fiddler.url": url, "routes.0.expose.path": f"/{arena.namespace}/{name}", **fields}, name)


def until_reason(arena: Arena, name: str, reason: str) -> Manifest:
    return arena.until_condition("TraceEndpointReachable", "True" if reason == "Reachable" else "False", reason, name)


ANSWERS: Final = [
    (
        Fault(mode="401"),
        "Unauthorized",
        "does not accept the API key (401). Put a valid key into `api-key` in the Secret `fiddler` (fiddler.apiKeySecretRef).",
    ),
    (Fault(mode="403"), "Forbidden", f"for application {APPLICATION_ID} (403). Check the key's permissions and fiddler.applicationId"),
    (Fault(mode="404"), "EndpointNotFound", "/v1/traces does not exist (404). fiddler.url must be your Fiddler instance"),
    (Fault(mode="418"), "UnexpectedAnswer", "answers an empty export with HTTP status 418"),
    (Fault(mode="429", retry_after=0), "RateLimited", "is rate limiting (429). Nothing to do"),
    (Fault(mode="500"), "ServerError", "answers with a server error (500). Nothing to do"),
    (Fault(mode="503"), "ServerError", "answers with a server error (503)"),
    (Fault(mode="202"), "UnexpectedSuccess", "answers 202 instead of 200"),
    (Fault(mode="204"), "UnexpectedSuccess", "answers 204 instead of 200"),
    (Fault(mode="slow", delay=5), "ProbeTimeout", "did not answer within the time limit. Check egress policies"),
    (Fault(mode="hang"), "ProbeTimeout", "did not answer within the time limit"),
    (Fault(mode="cut"), "ConnectionFailed", "broke before an answer arrived. Check firewalls and proxies"),
    (Fault(mode="close"), "ConnectionFailed", "broke before an answer"),
    (Fault(mode="redirect"), "Redirected", "answers with a redirect (307), which Kong does not follow"),
    (Fault(mode="html"), "NotOtlp", "answers 200, but not as an OTLP endpoint does"),
]


@pytest.mark.parametrize(("fault", "reason", "says"), ANSWERS, ids=[fault.mode for fault, *_ in ANSWERS])
def test_an_answer_is_named_and_over_when_it_is(
    arena: Arena, serve: Serve, bind: Callable[..., str], fault: Fault, reason: str, says: str
) -> None:
    sink = serve(fault=fault)
    name = bind(sink.url)

    found = until_reason(arena, name, reason)

    assert says in found["message"]
    ready = arena.conditions(name)["Ready"]
    assert (ready["status"], ready["reason"], ready["message"]) == ("False", reason, found["message"])
    sink.faults.clear()
    until_reason(arena, name, "Reachable")
    arena.until_ready(name)


def test_after_429_nothing_is_asked_before_the_server_allows(arena: Arena, serve: Serve, bind: Callable[..., str]) -> None:
    sink = serve(fault=Fault(mode="429", retry_after=3, count=1))
    name = bind(sink.url)

    until_reason(arena, name, "RateLimited")
    until_reason(arena, name, "Reachable")

    first, second = (delivery.at for delivery in sink.requests[:2])
    assert (second - first).total_seconds() >= 3.0


def test_repeated_answers_write_nothing(arena: Arena, serve: Serve, bind: Callable[..., str]) -> None:
    good, bad = serve(), serve(fault=Fault(mode="500"))
    names = bind(good.url), bind(bad.url)
    arena.until_ready(names[0])
    until_reason(arena, names[1], "ServerError")
    arena.until_quiet(0.5)
    mark, before = arena.mark(), [len(sink.requests) for sink in (good, bad)]

    arena.until(lambda: all(len(sink.requests) >= b + 3 for sink, b in zip((good, bad), before, strict=True)), "three more probes each")

    assert arena.writes(mark) == ()


@pytest.mark.parametrize(
    ("url", "reason", "says"),
    [
        ("https://no-such-host.invalid", "NameNotResolved", "The host name no-such-host.invalid does not resolve. Check fiddler.url"),
        ("http://fiddler.ai.svc", "NameNotResolved", "The host name fiddler.ai.svc does not resolve"),
        ("http://fiddler.example.com", "AddressRefused", "uses http for fiddler.example.com, which is not inside the cluster"),
        ("https://169.254.169.254", "AddressRefused", "metadata service or link-local, which the operator never accepts"),
        ("https://2852039166", "AddressRefused", "metadata service or link-local, which the operator never accepts"),
        ("https://[::ffff:169.254.169.254]", "AddressRefused", "metadata service or link-local, which the operator never accepts"),
        ("https://100.100.100.200", "AddressRefused", "metadata service or link-local, which the operator never accepts"),
        ("https://[fe80::1]", "AddressRefused", "a link-local address, which the operator never accepts"),
        ("https://224.0.0.1", "AddressRefused", "a multicast address"),
        ("https://0.0.0.0", "AddressRefused", "an unspecified address"),
        ("https://10.0.0.1:22", "AddressRefused", "a private address, where port 22 is not probed"),
        ("https://[::1]", "AddressRefused", "a loopback address, which the operator does not accept unless"),
    ],
)
def test_a_url_that_cannot_or_must_not_be_probed_is_reported(
    arena: Arena, bind: Callable[..., str], url: str, reason: str, says: str
) -> None:
    name = bind(url)

    found = until_reason(arena, name, reason)

    assert says in found["message"]
    assert ("Stalled" in arena.conditions(name)) == (reason == "AddressRefused")
    assert (arena.get("KongPlugin", f"{name}-opentelemetry") is None) == (reason == "AddressRefused")


def test_a_closed_port_is_reported_until_it_opens(arena: Arena, serve: Serve, bind: Callable[..., str]) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        name = bind(f"https://127.0.0.1:{port}")
        found = until_reason(arena, name, "ConnectionRefused")
    assert f"Nothing accepts connections at 127.0.0.1:{port}. Check the port in fiddler.url" in found["message"]

    serve(port=port)

    until_reason(arena, name, "Reachable")


def test_an_unknown_authority_is_reported(arena: Arena, serve: Serve, bind: Callable[..., str]) -> None:
    sink = serve(host="127.0.0.1", issuer=trustme.CA())

    found = until_reason(arena, bind(sink.url), "TlsUntrusted")

    assert (
        "is not trusted: it was issued by an unknown authority. For a private CA, give its certificate to the operator" in found["message"]
    )
    assert list(sink.requests) == []  # the key was not sent


def test_a_certificate_for_another_host_is_reported(arena: Arena, serve: Serve, bind: Callable[..., str]) -> None:
    sink = serve(host="192.0.2.1")

    found = until_reason(arena, bind(sink.url), "TlsWrongHost")

    assert "is for 192.0.2.1, not for 127.0.0.1. Use in fiddler.url a host that the certificate is for" in found["message"]
    assert list(sink.requests) == []


def test_a_port_without_tls_is_reported(arena: Arena, serve: Serve, bind: Callable[..., str]) -> None:
    plain = serve(tls_cert=None)

    found = until_reason(arena, bind(plain.url.replace("http:", "https:")), "ConnectionFailed")

    assert "does not speak TLS as expected. Check the port and the scheme in fiddler.url" in found["message"]


def test_an_unknown_application_is_caught_until_it_is_corrected(arena: Arena, serve: Serve, bind: Callable[..., str]) -> None:
    sink = serve()
    name = bind(sink.url, applicationId=ANOTHER_ID)

    found = until_reason(arena, name, "ApplicationNotFound")

    assert f"has no application {ANOTHER_ID}; it would drop every span silently" in found["message"]
    assert arena.conditions(name)["Stalled"]["reason"] == "ApplicationNotFound"
    arena.put(binding(arena, name, sink.url))
    arena.until_ready(name)
    assert arena.existing("FiddlerKongBinding", name)["status"]["fiddler"]["application"] == "assistant"


@pytest.mark.parametrize(("settings", "application"), [({"ingest_only": True}, None), ({}, "assistant")], ids=["ingest only", "full"])
def test_a_key_that_may_only_send_is_good_enough(
    arena: Arena, serve: Serve, bind: Callable[..., str], settings: dict[str, bool], application: str | None
) -> None:
    name = bind(serve(**settings).url)

    arena.until_ready(name)

    assert arena.existing("FiddlerKongBinding", name)["status"]["fiddler"].get("application") == application


def test_a_rest_api_that_fails_says_nothing_against_the_binding(arena: Arena, serve: Serve, bind: Callable[..., str]) -> None:
    name = bind(serve(fault=Fault(mode="500", surface=Surface.REST)).url)

    arena.until_ready(name)


def test_a_wrong_key_is_reported_until_the_secret_contains_the_right_one(arena: Arena, serve: Serve, bind: Callable[..., str]) -> None:
    arena.put(arena.secret("other", "fdl_wrong.000000000000"))
    name = bind(serve().url, apiKeySecretRef={"name": "other", "key": "api-key"})
    until_reason(arena, name, "Unauthorized")

    arena.put(arena.secret("other", KEY))

    until_reason(arena, name, "Reachable")


def test_bindings_with_the_same_endpoint_and_key_are_asked_for_once(arena: Arena, serve: Serve, bind: Callable[..., str]) -> None:
    sink = serve()
    for name in [bind(sink.url) for _ in range(4)]:
        arena.until_ready(name)
    before = len(sink.requests)

    arena.until(lambda: len(sink.requests) >= before + 3, "three more probes")

    times = [delivery.at for delivery in sink.requests[before:]]
    assert min((later - earlier).total_seconds() for earlier, later in itertools.pairwise(times)) > 0.8
