"""kopf itself, against an API server over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import aiohttp
import pytest
import trustme
from kubernetes.aio.client import Configuration

from fiddler_kong_operator.errors import CannotListen, FiddlerKongError
from fiddler_kong_operator.kube.connection import Connection
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.runtime.operator import Operator
from fiddler_kong_operator.runtime.shell import Shell
from fiddler_kong_operator.settings import Settings
from tests.unit.kube.api_server import TOKEN, configuration, proxying
from tests.unit.observe.objects import binding
from tests.unit.runtime.kopf_server import KopfServer, serving


class Observer:
    """Takes what kopf hands to the operator."""

    def __init__(self) -> None:
        self.stuck: list[str] = []
        self.seen: list[tuple[str | None, str]] = []
        self.raw: list[Manifest] = []
        self.namespaces: tuple[str, ...] = ()
        self._more = asyncio.Event()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for events that make the condition true."""
        async with asyncio.timeout(20):
            while not holds():
                self._more.clear()
                await self._more.wait()

    def observe(self, event_type: str | None, raw: Manifest) -> None:
        self.seen.append((event_type, raw["metadata"]["name"]))
        self.raw.append(raw)
        self._more.set()

    def problems(self) -> list[str]:
        return self.stuck

    def report(self) -> dict[str, Any]:
        return {"probes": 3}


@contextlib.asynccontextmanager
async def shelled(
    used: Configuration, observer: Observer, port: int = 0, stop: asyncio.Event | None = None, namespaces: tuple[str, ...] = ()
) -> AsyncIterator[Shell]:
    """kopf, started, and stopped in the end."""

    async def load() -> Configuration:
        return used

    settings = Settings(health_port=port, health_host="127.0.0.1", namespaces=namespaces)
    shell = Shell(settings, cast("Operator", observer), Connection(used, load), stop or asyncio.Event())
    await shell.start()
    try:
        yield shell
    finally:
        await shell.stop()


def never_connected() -> Connection:
    async def load() -> Configuration:
        raise NotImplementedError

    return Connection(Configuration(), load)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


@pytest.fixture
def observer() -> Observer:
    return Observer()


async def test_kopf_lists_all_bindings_in_pages_then_watches_them(observer: Observer) -> None:
    server = KopfServer(*(binding(f"b{n}") for n in range(450)))
    server.events = [("ADDED", binding("new")), ("DELETED", binding("b7"))]
    with serving(server) as (_, url):
        async with shelled(configuration(url), observer):
            await observer.until(lambda: len(observer.seen) == 452)

    assert [query.get("limit") for query in server.lists()] == ["200"] * 3
    assert {name for kind, name in observer.seen if kind is None} == {f"b{n}" for n in range(450)}
    assert [event for event in observer.seen if event[0]] == [("ADDED", "new"), ("DELETED", "b7")]


async def test_kopf_writes_nothing_and_asks_for_nothing_else(observer: Observer) -> None:
    server = KopfServer(binding())
    server.events = [("MODIFIED", binding()), ("MODIFIED", {**binding(), "status": {}}), ("ADDED", binding("new"))]
    with serving(server) as (_, url):
        async with shelled(configuration(url), observer):
            await observer.until(lambda: len(observer.seen) == 4)

    assert {method for method, _, _ in server.requests} == {"GET"}
    assert {path for _, path, query in server.requests if "watch" in query} == {
        "/apis/integrations.fiddler.ai/v1alpha1/fiddlerkongbindings"
    }


async def test_a_binding_nested_thousands_deep_hides_no_other(observer: Observer) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    server = KopfServer(binding("deep", spec_={"overrides": deep}), binding())
    server.events = [("ADDED", binding("deeper", spec_={"overrides": deep})), ("ADDED", binding("last"))]
    with serving(server) as (_, url):
        async with shelled(configuration(url), observer):
            await observer.until(lambda: ("ADDED", "last") in observer.seen)

    assert {name for _, name in observer.seen} == {"deep", "assistant", "deeper", "last"}
    assert all(str(raw).count("[") < 150 for raw in observer.raw)


