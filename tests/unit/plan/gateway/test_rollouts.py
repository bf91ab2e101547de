"""How the rollout of each kind is judged, and said: one table over all kinds."""

from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.workloads import reduce_workload
from fiddler_kong_operator.plan.gateway.condition import evaluate_gateway
from fiddler_kong_operator.plan.gateway.settings_plan import plan_settings
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from tests.unit.plan.situations import WANTED, make_binding, make_snapshot, make_spec

DEPLOYED = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
ON_NODES = {"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}
KINDS = [name for name, row in WORKLOADS.items() if not row.operated]
"""Those that run pods themselves; `test_operated.py` is about the others."""
DONE: dict[str, Manifest] = {"Deployment": DEPLOYED, "DaemonSet": ON_NODES, "StatefulSet": DEPLOYED}
MIXED: dict[str, Manifest] = {
    "Deployment": {"updatedReplicas": 1},
    "DaemonSet": {"updatedNumberScheduled": 1},
    "StatefulSet": {"updatedReplicas": 1},
}
DOWN: dict[str, Manifest] = {
    "Deployment": {"availableReplicas": None},
    "DaemonSet": {"numberAvailable": None},
    "StatefulSet": {"availableReplicas": 0},
}
DEADLINE: Manifest = {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}
ON_DELETE: Manifest = {"updateStrategy": {"type": "OnDelete"}}
PARTITION: Manifest = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}
NO_PARTITION: Manifest = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}
ONE_OF_TWO = {"currentNumberScheduled": 1, "updatedNumberScheduled": 1}
NO_NODE = dict.fromkeys(ON_NODES, 0)
NO_POD = {"replicas": 0, "updatedReplicas": None, "availableReplicas": None}


def gateway(kind: str, spec: Manifest, status: Manifest, env: dict[str, str] = WANTED) -> Manifest:
    """A gateway of that kind in namespace `kong`, with two pods."""
    metadata = {"name": "edge", "namespace": "kong", "uid": "uid-edge", "resourceVersion": "7", "generation": 3}
    entries = [{"name": name, "value": value} for name, value in env.items()]
    pod = {"containers": [{"name": "proxy", "image": "kong/kong-gateway:3.13.0.7", "env": entries}]}
    content = {"spec": {"template": {"spec": pod}, **spec}, "status": {"observedGeneration": 3, **DONE[kind], **status}}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, **content}


def judged(kind: str, spec: Manifest, status: Manifest) -> tuple[str, str]:
    """The reason and message of GatewayConfigured for an operator that has just started."""
    workload = reduce_workload(ObjectKey(kind, "kong", "edge"), gateway(kind, spec, status))
    binding = make_binding(make_spec(targetRef={"kind": kind, "name": "edge"}))
    finding = evaluate_gateway(make_snapshot(binding, workload=workload)).finding
    return finding.reason.name, finding.message


def patch_of(kind: str, change: str) -> str:
    return f"""kubectl -n kong patch {kind.lower()} edge -p '{{"spec":{{"updateStrategy":{{{change}}}}}}}'."""


