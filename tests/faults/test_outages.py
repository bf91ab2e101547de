"""The operator recovers without help when permissions, tokens, definitions, the API server or etcd go away and come back."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from devcluster import crds
from devcluster.api import wait_until
from devcluster.processes import Process
from devcluster.progress import Reporter
from tests.faults.ground import Ground, World
from tests.faults.pod import read_identity
from tests.faults.scenarios import delete, given_back, ready
from tests.faults.script import Answer, Late, Rule
from tests.faults.start import start_world

pytestmark = pytest.mark.exhaustive

BINDING: Final = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/fiddler-kong-operator"
CRD: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OURS: Final = "fiddlerkongbindings.integrations.fiddler.ai"


@pytest.fixture(scope="module")
def world(pytestconfig: pytest.Config) -> Iterator[World]:
    """A separate control plane, since other tests cannot work while definitions are missing."""
    with start_world(pytestconfig) as world:
        yield world


@pytest.fixture
def ground(world: World) -> Iterator[Ground]:
    """A Ready binding, and an operator that watches the whole cluster."""
    with world.ground(namespaced=False) as ground:
        ready(ground)
        yield ground


def change(ground: Ground, model: str) -> None:
    ground.put(ground.binding({"routes.0.llm.model": model}))


def follows(ground: Ground, model: str, seconds: float = 120) -> None:
    """Wait until the operator has applied the change and stopped writing."""

    def followed() -> bool:
        plugin = ground.get("KongPlugin", "assistant-openai-ai-proxy")
        return plugin is not None and plugin["config"]["model"]["name"] == model and ground.is_ready()

    ground.until(followed, f"the change to {model}", seconds)
    ground.until_quiet()


def process(ground: Ground, name: str) -> Process:
    return ground.stage.cluster.processes.named(name)


def api(ground: Ground, method: str, path: str, body: Any = None) -> Any:
    return ground.stage.cluster.api.request(method, path, body)


def bare(manifest: dict[str, Any]) -> dict[str, Any]:
    """The object without server-assigned fields, for creating it again."""
    metadata = {key: manifest["metadata"][key] for key in ("name", "labels", "annotations") if key in manifest["metadata"]}
    return {**{key: value for key, value in manifest.items() if key != "status"}, "metadata": metadata}


@contextmanager
def without(ground: Ground, path: str) -> Iterator[None]:
    """Delete a cluster-scoped object for the block, then create it again."""
    manifest = api(ground, "GET", path)
    api(ground, "DELETE", path)
    try:
        yield
    finally:  # later tests need it
        wait_until(lambda: ground.stage.cluster.api.get(path) is None, f"the end of {path}", 30, lambda: None)
        api(ground, "POST", path.rpartition("/")[0], bare(manifest))


def test_permissions_revoked_while_it_runs_are_used_again_when_they_are_back(ground: Ground) -> None:
    with without(ground, BINDING):
        ground.end_watches()
        change(ground, "gpt-4o")
        ground.until(lambda: "forbidden" in ground.pod.log.lower() or bool(ground.pod.exit_codes), "a sentence about the permission")
        assert not ground.is_ready()

    follows(ground, "gpt-4o")


def test_one_permission_revoked_is_a_condition_and_is_used_again_when_it_is_back(ground: Ground) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/fiddler-kong-operator"
    role = api(ground, "GET", path)
    rules = [r if "kongplugins" not in r["resources"] else {**r, "verbs": ["get", "list", "watch"]} for r in role["rules"]]
    ground.stage.cluster.api.request("PATCH", path, {"rules": rules}, "application/merge-patch+json")
    change(ground, "gpt-4o")
    ground.until(lambda: ground.reason() == "PermissionMissing", "the refused write is shown")
    ground.until_quiet()

    ground.stage.cluster.api.request("PATCH", path, {"rules": role["rules"]}, "application/merge-patch+json")

    follows(ground, "gpt-4o")


def test_a_rotated_token_is_read_again(ground: Ground, world: World) -> None:
    kubeconfig = ground.replicas[0].kubeconfig
    content = json.loads(kubeconfig.read_text())
    old = content["users"][0]["user"]["token"]
    fresh = read_identity(world.stage.cluster)
    kubeconfig.write_text(json.dumps({**content, "users": fresh["users"]}))
    ground.proxy.rejected_tokens.add(old)
    ground.end_watches()

    change(ground, "gpt-4o")

    follows(ground, "gpt-4o")
    delete(ground)
    ground.until(lambda: given_back(ground), "the deletion, seen with the new token")


def test_a_restarted_api_server_is_found_again(ground: Ground) -> None:
    processes = ground.stage.cluster.processes
    server = process(ground, "kube-apiserver")
    command = server.popen.args
    assert isinstance(command, list)
    begin = next(index for index, part in enumerate(command) if str(part).endswith("launch.py")) + 2  # after the parent's id
    before = ground.proxy.unanswered
    processes.stop(server)
    ground.until(lambda: ground.proxy.unanswered > before, "a request that finds no API server")
    processes.start("kube-apiserver", command[begin:])
    wait_until(lambda: ground.stage.cluster.api.answers("/readyz"), "the API server's return", 90, lambda: None)

    change(ground, "gpt-4o")

    follows(ground, "gpt-4o")


def test_a_paused_etcd_is_waited_for(ground: Ground) -> None:
    etcd = process(ground, "etcd")
    refused = ground.script.add(Rule(lambda call: call.is_write, Answer(503), times=None))
    change(ground, "gpt-4o")
    ground.until(lambda: bool(refused.met), "a write that the operator must repeat")

    etcd.popen.send_signal(signal.SIGSTOP)
    try:
        ground.script.clear()
        sent = ground.script.add(Rule(lambda call: call.is_write, Late(0.0), times=None))
        ground.until(lambda: bool(sent.met), "a write that etcd does not store")
        ground.until(lambda: not ground.stage.cluster.api.answers("/readyz/etcd"), "the API server misses etcd")
    finally:
        etcd.popen.send_signal(signal.SIGCONT)

    follows(ground, "gpt-4o")


def test_our_definition_deleted_and_installed_again_is_watched_again(ground: Ground) -> None:
    """The garbage collector may miss the definition and collect nothing: the operator finally adopts the orphans."""
    with without(ground, f"{CRD}/{OURS}"):
        ground.until(lambda: "is not installed" in ground.pod.log, "a sentence about the missing definition")
    ground.stage.cluster.install_definitions(crds.own_definitions())

    change(ground, "gpt-4o")

    follows(ground, "gpt-4o", 240)


def test_kongs_definitions_that_come_late_are_noticed(world: World) -> None:
    wanted = ("kongplugins.configuration.konghq.com", "kongclusterplugins.configuration.konghq.com")
    definitions = [d for d in crds.kong_definitions(Reporter(quiet=True)) if d["metadata"]["name"] in wanted]
    for definition in definitions:
        world.stage.cluster.api.request("DELETE", f"{CRD}/{definition['metadata']['name']}")
    gone = [f"{CRD}/{definition['metadata']['name']}" for definition in definitions]
    wait_until(lambda: all(world.stage.cluster.api.get(path) is None for path in gone), "the end of Kong's definitions", 30, lambda: None)
    with world.ground(namespaced=False) as ground:
        change(ground, "gpt-4o")
        ground.until(lambda: ground.reason() == "KongNotInstalled", "the missing definitions are shown")

        world.stage.cluster.install_definitions(definitions)

        follows(ground, "gpt-4o")
        assert ground.pod.exit_codes == []


def test_our_definition_that_comes_late_is_waited_for(world: World) -> None:
    world.stage.cluster.api.request("DELETE", f"{CRD}/{OURS}")
    wait_until(lambda: world.stage.cluster.api.get(f"{CRD}/{OURS}") is None, "the end of our definition", 30, lambda: None)
    with world.ground(namespaced=False) as ground:
        ground.until(lambda: "is not installed" in ground.pod.log, "a sentence about the missing definition")
        world.stage.cluster.install_definitions(crds.own_definitions())

        change(ground, "gpt-4o")

        follows(ground, "gpt-4o")
        assert ground.pod.exit_codes == []
