"""The number of writes for a binding, and none where nothing differs, with an operator that probes every second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from tests.integration.arena import Arena
from tests.integration.children import events, object_lines, write_lines

pytestmark = pytest.mark.provided

FLAGS = ("--probe-interval=1", "--probe-retry-interval=1", "--resync-interval=1")

STATUS = "patch fiddlerkongbindings/status assistant"
NEW_BINDING = [
    "create ingresses assistant-openai",
    "create kongplugins assistant-openai-ai-proxy",
    "create kongplugins assistant-opentelemetry",
    "create kongplugins assistant-pre-function",
    "create secrets assistant-kong-keys",
    "create services assistant-openai",
]


@pytest.fixture(scope="module")
def stage(backstage: Stage) -> Stage:
    """One in which the operator can be stopped."""
    return backstage


@pytest.fixture(scope="module")
def operator(stage: Stage) -> Iterator[OperatorProcess]:
    with OperatorProcess(stage.cluster, *FLAGS) as process:
        yield process


@pytest.fixture
def ready(arena: Arena) -> Arena:
    arena.put(arena.binding())
    arena.until_ready()
    arena.until_quiet()
    return arena


def another(arena: Arena) -> None:
    """A second binding becomes Ready on the same gateway, which proves that the operator has worked through its queue."""
    arena.put(arena.binding({"routes.0.expose.path": f"/{arena.namespace}/another"}, name="another"))
    arena.until_ready("another")
    arena.until_pushed(lambda pushed: len(pushed.services) == 2, "both services")


def first_only(writes: list[str]) -> list[str]:
    return [write for write in writes if " another" not in write]


def test_a_new_binding_costs_its_six_objects_a_status_and_one_more_when_kong_confirms_it(arena: Arena) -> None:
    mark = arena.mark()

    arena.put(arena.binding())
    arena.until_ready()
    arena.until_quiet()

    assert sorted(object_lines(arena, mark)) == NEW_BINDING
    assert events(arena) in ([], ["Ready"])  # an Event only where Ready had to wait for Kong


def test_probes_that_repeat_and_neighbours_that_come_write_nothing(ready: Arena) -> None:
    mark, told, probes = ready.mark(), events(ready), len(ready.stage.sink.requests)

    ready.until(lambda: len(ready.stage.sink.requests) >= probes + 3, "three more probes")
    another(ready)
    ready.until_quiet()

    assert first_only(write_lines(ready, mark)) == []
    assert events(ready) == told


def test_a_probe_that_fails_again_and_again_writes_once(ready: Arena) -> None:
    mark, told = ready.mark(), events(ready)

    ready.put(ready.secret("fiddler", "fdl_demo.wrong"))
    ready.until_condition("TraceEndpointReachable", "False", "Unauthorized")
    probes = len(ready.stage.sink.requests)
    ready.until(lambda: len(ready.stage.sink.requests) >= probes + 2, "two more probes")
    ready.until_quiet()

    assert write_lines(ready, mark) == ["patch secrets assistant-kong-keys", STATUS, STATUS]  # not probed yet, then refused
    assert events(ready) == [*told, "Unauthorized"]


def test_a_restart_writes_nothing(ready: Arena, operator: OperatorProcess) -> None:
    operator.stop()
    mark, told = ready.mark(), events(ready)

    operator.start()
    another(ready)
    ready.until_quiet()

    assert first_only(write_lines(ready, mark)) == []
    assert events(ready) == told


def policy(arena: Arena) -> tuple[dict[str, Any], dict[str, Any]]:
    """An admission policy that adds a field to every KongPlugin of the namespace, with its binding."""
    rule = {
        "apiGroups": ["configuration.konghq.com"],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["kongplugins"],
    }
    here = {"matchLabels": {"kubernetes.io/metadata.name": arena.namespace}}
    change = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{instance_name: object.metadata.name}"}}
    spec = {"matchConstraints": {"resourceRules": [rule], "namespaceSelector": here}, "mutations": [change], "reinvocationPolicy": "Never"}
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": arena.namespace}}
    return {**kind, "kind": "MutatingAdmissionPolicy", "spec": spec}, {
        **kind,
        "kind": "MutatingAdmissionPolicyBinding",
        "spec": {"policyName": arena.namespace},
    }


@pytest.mark.exhaustive
def test_a_restart_writes_nothing_where_a_policy_changes_what_is_written(arena: Arena, operator: OperatorProcess) -> None:
    for manifest in policy(arena):
        arena.stage.cluster.apply(manifest)
    trial = arena.manifest("configuration.konghq.com/v1", "KongPlugin", "trial", plugin="cors")
    path = f"{arena.path('KongPlugin')}?dryRun=All"
    arena.until(lambda: "instance_name" in arena.stage.cluster.api.request("POST", path, trial), "the policy in force")
    arena.put(arena.binding())
    arena.until_ready()
    arena.until_quiet()
    operator.stop()
    mark = arena.mark()

    operator.start()
    another(arena)
    arena.until_quiet()

    assert arena.existing("KongPlugin", "assistant-opentelemetry")["instance_name"] == "assistant-opentelemetry"
    assert first_only(write_lines(arena, mark)) == []


def test_what_changed_while_the_operator_was_away_is_put_right_when_it_returns(ready: Arena, operator: OperatorProcess) -> None:
    operator.stop()
    ready.delete("KongPlugin", "assistant-opentelemetry")
    ready.patch("Service", "assistant-openai", {"spec": {"externalName": "api.example.com"}})
    ready.put(ready.binding({"payloads": "Disabled"}))
    mark = ready.mark()

    operator.start()
    ready.until_ready()
    ready.until_quiet()

    assert sorted(write for write in write_lines(ready, mark) if write != STATUS) == [
        "create kongplugins assistant-opentelemetry",
        "patch kongplugins assistant-openai-ai-proxy",
        "patch services assistant-openai",
    ]
