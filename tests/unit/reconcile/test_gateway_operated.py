"""Settings on a DataPlane of Kong Operator: a custom resource, which the API server merges in other ways than a Deployment."""

from __future__ import annotations

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Refused
from fiddler_kong_operator.kube.field_ownership import created_by
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.reconcile.gateway import RELEASE_DELAY
from tests.unit.observe.objects import ASSISTANT, at, binding, family, spec
from tests.unit.reconcile.stages import WANTED, Stage, elapse

PLANE = ObjectKey("DataPlane", "kong", "gateway")
OTHER: Manifest = {"name": "KONG_DATABASE", "value": "off"}
RATE: Manifest = {"name": "KONG_TRACING_SAMPLING_RATE", "value": "0.5"}


def stage(*env: Manifest, conflicts: str = "Refuse") -> Stage:
    """A DataPlane that Helm has installed, its Deployment, and a binding that names it."""
    plane, runner = family("DataPlane", 1, *env, annotations={names.GRANT_ANNOTATION: "ai"})
    gateway = {"targetRef": {"kind": PLANE.kind, "namespace": PLANE.namespace, "name": PLANE.name}, "conflicts": conflicts}
    return Stage(binding(spec_=spec(gateway=gateway)), created_by("helm", plane), runner)


def env(stage: Stage) -> list[Manifest]:
    (container,) = stage.cluster.objects[PLANE]["spec"]["deployment"]["podTemplateSpec"]["spec"]["containers"]
    return list(container["env"])


def verbs(stage: Stage) -> list[str]:
    return [verb for verb, which in stage.cluster.writes if which == PLANE]


@pytest.mark.parametrize(
    ("before", "conflicts", "writes"),
    [((OTHER,), "Refuse", ["apply"]), ((RATE, OTHER), "Override", ["merge_patch", "apply", "merge_patch"])],
    ids=["added", "taken over"],
)
async def test_settings_are_given_back_as_they_were_found(before: tuple[Manifest, ...], conflicts: str, writes: list[str]) -> None:
    operator = stage(*before, conflicts=conflicts)
    await operator.reconcile(PLANE)
    assert {entry["name"]: entry["value"] for entry in env(operator)} == {**WANTED, "KONG_DATABASE": "off"}
    operator.delete(ASSISTANT)
    operator.cluster.calls.clear()
    await operator.reconcile(PLANE)
    await elapse(RELEASE_DELAY)

    assert await operator.reconcile(PLANE) is None

    assert (env(operator), verbs(operator)) == (list(before), writes)
    assert {entry["manager"] for entry in operator.cluster.objects[PLANE]["metadata"]["managedFields"]} == {"helm"}


async def test_settings_stay_while_a_binding_names_the_deployment_that_has_them() -> None:
    operator, other = stage(OTHER), ObjectKey(ASSISTANT.kind, "ai", "other")
    target = {"targetRef": {"namespace": "kong", "name": "dataplane-gateway-x"}}
    operator.put(binding("other", 2, spec(gateway=target), creationTimestamp="2025-01-01T00:00:00Z"))
    await operator.reconcile(PLANE)
    operator.delete(ASSISTANT)

    for _ in range(2):
        await operator.reconcile(PLANE)
        await elapse(RELEASE_DELAY)
    assert {entry["name"]: entry["value"] for entry in env(operator)} == {**WANTED, "KONG_DATABASE": "off"}

    operator.woken.clear()
    operator.delete(other)
    assert PLANE in operator.woken
    await operator.reconcile(PLANE)
    await elapse(RELEASE_DELAY)
    await operator.reconcile(PLANE)
    assert env(operator) == [OTHER]


async def test_a_binding_that_names_what_is_made_from_a_gateway_demands_nothing_of_it() -> None:
    operator = stage(OTHER)
    target = {"targetRef": {"namespace": "kong", "name": "dataplane-gateway-x"}, "untrustedLua": "sandbox", "conflicts": "Override"}
    operator.put(binding("other", 2, spec(gateway=target), creationTimestamp="2025-01-01T00:00:00Z"))

    await operator.reconcile(PLANE)

    assert {entry["name"]: entry["value"] for entry in env(operator)} == {**WANTED, "KONG_DATABASE": "off"}


async def test_a_write_that_a_promotion_refused_follows_as_soon_as_it_is_done() -> None:
    operator = stage(OTHER)
    operator.cluster.before = _refuse
    await operator.reconcile(PLANE)
    failure = operator.outcomes.failure(PLANE)
    assert failure
    assert failure.reason.name == "GatewayWriteRefused"
    operator.cluster.before = None

    for version, reason in ((8, "PromotionInProgress"), (9, "PromotionDone")):
        rollout = {"conditions": [{"type": "RolledOut", "reason": reason, "observedGeneration": 1}]}
        operator.put(at(operator.cluster.objects[PLANE], version, status={"rollout": rollout}))
        await operator.reconcile(PLANE)

    assert {entry["name"]: entry["value"] for entry in env(operator)} == {**WANTED, "KONG_DATABASE": "off"}
    assert operator.outcomes.failure(PLANE) is None


def _refuse(verb: str, _key: ObjectKey) -> None:
    if verb == "apply":
        raise Refused("DataPlane spec cannot be updated when promotion is in progress", 422)
