"""Joins a workload with what Kong Operator makes from it, and what it is made from, as far as the cache shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.operated import Link, joined, parent_of
from fiddler_kong_operator.plan.kinds import DATA_PLANE, DEPLOYMENT, GATEWAY, GATEWAY_CLASS
from fiddler_kong_operator.plan.workload import Workload

from .cache import Cache

__all__ = ["find_workload"]


def find_workload(cache: Cache, key: ObjectKey | None) -> Workload | None:
    """The cached workload with its owner and its runners; None where there is none."""
    workload = cache.value(key, Workload) if key else None
    if workload is None:
        return None
    owner = _owner(cache, workload)
    workload = _with_runners(cache, workload)
    return replace(workload, owner=owner) if owner else workload


def _owner(cache: Cache, made: Workload) -> Workload | None:
    key = parent_of(made)
    if key is None or not _is_made_from(cache, made, key):
        return None
    if key.kind == GATEWAY.name:
        gateway_class = parent_of(cache.value(key, Link))
        key = parent_of(cache.value(gateway_class, Link)) if gateway_class else None
    owner = cache.value(key, Workload) if key else None
    return replace(owner, owner=_owner(cache, owner)) if owner else None


def _with_runners(cache: Cache, workload: Workload) -> Workload:
    if not workload.operated:
        return workload
    if workload.key.kind == DATA_PLANE.name:
        return joined(workload, _made_from(cache, [workload.key]), unseen=cache.problems(DEPLOYMENT, workload.key.namespace))
    gateways = sorted(gateway for made in cache.indexes.made_from[workload.key] for gateway in cache.indexes.made_from[made])
    unseen = tuple(problem for kind in (GATEWAY_CLASS, GATEWAY, DATA_PLANE) for problem in cache.problems(kind))
    return joined(workload, _made_from(cache, gateways), gateways=(f"{g.namespace}/{g.name}" for g in gateways), unseen=unseen)


def _made_from(cache: Cache, origins: Iterable[ObjectKey]) -> list[Workload]:
    keys = (key for origin in origins for key in sorted(cache.indexes.made_from[origin]))
    found = (made for key in keys if (made := cache.value(key, Workload)))
    return [_with_runners(cache, made) for made in found if _is_made_from(cache, made, parent_of(made))]


def _is_made_from(cache: Cache, made: Workload, origin: ObjectKey | None) -> bool:
    """Whether `origin` controls it, by uid: any user of the namespace may write an ownerReference with its name into a Deployment."""
    return origin is not None and cache.uid(origin) in made.controllers
