"""Kong Operator's objects and what it makes from them: GatewayConfiguration, GatewayClass, Gateway, DataPlane, Deployment.

A setting belongs on the first object of this chain that a person writes. Kong Operator reverts changes of the objects after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import DATA_PLANE, DEPLOYMENT, GATEWAY
from fiddler_kong_operator.plan.workload import Container, EnvEntry, Workload

from .env import SETTINGS
from .process import PLUGIN_LIST

__all__ = ["Link", "joined", "managed_elsewhere", "origin", "parent_of"]

_MANAGED_BY: Final = "gateway-operator.konghq.com/managed-by"
_STATE: Final = "gateway-operator.konghq.com/dataplane-deployment-state"
_PREVIEW: Final = "preview"
_MADE: Final = {DEPLOYMENT.name: ("dataplane", DATA_PLANE), DATA_PLANE.name: ("gateway", GATEWAY)}
"""By kind: the value of the managed-by label on objects that Kong Operator makes, and the kind of their owner."""


@dataclass(frozen=True, slots=True)
class Link:
    """A Gateway or GatewayClass: a step on the way from a DataPlane to its GatewayConfiguration."""

    key: ObjectKey
    resource_version: str
    parent: ObjectKey | None
    """The GatewayClass of a Gateway; the GatewayConfiguration of a GatewayClass, None where it has none."""


def parent_of(value: Workload | Link | None) -> ObjectKey | None:
    """The object that this one is made from, or configured by; None where there is none."""
    if not isinstance(value, Workload):
        return value.parent if value else None
    _, kind = _MADE.get(value.key.kind, ("", None))
    name = value.owners.get(kind.name) if kind else None
    return ObjectKey(kind.name, value.key.namespace, name) if kind and name else None


def managed_elsewhere(workload: Workload) -> bool:
    """Whether Kong Operator makes the workload from another object: it reverts every change."""
    label, _ = _MADE.get(workload.key.kind, ("", None))
    return parent_of(workload) is not None or bool(label and workload.labels.get(_MANAGED_BY) == label)


def origin(workload: Workload) -> ObjectKey | None:
    """The object that a person writes in place of one that Kong Operator makes; a Gateway where its GatewayConfiguration is not known.

    None where nothing is known of it.
    """
    if workload.owner:
        return origin(workload.owner) or workload.owner.key
    return parent_of(workload)


def joined(workload: Workload, runners: Iterable[Workload], *, gateways: Iterable[str] = (), unseen: Iterable[str] = ()) -> Workload:
    """A DataPlane or GatewayConfiguration with the workloads that are made from it: its progress is that of these.

    A preview of a blue/green rollout serves nothing, so it does not count.
    """
    live = tuple(runner for runner in runners if runner.labels.get(_STATE) != _PREVIEW)
    ready = bool(live) and all(runner.rollout.ready for runner in live)
    return replace(
        workload,
        rollout=replace(workload.rollout, complete=all(runner.rollout.complete for runner in live), ready=ready),
        containers=_as_run(workload.containers, live),
        runners=live,
        gateways=tuple(gateways),
        unseen=tuple(unseen),
    )


def _as_run(template: tuple[Container, ...], runners: tuple[Workload, ...]) -> tuple[Container, ...]:
    """The containers of a template as they run: Kong Operator adds all that a template leaves out, even a whole container."""
    written = {container.name: container for container in template}
    running = {container.name: _agreed(container, runners[1:]) for container in (runners[0].containers if runners else ())}
    return tuple(_merged(written.get(name, Container(name, "")), running.get(name)) for name in dict.fromkeys((*written, *running)))


def _agreed(container: Container, others: tuple[Workload, ...]) -> Container:
    """A container of the first runner, with KONG_PLUGINS only if it is equal in all runners, as in those that Kong Operator makes.

    Otherwise users who can create such an object in their namespace could have the plugins detached from all users' routes.
    """
    alike = all((other := runner.container(container.name)) and _list(other) == _list(container) for runner in others)
    return container if alike else replace(container, env=tuple(entry for entry in container.env if entry.name != PLUGIN_LIST))


def _list(container: Container) -> tuple[EnvEntry, ...]:
    return container.entries(PLUGIN_LIST)


def _merged(written: Container, running: Container | None) -> Container:
    """The three settings count only where the template has them: running pods may come from an earlier template."""
    if running is None:
        return written
    added = (entry for entry in running.env if entry.name not in SETTINGS and not written.entries(entry.name))
    return replace(written, image=written.image or running.image, env=(*written.env, *added))
