"""Caches that have seen some objects, and the keys that one more change of them requeues."""

from __future__ import annotations

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.plan.kinds import KINDS
from tests.unit.observe.objects import at

NONE: frozenset[ObjectKey] = frozenset()


def cache_with(*objects: Manifest) -> Cache:
    """A cache that has seen these, in this order."""
    cache = Cache()
    for raw in objects:
        cache.observe(raw)
    return cache


def changed(*before: Manifest, then: Manifest) -> frozenset[ObjectKey]:
    """The keys that the last of these requeues."""
    return cache_with(*before).observe(then)


def deleted(*before: Manifest, then: Manifest) -> frozenset[ObjectKey]:
    """The keys that the deletion of one of these requeues."""
    return cache_with(*before).apply_event(KINDS[then["kind"]], "DELETED", at(then, 99))


def written(raw: Manifest, version: int, time: str) -> Manifest:
    """The same object after a write of ours that changed nothing else."""
    entry = {"manager": names.FIELD_MANAGER, "operation": "Update", "time": time}
    return {**raw, "metadata": {**raw["metadata"], "resourceVersion": str(version), "managedFields": [entry]}}
