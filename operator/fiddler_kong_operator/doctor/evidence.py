"""The input of the checks: the facts about the cluster and each binding at one moment. Frozen, and without any key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fiddler_kong_operator.api.conditions import ConditionType, Finding
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.decision import Decision
from fiddler_kong_operator.plan.snapshot import ProbeResult, Snapshot
from fiddler_kong_operator.plan.workload import Container

from .reach import Reach
from .running import Way

__all__ = ["Case", "Evidence", "Export", "Look", "Pod"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look(Generic[T]):
    """The result of a read; or `missing`, why there is none, in the API server's words."""

    value: T | None = None
    missing: str = ""
    denied: bool = False
    """The cause is a permission that this user lacks."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a gateway, or of Kong's controller. `container` is the one that runs Kong, as this pod runs it."""

    key: ObjectKey
    ready: bool
    container: Container | None = None
    controller: bool = False
    """It runs Kong Ingress Controller."""


@dataclass(frozen=True, slots=True)
class Export:
    """The troubles of Kong's exporter in the log of a gateway's pod: how often each occurs, and its last HTTP status."""

    pod: ObjectKey
    troubles: Mapping[str, int]
    """Lines by the name of a code."""
    statuses: Mapping[str, str] = field(default_factory=dict)
    """The last HTTP status by the name of a code."""


@dataclass(frozen=True, slots=True)
class Case:
    """One binding: the decision that the operator would make now, and the conditions that it has reported."""

    snapshot: Snapshot
    decision: Decision
    findings: Mapping[ConditionType, Finding]
    """The findings that hold now: see `judgement`."""
    reported: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The conditions of its status, by type, where they are about the present spec."""
    unread: Mapping[ConditionType, Look[None]] = field(default_factory=dict)
    """Why a condition could not be judged now."""
    unapplied: tuple[ObjectKey, ...] = ()
    """Objects that the operator still has to make, or lists that lack plugins."""
    pods: Look[tuple[Pod, ...]] = Look(())
    neighbours: Look[tuple[Pod, ...]] = Look(())
    """Pods of Kong Ingress Controller in the gateway's namespace."""
    ingress_class: Look[Manifest] = Look()
    ways: tuple[Way, ...] = ()
    """The ways by which calls reach the binding's routes."""
    probed: ProbeResult | None = None
    """The trace endpoint's answer to this machine; None where it was not asked."""
    reach: Look[Reach] | None = None
    """How far a pod of the gateway came toward the trace endpoint; None where no pod was to be asked."""
    exports: Look[tuple[Export, ...]] = Look(())
    lacking: Look[tuple[str, ...]] = Look()
    """Plugins that the Admin API of a pod does not have; None where no Admin API could be asked."""
    offline: bool = False
    """It comes from files: there is no cluster."""
    notes: tuple[str, ...] = ()
    """The assumptions that were made."""

    @property
    def name(self) -> str:
        """Namespace and name of the binding."""
        key = self.snapshot.binding.key
        return f"{key.namespace}/{key.name}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All facts of one run."""

    now: float = 0.0
    server: str = ""
    version: Look[str] = Look()
    served: Look[tuple[str, ...]] = Look()
    """The versions of FiddlerKongBinding that the cluster serves; None where it does not know the kind."""
    patches: Look[bool] = Look()
    """Whether the cluster's KongPlugin has configPatches; None where the cluster does not know the kind."""
    deployments: Look[tuple[Manifest, ...]] = Look(())
    """The operator's Deployments."""
    leases: Look[tuple[Manifest, ...]] = Look(())
    """The operator's Leases."""
    unread: tuple[str, ...] = ()
    """A sentence for each kind that this user may not list."""
    lacking: tuple[str, ...] = ()
    """Verbs and resource of each permission that the operator's own account lacks; looked at only by that account."""
    cases: tuple[Case, ...] = ()
