"""The Kongs that a gateway's pods may run, during a rollout of several templates, as far as a binding may know."""

from __future__ import annotations

from typing import NamedTuple

from fiddler_kong_operator.plan.snapshot import Snapshot
from fiddler_kong_operator.plan.workload import Container

from .tenancy import granted
from .version import KongVersion, parse_image, parse_version

__all__ = ["RunningKong", "is_allowed", "known_container", "running_kongs"]


class RunningKong(NamedTuple):
    """The container of Kong in one pod template that pods may run, and its version; None where nothing tells it."""

    container: Container | None
    version: KongVersion | None


def running_kongs(snapshot: Snapshot) -> tuple[RunningKong, ...]:
    """Read the Kongs that the pods may run, first that of the newest template. It is unknown where the binding may not use the workload.

    Without a workload, as in `render`, the version is the one that the binding states.
    """
    spec, newest, workload = snapshot.binding.spec, known_container(snapshot), snapshot.workload
    stated = spec.gateway.kong_version if spec else None
    if workload is None or newest is None:
        return (RunningKong(None, parse_version(stated) if stated and workload is None else None),)
    return tuple(RunningKong(container, parse_image(container.image, stated).version) for container in workload.running(newest.name))


def known_container(snapshot: Snapshot) -> Container | None:
    """The container that runs Kong; None where there is none, or none that the binding may use."""
    spec, workload = snapshot.binding.spec, snapshot.workload
    return workload.container(spec.gateway.container) if spec and workload and is_allowed(snapshot) else None


def is_allowed(snapshot: Snapshot) -> bool:
    """Whether the binding may use the workload; True where there is none."""
    return snapshot.workload is None or granted(snapshot.binding, snapshot.workload)
