"""Reads the rollout of each workload kind: from the spec, and from the status that its controller writes.

A rollout is judged by the pods that exist: it is complete when none has an older template, even if pods are still to be created after a
scale-up or the loss of a node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.workload import Halt, Rollout

__all__ = ["daemon_set_rollout", "data_plane_rollout", "deployment_rollout", "gateway_configuration_rollout", "stateful_set_rollout"]

_EMPTY: Final = Halt(
    "empty",
    "is scaled to 0",
    "Scale it up. If something else runs its pods (an Argo Rollout, for example), that is not supported: name a workload that runs Kong's "
    "pods itself.",
)
_PAUSED: Final = Halt("paused", "is paused (spec.paused)", "Resume it: kubectl -n {of.namespace} rollout resume deployment {of.name}.")
_STUCK: Final = Halt(
    "stuck",
    "is stuck (it exceeded its progress deadline)",
    "Find out why the new pods do not become ready: kubectl -n {of.namespace} get pods.",
    reported=True,
)
_PARTITION: Final = Halt(
    "paused",
    "leaves out pods (spec.updateStrategy.rollingUpdate.partition)",
    "Let it replace all: kubectl -n {of.namespace} patch statefulset {of.name} "
    """-p '{{"spec":{{"updateStrategy":{{"rollingUpdate":{{"partition":0}}}}}}}}'.""",
)
_UNSCHEDULED: Final = Halt(
    "unscheduled",
    "is to run on no node of the cluster, and serves nothing",
    "Correct its nodeSelector, affinity or tolerations, or add a node that they fit.",
    reported=True,
)

_PROMOTING: Final = Halt(
    "promoting",
    "is being promoted (blue/green), and Kong Operator refuses every change until that is done",
    "The operator continues then. If it takes long, look at its conditions: kubectl -n {of.namespace} describe dataplane {of.name}.",
)
_AWAITING: Final = Halt(
    "paused",
    "waits for the promotion of its preview (blue/green)",
    "Promote it: kubectl -n {of.namespace} annotate dataplane {of.name} gateway-operator.konghq.com/promote-when-ready=true.",
)
_FAILED: Final = Halt(
    "stuck", "is stuck (its promotion has failed)", "See its conditions: kubectl -n {of.namespace} describe dataplane {of.name}."
)
_PROMOTIONS: Final = {
    "PromotionInProgress": _PROMOTING,
    "AwaitingPromotion": _AWAITING,
    "Failed": _FAILED,
    "PromotionFailed": _FAILED,
}


def deployment_rollout(raw: Manifest) -> Rollout:
    """Judge a Deployment."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    complete = _count(status, "replicas") <= _count(status, "updatedReplicas")
    halt = _scaled_down(spec) or (_PAUSED if spec.get("paused") else None) or (_STUCK if _deadline_exceeded(status) else None)
    return Rollout(complete, ready=_count(status, "availableReplicas") > 0, halt=halt)


def daemon_set_rollout(raw: Manifest) -> Rollout:
    """Judge a DaemonSet. Its controller counts nodes, each by its oldest pod."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    complete = _count(status, "currentNumberScheduled") <= _count(status, "updatedNumberScheduled")
    halt = _manual(spec, "daemonset") if _count(status, "desiredNumberScheduled") else _UNSCHEDULED
    return Rollout(complete, ready=_count(status, "numberAvailable") > 0, halt=halt)


def stateful_set_rollout(raw: Manifest) -> Rollout:
    """Judge a StatefulSet by the number of its updated pods.

    `currentRevision` does not tell: it stays the older one under OnDelete, and while any pod of a finished rollout is not ready.
    """
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    complete = _count(status, "replicas") <= _count(status, "updatedReplicas")
    partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition")
    halt = _scaled_down(spec) or _manual(spec, "statefulset") or (_PARTITION if partition else None)
    return Rollout(complete, ready=_count(status, "availableReplicas") > 0, halt=halt)


def data_plane_rollout(raw: Manifest) -> Rollout:
    """Judge a DataPlane by its promotion only. The rest of its progress is that of its Deployments."""
    status = raw.get("status") or {}
    conditions = (status.get("rollout") or {}).get("conditions") or ()
    found: Mapping[str, Any] = next((c for c in conditions if c.get("type") == "RolledOut"), {})
    halt = _PROMOTIONS.get(found.get("reason", ""))
    outdated = (found.get("observedGeneration") or 0) < (raw["metadata"].get("generation") or 0)
    return Rollout(complete=True, ready=True, halt=None if outdated and halt is not _PROMOTING else halt)


def gateway_configuration_rollout(_raw: Manifest) -> Rollout:
    """Always complete and ready: the progress is that of its DataPlanes."""
    return Rollout(complete=True, ready=True)


def _count(status: Mapping[str, Any], name: str) -> int:
    return status.get(name) or 0


def _scaled_down(spec: Mapping[str, Any]) -> Halt | None:
    return _EMPTY if spec.get("replicas", 1) == 0 else None


def _manual(spec: Mapping[str, Any], resource: str) -> Halt | None:
    if (spec.get("updateStrategy") or {}).get("type") != "OnDelete":
        return None
    patch = """'{{"spec":{{"updateStrategy":{{"type":"RollingUpdate"}}}}}}'"""
    return Halt(
        "manual",
        "waits until someone deletes its pods (spec.updateStrategy.type is OnDelete)",
        "Delete those that are older than the settings, one after the other, or let the controller do it: "
        f"kubectl -n {{of.namespace}} patch {resource} {{of.name}} -p {patch}.",
    )


def _deadline_exceeded(status: Mapping[str, Any]) -> bool:
    conditions = status.get("conditions") or ()
    return any(c.get("type") == "Progressing" and c.get("reason") == "ProgressDeadlineExceeded" for c in conditions)
