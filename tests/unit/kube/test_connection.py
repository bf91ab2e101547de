from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import trustme
import yaml
from aiohttp import web
from kubernetes.aio.client import Configuration

from fiddler_kong_operator.errors import NoCluster
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.connection import Connection, Loader, load_configuration
from fiddler_kong_operator.plan.kinds import SERVICE
from tests.unit.kube.api_server import NEXT_TOKEN, TOKEN, answer, configuration, proxying, refusal, running

HOST = "https://127.0.0.1:6443"
EMPTY = answer({})


def kubeconfig(folder: Path, **contexts: str) -> Path:
    """A kubeconfig whose contexts, the first one current, name a server each; the user's token is the context's name."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": next(iter(contexts)),
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in contexts],
        "clusters": [{"name": name, "cluster": {"server": server}} for name, server in contexts.items()],
        "users": [{"name": name, "user": {"token": f"token-of-{name}"}} for name in contexts],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return file


class Loads:
    """Counts how often credentials were loaded again."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> Configuration:
        self.count += 1
        await asyncio.sleep(0)
        return configuration(HOST, f"{NEXT_TOKEN}-{self.count}")


@contextlib.asynccontextmanager
async def opened(used: Configuration, load: Loader | None = None) -> AsyncIterator[Connection]:
    """A connection, closed in the end."""
    connection = Connection(used, load or Loads())
    yield connection
    await connection.close()


async def ask(connection: Connection) -> None:
    """A request that is answered with success."""
    response = await connection.send("GET", "/version")
    assert response.status == 200
    response.release()


async def test_a_named_kubeconfig_is_used(tmp_path: Path) -> None:
    found = await load_configuration(str(kubeconfig(tmp_path, first=HOST)))
    assert (found.host, await found.get_api_key_with_prefix("BearerToken")) == (HOST, "Bearer token-of-first")


async def test_another_context_can_be_chosen(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, first=HOST, second="https://127.0.0.1:7443")
    assert (await load_configuration(str(file), "second")).host == "https://127.0.0.1:7443"


async def test_the_environment_names_a_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, first=HOST)))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert (await load_configuration()).host == HOST


async def test_a_pod_without_a_service_account_has_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.delenv("KUBERNETES_SERVICE_PORT", raising=False)
    with pytest.raises(NoCluster, match="Set KUBECONFIG, or run in a pod with a service account"):
        await load_configuration()


@pytest.mark.parametrize("content", [None, "", "{", "[]", "apiVersion: v1\nkind: Config\n", "a: [sk-secret"])
async def test_an_unusable_kubeconfig_is_no_cluster(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content)
    with pytest.raises(NoCluster) as caught:
        await load_configuration(str(file))
    assert "sk-secret" not in str(caught.value)


async def test_a_tls_server_name_that_yaml_reads_as_a_number_is_told(tmp_path: Path) -> None:
    content = yaml.safe_load(kubeconfig(tmp_path, first=HOST).read_text())
    content["clusters"][0]["cluster"]["tls-server-name"] = 1234
    (tmp_path / "numbered").write_text(yaml.safe_dump(content))
    with pytest.raises(NoCluster, match=r"tls-server-name in the kubeconfig must be text\. Put it in quotes"):
        await load_configuration(str(tmp_path / "numbered"))


async def test_an_unknown_context_is_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(NoCluster):
        await load_configuration(str(kubeconfig(tmp_path, first=HOST)), "unknown")


async def test_a_client_connects_by_kubeconfig(tmp_path: Path) -> None:
    async with running(answer({"metadata": {"name": "x"}})) as (server, url):
        async with await Client.connect(str(kubeconfig(tmp_path, first=url))) as client:
            await client.get(SERVICE, "ai", "x")
        assert server.asked[0].token == "token-of-first"


# Credentials


