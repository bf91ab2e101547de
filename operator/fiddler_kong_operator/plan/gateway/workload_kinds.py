"""The kinds of workload that can be a gateway. Adding one is a row here and its name in the API's `gateway.targetRef.kind`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType
from typing import Any, Final

from fiddler_kong_operator.kube.objects import Kind, Manifest
from fiddler_kong_operator.plan.kinds import DAEMON_SET, DATA_PLANE, DEPLOYMENT, GATEWAY_CONFIGURATION, STATEFUL_SET
from fiddler_kong_operator.plan.workload import Rollout

from .rollouts import daemon_set_rollout, data_plane_rollout, deployment_rollout, gateway_configuration_rollout, stateful_set_rollout

__all__ = ["WORKLOADS", "WorkloadKind", "is_taken_up"]


@dataclass(frozen=True, slots=True)
class WorkloadKind:
    """A kind of gateway workload: where its pod template is, and how its rollout reads."""

    kind: Kind
    template: tuple[str, ...]
    """Path of the pod template inside the object. It starts with `spec`."""
    rollout: Callable[[Manifest], Rollout]
    """The progress of a raw object's rollout, as far as its controller has reported it: `is_taken_up` tells whether it is up to date."""
    operated: bool = False
    """A custom resource from which Kong Operator makes the Deployments that run the pods: the progress is theirs (`operated.joined`)."""

    @property
    def pod_path(self) -> tuple[str, ...]:
        """Path of the pod's spec inside the object."""
        return (*self.template, "spec")

    def pod_template(self, raw: Manifest) -> Mapping[str, Any]:
        """The pod template of a raw object; {} where it has none."""
        return _descend(raw, self.template)

    def pod(self, raw: Manifest) -> Mapping[str, Any]:
        """The pod's spec of a raw object; {} where it has none."""
        return _descend(raw, self.pod_path)

    def owned_pod_fields(self, fields_v1: Mapping[str, Any]) -> Mapping[str, Any]:
        """The part of a manager's `fieldsV1` that is about the pod's spec; {} where it owns nothing there."""
        return _descend(fields_v1, tuple(f"f:{step}" for step in self.pod_path))

    def with_pod(self, pod: Mapping[str, Any]) -> Manifest:
        """A part of an object that holds nothing but this pod spec."""
        return reduce(lambda inner, step: {step: inner}, reversed(self.pod_path), dict(pod))

    def env_path(self, container: str) -> str:
        """The path of a container's env, as shown in messages."""
        return f'{".".join(self.pod_path)}.containers[name="{container}"].env'

    def env_field(self, container: str, name: str) -> str:
        """The path of an env entry, as shown in messages."""
        return f'{self.env_path(container)}[name="{name}"]'


def _descend(content: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    return reduce(lambda outer, step: outer.get(step) or {}, path, content)


def is_taken_up(raw: Manifest) -> bool:
    """Whether the workload's controller has seen the newest spec: until then its status is about an earlier one."""
    return bool(((raw.get("status") or {}).get("observedGeneration") or 0) >= (raw["metadata"].get("generation") or 0))


WORKLOADS: Final[Mapping[str, WorkloadKind]] = MappingProxyType(
    {
        row.kind.name: row
        for row in (
            WorkloadKind(DEPLOYMENT, ("spec", "template"), deployment_rollout),
            WorkloadKind(DAEMON_SET, ("spec", "template"), daemon_set_rollout),
            WorkloadKind(STATEFUL_SET, ("spec", "template"), stateful_set_rollout),
            WorkloadKind(DATA_PLANE, ("spec", "deployment", "podTemplateSpec"), data_plane_rollout, operated=True),
            WorkloadKind(
                GATEWAY_CONFIGURATION,
                ("spec", "dataPlaneOptions", "deployment", "podTemplateSpec"),
                gateway_configuration_rollout,
                operated=True,
            ),
        )
    }
)
"""Every workload kind by the name of its kind."""
