"""Settings are given back by whichever process lives long enough: one is killed between its writes, the next one ends what it began.

An admission policy makes the moments certain: in one namespace it refuses the second of the three writes of giving back, in another the
third. There the operator is killed by SIGKILL. In a third namespace the last binding is deleted while no operator runs.
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

THEIRS: Final = {RATE: "0.5", LUA: "sandbox"}
POLICIES: Final = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS: Final = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
NAME: Final = "cut-giving-back-short"
RECORDED: Final = f"has({{0}}.metadata.annotations) && '{names.FORMER_SETTINGS_ANNOTATION}' in {{0}}.metadata.annotations"


@dataclass(frozen=True)
class Cut:
    """Three gateways after the restart: killed after the first write, after the second, and one whose binding went while nobody looked."""

    after_restoring: Gateway
    after_letting_go: Gateway
    unobserved: Gateway


def policy(second: str, third: str) -> Manifest:
    """Refuse the operator the removal of the record in one namespace, and every write without a record in the other."""
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
    """Whether the policy works: removing the record is tried, but not done."""
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
    """SIGKILL, and nothing before it."""
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
    operator = OperatorProcess(backstage.cluster, "--lease-duration=2", name="killed-operator")
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
def test_giving_back_ends_as_if_nobody_had_been_killed(cut: Cut, moment: str) -> None:
    gateway: Gateway = getattr(cut, moment)

    gateway.arena.until(lambda: gateway.traces_of_us == [], "nothing of ours is left")

    assert gateway.settings == THEIRS
    assert gateway.replica_sets == 3
    gateway.upgrade({RATE: "0.7", LUA: "off"})  # without force, as Helm 4 does
    assert gateway.settings == {RATE: "0.7", LUA: "off"}


def test_settings_whose_last_binding_went_unobserved_are_given_back(cut: Cut) -> None:
    cut.unobserved.arena.until(lambda: cut.unobserved.settings == {}, "given back")

    assert cut.unobserved.traces_of_us == []