CASES: list[tuple[str, str, Manifest, Manifest, str, list[str]]] = [
    *((f"{kind}, done", kind, {}, {}, "GatewayConfigured", [f"{kind} kong/edge runs Kong 3.13.0.7"]) for kind in KINDS),
    *((f"{kind}, pods of an older template", kind, {}, MIXED[kind], "GatewayRollingOut", [f"pods of {kind} kong/edge"]) for kind in KINDS),
    *(
        (f"{kind}, its newest template not seen yet", kind, {}, {"observedGeneration": 2}, "GatewayRollingOut", ["are being replaced"])
        for kind in KINDS
    ),
    *((f"{kind}, no pod", kind, {}, DOWN[kind], "GatewayNotRunning", [f"{kind} kong/edge has no ready pod"]) for kind in KINDS),
    *(
        (f"{kind}, scaled to 0", kind, {"replicas": 0}, NO_POD, "GatewayScaledToZero", [f"{kind} kong/edge is scaled to 0", "Argo Rollout"])
        for kind in ("Deployment", "StatefulSet")
    ),
    *(
        (
            f"{kind}, OnDelete",
            kind,
            ON_DELETE,
            MIXED[kind],
            "GatewayRolloutManual",
            [f"rollout of {kind} kong/edge waits until someone deletes its pods", patch_of(kind, '"type":"RollingUpdate"')],
        )
        for kind in ("DaemonSet", "StatefulSet")
    ),
    *((f"{kind}, OnDelete and all deleted", kind, ON_DELETE, {}, "GatewayConfigured", []) for kind in ("DaemonSet", "StatefulSet")),
    ("Deployment, an old pod left", "Deployment", {}, {"replicas": 3}, "GatewayRollingOut", []),
    ("Deployment, scaling up", "Deployment", {"replicas": 5}, {"replicas": 4, "updatedReplicas": 4}, "GatewayConfigured", []),
    ("Deployment, one pod down", "Deployment", {}, {"availableReplicas": 1}, "GatewayConfigured", []),
    (
        "Deployment, paused",
        "Deployment",
        {"paused": True},
        MIXED["Deployment"],
        "GatewayRolloutPaused",
        ["is paused (spec.paused)", "kubectl -n kong rollout resume deployment edge."],
    ),
    ("Deployment, paused with the settings", "Deployment", {"paused": True}, {}, "GatewayConfigured", []),
    (
        "Deployment, stuck",
        "Deployment",
        {},
        {**MIXED["Deployment"], **DEADLINE},
        "GatewayRolloutStuck",
        ["exceeded its progress deadline", "kubectl -n kong get pods."],
    ),
    (
        "DaemonSet, a node without its pod",
        "DaemonSet",
        {},
        {"currentNumberScheduled": 1, "updatedNumberScheduled": 1},
        "GatewayConfigured",
        [],
    ),
    (
        "DaemonSet, no node",
        "DaemonSet",
        {},
        NO_NODE,
        "GatewayNotRunning",
        ["DaemonSet kong/edge is to run on no node", "nodeSelector, affinity or tolerations"],
    ),
    ("DaemonSet, OnDelete and no node", "DaemonSet", ON_DELETE, NO_NODE, "GatewayNotRunning", ["is to run on no node"]),
    ("DaemonSet, not counted yet", "DaemonSet", {}, {**NO_NODE, "observedGeneration": 2}, "GatewayNotRunning", ["has no ready pod"]),
    (
        "StatefulSet, partition",
        "StatefulSet",
        PARTITION,
        MIXED["StatefulSet"],
        "GatewayRolloutPaused",
        ["spec.updateStrategy.rollingUpdate.partition", patch_of("StatefulSet", '"rollingUpdate":{"partition":0}')],
    ),
    ("StatefulSet, partition passed", "StatefulSet", PARTITION, {}, "GatewayConfigured", []),
    ("StatefulSet, no partition", "StatefulSet", NO_PARTITION, MIXED["StatefulSet"], "GatewayRollingOut", []),
    ("StatefulSet, scaling up", "StatefulSet", {"replicas": 5}, {}, "GatewayConfigured", []),
    ("StatefulSet, an old pod ends", "StatefulSet", {}, {"replicas": 3}, "GatewayRollingOut", []),
]


@pytest.mark.parametrize(("kind", "spec", "status", "expected", "phrases"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_a_rollout_is_judged_by_its_pods_and_said_with_the_remedy(
    kind: str, spec: Manifest, status: Manifest, expected: str, phrases: list[str]
) -> None:
    reason, message = judged(kind, spec, status)

    assert (expected, [phrase for phrase in phrases if phrase not in message]) == (reason, [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("spec", "status", "action"),
    [({}, {}, "apply"), ({"replicas": 0}, NO_POD, "nothing"), (ON_DELETE, {}, "apply"), (PARTITION, {}, "apply"), ({}, NO_NODE, "apply")],
    ids=["running", "scaled to 0", "OnDelete", "partition", "no node"],
)
def test_settings_are_written_unless_it_is_scaled_to_0(kind: str, spec: Manifest, status: Manifest, action: str) -> None:
    expected = "apply" if kind == "DaemonSet" else action  # a DaemonSet has no replicas
    workload = reduce_workload(ObjectKey(kind, "kong", "edge"), gateway(kind, spec, status, {}))

    assert plan_settings(workload, [make_binding(make_spec(targetRef={"kind": kind, "name": "edge"}))]).action == expected
