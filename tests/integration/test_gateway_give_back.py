"""Restoring the gateway's settings survives a kill: one process is killed between its writes, and the next one finishes the work.

An admission policy fixes the moments: in one namespace it refuses the second of the three writes that restore settings, in another the
third. Then the operator is killed. In a third namespace the last binding is deleted while no operator runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pytest

from devcluster.errors import ApiError
from devcluster.operator_process import USER, OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator import names
from tests.integration.arena import SETTINGS, Manifest
from tests.integration.own import own_arena
from tests.integration.workload import LUA, RATE, Gateway

pytestmark = pytest.mark.exhaustive

THEIRS: Final = {RATE: "0.5", LUA: "sandbox"}
POLICIES: Final = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS: Final = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
NAME: Final = "cut-giving-back-short"
RECORDED: Final = f"has({{0}}.metadata.annotations) && '{names.FORMER_SETTINGS_ANNOTATION}' in {{0}}.metadata.annotations"


@dataclass(frozen=True)
class Cut:
    """Three gateways after the restart: killed after the first write, after the second, and one whose binding was deleted meanwhile."""

    after_restoring: Gateway
    after_letting_go: Gateway
    unobserved: Gateway


def policy(second: str, third: str) -> Manifest:
    """Refuse the removal of the record in one namespace, and every write without a record in the other."""
    before, after = RECORDED.format("oldObject"), RECORDED.format("object")
    ours = f"request.userInfo.username == '{USER}'"
    refused = (
        f"(request.namespace == '{second}' && {before} && !({after}))",
        f"({ours} && request.namespace == '{third}' && !({before}))",
    )
    rules = [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]}]
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": rules},
        "validations": [{"expression": f"!({' || '.join(refused)})", "message": "not now"}],
    }
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": NAME}, "spec": spec}


def is_refused(gateway: Gateway) -> bool:
    """Whether the policy is in force: try to remove the record in a dry run."""
    body = {"metadata": {"annotations": {names.FORMER_SETTINGS_ANNOTATION: None}}}
    path = f"/apis/apps/v1/namespaces/{gateway.arena.namespace}/deployments/{gateway.name}?dryRun=All"
    try:
        gateway.arena.stage.cluster.api.request("PATCH", path, body, "application/merge-patch+json")
    except ApiError:
        return True
    return False


def enforce(cut: Cut) -> None:
    arena = cut.after_restoring.arena
    arena.stage.cluster.api.request("POST", POLICIES, policy(arena.namespace, cut.after_letting_go.arena.namespace))
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": NAME},
        "spec": {"policyName": NAME, "validationActions": ["Deny"]},
    }
    arena.stage.cluster.api.request("POST", BINDINGS, binding)
    arena.until(lambda: is_refused(cut.after_restoring), "the policy works")


def lift(cut: Cut) -> None:
    arena = cut.after_restoring.arena
    arena.stage.cluster.api.request("DELETE", f"{BINDINGS}/{NAME}")
    arena.stage.cluster.api.request("DELETE", f"{POLICIES}/{NAME}")
    arena.until(lambda: not is_refused(cut.after_restoring), "the policy is lifted")


def kill(operator: OperatorProcess) -> None:
    """Kill the operator without a warning."""
    operator.process.popen.kill()
    operator.stop()


def take_over(cut: Cut) -> None:
    for gateway in (cut.after_restoring, cut.after_letting_go):
        gateway.upgrade(THEIRS)
        gateway.arena.put(gateway.arena.binding({"gateway.conflicts": "Override"}))
    cut.unobserved.arena.put(cut.unobserved.arena.binding())
    for gateway in (cut.after_restoring, cut.after_letting_go, cut.unobserved):
        gateway.arena.until_ready()


def delete_binding(gateway: Gateway) -> None:
    gateway.arena.delete("FiddlerKongBinding", "assistant")


@pytest.fixture(scope="module")
def cut(backstage: Stage) -> Iterator[Cut]:
    operator = OperatorProcess(backstage.cluster, "--lease-duration=10", name="killed-operator")
    with operator, ExitStack() as stack:
        cut = Cut(*(Gateway(stack.enter_context(own_arena(backstage, operator))) for _ in range(3)))
        take_over(cut)
        enforce(cut)
        delete_binding(cut.after_restoring)
        delete_binding(cut.after_letting_go)
        for gateway in (cut.after_restoring, cut.after_letting_go):
            gateway.arena.until(lambda g=gateway: g.writes()[-1].code == 422, "the write that the policy refuses")  # type: ignore[misc]
        assert (cut.after_restoring.settings, cut.after_restoring.former is None) == (THEIRS, False)
        assert (cut.after_letting_go.settings, cut.after_letting_go.former is None) == (THEIRS, True)
        kill(operator)
        delete_binding(cut.unobserved)
        lift(cut)
        assert cut.unobserved.settings == SETTINGS
        operator.start()
        yield cut


@pytest.mark.parametrize("moment", ["after_restoring", "after_letting_go"])
def test_restoring_ends_as_without_a_kill(cut: Cut, moment: str) -> None:
    gateway: Gateway = getattr(cut, moment)

    gateway.arena.until(lambda: gateway.traces_of_us == [], "the removal of our traces")

    assert gateway.settings == THEIRS
    assert gateway.replica_sets == 3
    gateway.upgrade({RATE: "0.7", LUA: "off"})  # without force, as Helm 4 does
    assert gateway.settings == {RATE: "0.7", LUA: "off"}


def test_settings_are_removed_when_the_last_binding_was_deleted_unobserved(cut: Cut) -> None:
    cut.unobserved.arena.until(lambda: cut.unobserved.settings == {}, "the removal of the settings")

    assert cut.unobserved.traces_of_us == []
