from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from kubernetes.aio.client import Configuration

from fiddler_kong_operator.errors import NoCluster
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.connection import Connection, load_configuration
from tests.unit.kube.api_server import NEXT_TOKEN, TOKEN, answer, configuration, running

HOST = "https://127.0.0.1:6443"


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


async def test_an_unknown_context_is_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(NoCluster):
        await load_configuration(str(kubeconfig(tmp_path, first=HOST)), "unknown")


async def test_a_client_connects_by_kubeconfig(tmp_path: Path) -> None:
    async with running(answer({"metadata": {"name": "x"}})) as (server, url):
        async with await Client.connect(str(kubeconfig(tmp_path, first=url))) as client:
            await client.get("Service", "ai", "x")
        assert server.asked[0].token == "token-of-first"


async def test_rejected_credentials_are_loaded_again() -> None:
    loads = Loads()
    connection = Connection(configuration(HOST), loads)
    await connection.renew(f"Bearer {TOKEN}")
    assert (await connection.authorization(), loads.count) == (f"Bearer {NEXT_TOKEN}-1", 1)


async def test_credentials_that_were_replaced_meanwhile_are_kept() -> None:
    loads = Loads()
    connection = Connection(configuration(HOST), loads)
    await connection.renew("Bearer a-token-before")
    assert (await connection.authorization(), loads.count) == (f"Bearer {TOKEN}", 0)


async def test_requests_rejected_together_renew_once() -> None:
    loads = Loads()
    connection = Connection(configuration(HOST), loads)
    await asyncio.gather(*(connection.renew(f"Bearer {TOKEN}") for _ in range(5)))
    assert loads.count == 1


async def test_without_a_token_there_is_no_header() -> None:
    loads = Loads()
    connection = Connection(configuration(HOST, None), loads)
    assert await connection.authorization() is None
    assert (await connection.login()).token is None


async def test_a_token_is_refreshed_by_the_clients_own_hook() -> None:
    rotating: Any = configuration(HOST)

    async def refresh(used: Any) -> None:
        used.api_key = {"BearerToken": "rotated"}

    rotating.refresh_api_key_hook = refresh
    assert await Connection(rotating, Loads()).authorization() == "Bearer rotated"


async def test_new_credentials_bring_their_own_hook() -> None:
    fresh: Any = configuration(HOST)

    async def refresh(used: Any) -> None:
        used.api_key = {"BearerToken": "rotated"}

    async def load() -> Configuration:
        return cast("Configuration", fresh)

    fresh.refresh_api_key_hook = refresh
    connection = Connection(configuration(HOST), load)
    await connection.renew(None)
    assert await connection.authorization() == "Bearer rotated"


async def test_a_login_is_complete_but_does_not_show_its_token() -> None:
    login = await Connection(configuration(HOST), Loads()).login()
    assert (login.server, login.token, login.verify) == (HOST, TOKEN, True)
    assert TOKEN not in repr(login)


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
    used = configuration(HOST)
    Connection(used, Loads())
    assert used.client_session_kwargs == {"trust_env": expected}


async def test_closing_what_was_never_opened_is_no_error() -> None:
    await Connection(configuration(HOST), Loads()).close()
