"""Stores that have seen some objects, and whom one more change of them concerns."""

from __future__ import annotations

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.plan.kinds import KINDS
from tests.unit.observe.objects import at

NOBODY: frozenset[ObjectKey] = frozenset()


def cache_with(*objects: Manifest) -> Cache:
    """A cache that has seen these, in this order."""
    cache = Cache()
    for raw in objects:
        cache.observe(raw)
    return cache


def changed(*before: Manifest, then: Manifest) -> frozenset[ObjectKey]:
    """Whom the last of these concerns."""
    return cache_with(*before).observe(then)


def deleted(*before: Manifest, then: Manifest) -> frozenset[ObjectKey]:
    """Whom the deletion of one of these concerns."""
    return cache_with(*before).apply_event(KINDS[then["kind"]], "DELETED", at(then, 99))


def written(raw: Manifest, version: int, time: str) -> Manifest:
    """The same object after a write of ours that changed nothing else."""
    entry = {"manager": names.FIELD_MANAGER, "operation": "Update", "time": time}
    return {**raw, "metadata": {**raw["metadata"], "resourceVersion": str(version), "managedFields": [entry]}}
