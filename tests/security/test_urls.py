"""URLs that lead into the machine, the cluster or the cloud: reported by a condition, and never contacted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest
from aiohttp import web
from anyio.from_thread import start_blocking_portal

from devcluster.errors import ApiError
from devcluster.listener import Listener
from devcluster.stage import APPLICATION_ID
from fiddler_kong_operator.probe.otlp import TraceProber
from fiddler_kong_operator.probe.target import ProbeTarget
from fiddler_kong_operator.settings import ProbeSettings
from tests.integration.arena import Arena
from tests.integration.children import children

REFUSED: Final = (
    "https://169.254.169.254",
    "https://[fd00:ec2::254]",
    "https://[fe80::1]",
    "https://[::ffff:169.254.169.254]",
    "https://[::169.254.169.254]",
    "https://[64:ff9b::a9fe:a9fe]",
    "https://[2002:a9fe:a9fe::]",
    "https://[2001:0:a9fe:a9fe::]",
    "https://2852039166",
    "https://0xa9fea9fe",
    "https://0251.0376.0251.0376",
    "https://169.16689662",
    "https://169.254.169.254.",
    "https://metadata.google.internal",
    "https://0.0.0.0",
    "https://10.0.0.7:22",
    "https://[::1",
    "https://a[::1]",
    "https://acme.fiddler.ai:",
    "https://acme.fiddler.ai:0",
    "https://acme.fiddler.ai:65536",
)
UPSTREAMS: Final = (
    "http://169.254.169.254:80/latest/meta-data",
    "http://0xa9fea9fe:80/latest",
    "http://metadata.google.internal:80/computeMetadata",
    "http://0.0.0.0:8001/config",
    "http://127.0.0.1:8001/config",  # although this operator's probe may go to loopback
    "http://ip6-loopback:8001/config",
)


def test_each_is_reported_by_a_condition_and_nothing_is_created(arena: Arena) -> None:
    for url in REFUSED:
        arena.put(arena.binding({"fiddler.url": url}))
        arena.until_condition("Accepted", "False", "EndpointRefused")

    assert children(arena) == {}
    assert "Traceback" not in arena.operator.log


def test_a_models_url_does_not_lead_into_the_gateways_machine(arena: Arena) -> None:
    for url in UPSTREAMS:
        arena.put(arena.binding({"routes.0.llm.options.upstreamUrl": url}))
        message = arena.until_condition("Accepted", "False", "EndpointRefused")["message"]
        assert message.startswith("spec.routes[0].llm.options.upstreamUrl: ")

    assert children(arena) == {}


@pytest.mark.parametrize(
    "url", ["https://me:secret@acme.example", "ftp://acme.example", "file:///etc/passwd", "https://acme.example/?$(x)"]
)
@pytest.mark.parametrize("field_", ["fiddler.url", "fiddler.export.endpoint", "routes.0.llm.options.upstreamUrl"])
def test_credentials_and_other_schemes_are_refused_at_admission(arena: Arena, field_: str, url: str) -> None:
    with pytest.raises(ApiError, match=field_.rpartition(".")[2]):
        arena.create(arena.binding({field_: url}))
    arena.made.discard(("FiddlerKongBinding", "assistant"))


@dataclass
class Servers:
    """A server that redirects every request to another one, which records its visitors."""

    redirecting: str
    came: list[str] = field(default_factory=list)


@pytest.fixture
def servers() -> Iterator[Servers]:
    found = Servers("")

    async def note(request: web.Request) -> web.Response:
        found.came.append(request.path)
        return web.Response()

    async def redirect(_request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(f"{forbidden.url}/v1/traces")

    with start_blocking_portal("asyncio") as portal:
        forbidden = portal.call(_listener, note)
        with portal.wrap_async_context_manager(forbidden):
            redirecting = portal.call(_listener, redirect)
            with portal.wrap_async_context_manager(redirecting):
                found.redirecting = redirecting.url
                yield found


async def _listener(handler: object) -> Listener:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type] # a handler, whatever it raises
    return Listener(app)


def test_a_redirect_is_reported_and_not_followed(arena: Arena, servers: Servers) -> None:
    arena.put(arena.binding({"fiddler.url": servers.redirecting}))

    arena.until_condition("TraceEndpointReachable", "False", "Redirected")

    assert servers.came == []


async def test_a_name_that_resolves_to_something_else_the_second_time_reaches_nothing_else() -> None:
    """DNS rebinding: each probe resolves once and connects to that; the next one checks the address again."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    app = web.Application()
    app.router.add_post("/v1/traces", _empty)
    settings = ProbeSettings(allow_http=True, allowed_addresses=("127.0.0.0/8",))
    async with Listener(app) as listener:
        target = ProbeTarget(f"http://rebinding.example:{listener.url.rpartition(':')[2]}", APPLICATION_ID, "fdl_x.y", "a Secret")
        prober = TraceProber(settings, resolve=resolve)
        results = [(await prober.ask(target)).result.reason for _ in range(2)]

    assert (results, asked) == (["Reachable", "AddressRefused"], ["rebinding.example"] * 2)


async def _empty(_request: web.Request) -> web.Response:
    return web.Response()