async def test_requests_rejected_together_renew_once() -> None:
    loads = Loads()
    rejected = asyncio.Barrier(5)

    async def reject(request: web.Request) -> web.StreamResponse:
        await rejected.wait()
        return await refusal(401)(request)

    async with running(*[reject] * 5, *[EMPTY] * 5) as (server, url), opened(configuration(url), loads) as connection:
        await asyncio.gather(*(ask(connection) for _ in range(5)))
    assert (loads.count, {sent.token for sent in server.asked[5:]}) == (1, {f"{NEXT_TOKEN}-1"})


async def test_without_a_token_there_is_no_header() -> None:
    async with running(EMPTY) as (server, url), opened(configuration(url, None)) as connection:
        await ask(connection)
    assert "authorization" not in server.asked[0].headers


def rotating(url: str, token: str) -> Configuration:
    """Credentials whose own hook replaces the token, as a service account's does."""
    found: Any = configuration(url)

    async def refresh(used: Any) -> None:
        used.api_key = {"BearerToken": token}

    found.refresh_api_key_hook = refresh
    return cast("Configuration", found)


async def test_the_clients_own_hook_refreshes_a_token() -> None:
    async with running(EMPTY) as (server, url), opened(rotating(url, "rotated")) as connection:
        await ask(connection)
    assert server.asked[0].token == "rotated"


async def test_new_credentials_bring_their_own_hook() -> None:
    async def load() -> Configuration:
        return rotating(HOST, "rotated")

    async with running(refusal(401), EMPTY) as (server, url), opened(configuration(url), load) as connection:
        await ask(connection)
    assert [sent.token for sent in server.asked] == [TOKEN, "rotated"]


async def test_a_redirect_to_another_server_carries_no_token() -> None:
    async with running(EMPTY) as (other, elsewhere):
        moved = answer("", 307, Location=elsewhere)
        async with running(moved) as (server, url), opened(configuration(url)) as connection:
            await ask(connection)
    assert ([sent.token for sent in server.asked], [sent.token for sent in other.asked]) == ([TOKEN], [""])


# Abilities of each session


async def test_a_session_honours_proxy_and_tls_server_name() -> None:
    """The server's certificate is for a name that is not in the URL."""
    root, tls = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    root.issue_cert("api.internal").configure_cert(tls)
    async with running(EMPTY, EMPTY, tls=tls) as (server, url), proxying() as (tunnelled, proxy):
        used: Any = configuration(url)
        used.ca_cert_data, used.tls_server_name, used.proxy = root.cert_pem.bytes().decode(), "api.internal", proxy
        async with opened(used) as connection, connection.open_session() as another:
            await ask(connection)
            async with another.get(f"{connection.server}/livez") as response:
                assert response.status == 200
    assert [sent.token for sent in server.asked] == [TOKEN, TOKEN]
    assert tunnelled == [url.removeprefix("https://")] * 2


async def test_open_watches_do_not_use_up_the_connections() -> None:
    """One is open for each kind and namespace; the client's own pool ends at a hundred."""
    watches = 120
    ended = asyncio.Event()

    async def watch(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await ended.wait()
        return response

    async with running(*[watch] * watches, EMPTY) as (_, url), opened(configuration(url)) as connection, asyncio.timeout(20):
        opening = await asyncio.gather(*(connection.send("GET", "/watch") for _ in range(watches)))
        await ask(connection)
        ended.set()
        for response in opening:
            response.close()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, False), ({"https_proxy": "http://proxy:3128"}, True), ({"https_proxy": "http://proxy:3128", "no_proxy": "127.0.0.1"}, False)],
    ids=["no proxy", "a proxy", "not for this host"],
)
async def test_the_environment_is_only_asked_for_a_proxy_where_it_names_one(
    environment: dict[str, str],
    expected: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with Connection(configuration(HOST), Loads()).open_session() as session:
        assert session.trust_env is expected


async def test_closing_what_was_never_opened_is_no_error() -> None:
    await Connection(configuration(HOST), Loads()).close()
