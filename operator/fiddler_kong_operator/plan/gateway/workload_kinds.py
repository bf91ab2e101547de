"""The kinds of workload that can be a gateway. Adding one is a row here and its name in the API's `gateway.targetRef.kind`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType
from typing import Any, Final

from fiddler_kong_operator.kube.objects import Kind, Manifest
from fiddler_kong_operator.plan.kinds import DEPLOYMENT
from fiddler_kong_operator.plan.snapshot import Rollout

__all__ = ["WORKLOADS", "WorkloadKind", "deployment_rollout"]


@dataclass(frozen=True, slots=True)
class WorkloadKind:
    """A kind of gateway workload: where its pod template is, and how its rollout reads."""

    kind: Kind
    template: tuple[str, ...]
    """Path of the pod template inside the object. It starts with `spec`."""
    rollout: Callable[[Manifest], Rollout]
    """The progress of a raw object's rollout.

    Its messages hold no counts: they appear in the status of every binding of the gateway, so each change would be a write to all of them.
    """

    @property
    def pod_path(self) -> tuple[str, ...]:
        """Path of the pod's spec inside the object."""
        return (*self.template, "spec")

    def pod(self, raw: Manifest) -> Mapping[str, Any]:
        """The pod's spec of a raw object; {} where it has none."""
        return _descend(raw, self.pod_path)

    def owned_pod_fields(self, fields_v1: Mapping[str, Any]) -> Mapping[str, Any]:
        """The part of a manager's `fieldsV1` that is about the pod's spec; {} where it owns nothing there."""
        return _descend(fields_v1, tuple(f"f:{step}" for step in self.pod_path))

    def with_pod(self, pod: Mapping[str, Any]) -> Manifest:
        """A part of an object that holds nothing but this pod spec."""
        return reduce(lambda inner, step: {step: inner}, reversed(self.pod_path), dict(pod))

    def env_field(self, container: str, name: str) -> str:
        """The path of an env entry, as shown in messages."""
        return f'{".".join(self.pod_path)}.containers[name="{container}"].env[name="{name}"]'


def _descend(content: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    return reduce(lambda outer, step: outer.get(step) or {}, path, content)


def deployment_rollout(raw: Manifest) -> Rollout:
    """Judge a Deployment's progress as `kubectl rollout status` does; a paused one makes none."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    ready = (status.get("availableReplicas") or 0) > 0
    if (status.get("observedGeneration") or 0) < (raw["metadata"].get("generation") or 0):
        return Rollout(complete=False, ready=ready, message="The newest template has not been taken up yet.")
    if _deadline_exceeded(status):
        return Rollout(complete=False, ready=ready, message="The rollout exceeded its progress deadline.")
    if _unfinished(spec, status):
        message = "The rollout is paused (spec.paused)." if spec.get("paused") else "Pods are being replaced."
        return Rollout(complete=False, ready=ready, message=message)
    return Rollout(complete=True, ready=ready)


def _deadline_exceeded(status: Mapping[str, Any]) -> bool:
    conditions = status.get("conditions") or ()
    return any(c.get("type") == "Progressing" and c.get("reason") == "ProgressDeadlineExceeded" for c in conditions)


def _unfinished(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    desired = spec.get("replicas", 1)
    updated = status.get("updatedReplicas") or 0
    return bool(updated < desired or (status.get("replicas") or 0) > updated or (status.get("availableReplicas") or 0) < updated)


WORKLOADS: Final[Mapping[str, WorkloadKind]] = MappingProxyType(
    {row.kind.name: row for row in (WorkloadKind(DEPLOYMENT, ("spec", "template"), deployment_rollout),)}
)
"""Every workload kind by the name of its kind."""