async def test_kopf_honours_proxy_tls_server_name_and_token_as_our_client_does(observer: Observer) -> None:
    root, tls = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    root.issue_cert("api.internal").configure_cert(tls)
    server = KopfServer(binding())
    with serving(server, tls) as (portal, url), portal.wrap_async_context_manager(proxying()) as (tunnelled, proxy):
        used: Any = configuration(url)
        used.ca_cert_data, used.tls_server_name, used.proxy = root.cert_pem.bytes().decode(), "api.internal", proxy
        async with shelled(used, observer):
            await observer.until(lambda: bool(observer.seen))

    assert set(tunnelled) == {url.removeprefix("https://")}
    assert server.tokens == {f"Bearer {TOKEN}"}


async def test_kopf_asks_in_growing_pauses_while_its_credentials_are_rejected_and_recovers(observer: Observer) -> None:
    """A login asks for /api and /apis, each again with renewed credentials: three are rejected, and pauses of 0.25 and 0.5 s follow."""
    server = KopfServer(binding())
    server.rejections = 12
    with serving(server) as (_, url):
        async with shelled(configuration(url), observer):
            await observer.until(lambda: bool(observer.seen))
    assert server.rejected[-1] - server.rejected[0] > 0.75


async def test_healthz_shows_the_figures_while_all_is_well(observer: Observer) -> None:
    assert await health(observer) == (200, {"operator": {"probes": 3}})


async def test_healthz_fails_with_what_is_stuck(observer: Observer, caplog: pytest.LogCaptureFixture) -> None:
    observer.stuck = ["the watch of Secret is silent", "ai/assistant is in work"]

    assert (await health(observer))[0] == 500
    assert "the watch of Secret is silent; ai/assistant is in work" in caplog.text


async def health(observer: Observer) -> tuple[int, Any]:
    """Status and content of /healthz."""
    port = free_port()
    with serving(KopfServer(binding())) as (_, url):
        async with shelled(configuration(url), observer, port), aiohttp.ClientSession() as session:
            await observer.until(lambda: bool(observer.seen))
            async with session.get(f"http://127.0.0.1:{port}/healthz") as response:
                return response.status, await response.json() if response.ok else None


async def test_healthz_answers_before_the_bindings_can_be_listed(observer: Observer) -> None:
    port = free_port()
    shell = Shell(Settings(health_port=port, health_host="127.0.0.1"), cast("Operator", observer), never_connected(), asyncio.Event())
    async with shell.waiting(), aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as response:
        assert (response.status, await response.json()) == (200, {"operator": {"starting": "the bindings cannot be listed yet"}})


async def test_kopf_watches_only_namespaces_whose_bindings_may_be_listed(observer: Observer) -> None:
    observer.namespaces = ("ai",)
    server = KopfServer(binding())
    with serving(server) as (_, url):
        async with shelled(configuration(url), observer, namespaces=("ai", "ml")):
            await observer.until(lambda: bool(observer.seen))
    assert not any("/namespaces/ml/" in path for _, path, _ in server.requests)


async def test_a_health_port_that_is_taken_is_named(observer: Observer) -> None:
    with socket.socket() as taken, serving(KopfServer()) as (_, url):
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"^/healthz cannot listen on 127.0.0.1:{port} \(address already in use\); choose another"):
            async with shelled(configuration(url), observer, port):
                pass
    assert observer.seen == []


async def test_a_definition_that_is_deleted_ends_kopf(observer: Observer) -> None:
    server = KopfServer(binding())
    server.events = [("ADDED", binding("new")), ("ERROR", {"code": 404, "message": "not found"})]
    with serving(server) as (_, url):
        async with shelled(configuration(url), observer) as shell:
            with pytest.raises(FiddlerKongError, match="bindings can no longer be watched, the process has to start again"):
                await asyncio.wait_for(shell.failure(), 20)


async def test_a_signal_is_ours_and_leaves_kopf_running_until_it_is_stopped(observer: Observer) -> None:
    server, stop = KopfServer(binding()), asyncio.Event()
    with serving(server) as (_, url):
        async with shelled(configuration(url), observer, stop=stop) as shell:
            await observer.until(lambda: bool(observer.seen))
            failure = asyncio.create_task(shell.failure())
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(stop.wait(), 10)

            assert not failure.done()
            failure.cancel()


async def test_stopping_what_was_never_started_is_no_error(observer: Observer) -> None:
    used = configuration("http://127.0.0.1:1")

    async def load() -> Configuration:
        return used

    await Shell(Settings(), cast("Operator", observer), Connection(used, load), asyncio.Event()).stop()
