"""The operator on a real node: `make test-node`, or `make test-e2e` on kind; both build the images first.

One story; each test goes on where the last one ended.
Everything runs in pods under a real kubelet: the operator as the chart installs it, Kong Ingress Controller, and the stand-ins for
Kong, the provider and Fiddler. The stand-in for Kong reads its settings from its own environment, so only a real restart can bring them.

The file's name keeps it out of `make test`, which must pass without a container engine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fiddler_kong_operator import __version__
from tests.node.carriers import carried
from tests.node.land import NAMESPACE, NEXT, Land, landed, settled

SETTINGS = {"KONG_TRACING_INSTRUMENTATIONS": "all", "KONG_TRACING_SAMPLING_RATE": "1.0", "KONG_UNTRUSTED_LUA": "on"}


@pytest.fixture(scope="module")
def land(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    with carried(pytestconfig, tmp_path_factory.mktemp("kind")) as carrier, landed(carrier) as found:
        yield found


def uids(land: Land) -> set[str]:
    return {pod["metadata"]["uid"] for pod in land.pods("kong", "app.kubernetes.io/name=gateway")}


def with_settings(land: Land) -> list[dict[str, str]]:
    return [{name: value for name, value in process.items() if name in SETTINGS} for process in land.processes()]


def revision(land: Land) -> int:
    return int(land.get("kong", "deployment", "kong-gateway")["metadata"]["generation"])


def test_two_replicas_run_and_one_leads(land: Land) -> None:
    land.until(lambda: land.leader() != "", "a leader")

    pods = land.pods(NAMESPACE, "app.kubernetes.io/name=fiddler-kong-operator")
    assert len(settled(pods)) == 2
    assert [status["restartCount"] for pod in pods for status in pod["status"]["containerStatuses"]] == [0, 0]


def test_the_check_of_the_chart_succeeds(land: Land) -> None:
    done = land.release.run("test", "--timeout=300s")

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_quickstart_becomes_ready_by_a_real_restart(land: Land) -> None:
    before = uids(land)
    land.kubectl("--namespace=kong", "annotate", "deployment/kong-gateway", "integrations.fiddler.ai/allow-bindings-from=ai")
    land.kubectl("--namespace=ai", "apply", "--filename=-", stdin=land.quickstart())

    land.until_ready()

    assert uids(land).isdisjoint(before)
    assert with_settings(land) == [SETTINGS, SETTINGS]


def test_three_calls_make_one_session(land: Land) -> None:
    land.until(lambda: land.asks("first-contact"), "the first answer")

    for _ in range(3):
        land.ask("conversation")

    land.until(lambda: land.sessions().get("conversation") == 3, "a session with three calls")


def test_another_replica_takes_over(land: Land) -> None:
    first = land.leader()
    land.kubectl("--namespace", NAMESPACE, "delete", "pod", first)

    land.until(lambda: land.leader() not in ("", first), "another leader")

    change = [{"op": "replace", "path": "/spec/routes/0/llm/options/maxTokens", "value": 256}]
    land.kubectl("--namespace=ai", "patch", "fkb/assistant", "--type=json", f"--patch={json.dumps(change)}")
    land.until(lambda: _served_generation(land), "the work of the new leader")
    land.until_ready()


def _served_generation(land: Land) -> bool:
    binding = land.get("ai", "fkb", "assistant")
    return bool(binding["status"].get("observedGeneration") == binding["metadata"]["generation"])


def test_a_gateway_pod_that_is_killed_comes_back_with_the_settings(land: Land) -> None:
    (killed, *_) = settled(land.pods("kong", "app.kubernetes.io/name=gateway"))
    land.kubectl("--namespace=kong", "delete", "pod", killed, "--grace-period=0", "--force")
    land.rolled_out("kong", "kong-gateway")

    land.until(lambda: len(land.processes()) == 2, "two gateway pods")

    assert with_settings(land) == [SETTINGS, SETTINGS]
    land.until(lambda: land.asks("after-the-kill"), "an answer")
    land.until_ready()


def test_everything_comes_back_after_a_drain(land: Land) -> None:
    before = revision(land)
    land.kubectl("drain", land.carrier.node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s")
    land.kubectl("uncordon", land.carrier.node)

    for namespace, name in (("ai", "sink"), ("ai", "provider"), ("kong", "kong-gateway"), (NAMESPACE, land.deployment)):
        land.rolled_out(namespace, name)

    land.until(lambda: land.ready() == ("True", "Ready"), "a Ready binding")
    land.until(lambda: land.asks("after-the-drain"), "an answer")
    land.until(lambda: land.sessions().get("after-the-drain", 0) >= 1, "its session")
    assert revision(land) == before


def test_an_upgrade_leaves_the_gateway_alone(land: Land) -> None:
    before = uids(land)
    land.install("upgrade", NEXT)
    land.until(lambda: land.leader() != "", "a leader")

    images = {container["image"] for pod in land.pods(NAMESPACE, "") for container in pod["spec"]["containers"]}
    assert {image.rpartition(":")[2] for image in images} == {NEXT} != {__version__}
    assert (uids(land), land.ready()) == (before, ("True", "Ready"))
    assert land.asks("after-the-upgrade")


def test_everything_is_given_back(land: Land) -> None:
    land.kubectl("--namespace=ai", "delete", "fkb/assistant", "--timeout=300s")

    land.until(lambda: with_settings(land) == [{}, {}], "two gateway pods without the settings")
    land.rolled_out("kong", "kong-gateway")
    land.until(lambda: land.get("ai", "kongplugins,ingresses")["items"] == [], "the end of the binding's objects")
    assert land.release.run("uninstall", "--wait", "--timeout=300s").returncode == 0
    assert land.pods(NAMESPACE, "") == []
