"""Stores that have seen some objects, and whom one more change of them concerns."""

from __future__ import annotations

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Store
from tests.unit.observe.objects import at

NOBODY: frozenset[ObjectKey] = frozenset()


def store_with(*objects: Manifest) -> Store:
    """A store that has seen these, in this order."""
    store = Store()
    for raw in objects:
        store.observe(raw)
    return store


def changed(*before: Manifest, then: Manifest) -> frozenset[ObjectKey]:
    """Whom the last of these concerns."""
    return store_with(*before).observe(then)


def deleted(*before: Manifest, then: Manifest) -> frozenset[ObjectKey]:
    """Whom the deletion of one of these concerns."""
    return store_with(*before).apply_event(then["kind"], "DELETED", at(then, 99))


def written(raw: Manifest, version: int, time: str) -> Manifest:
    """The same object after a write of ours that changed nothing else."""
    entry = {"manager": names.FIELD_MANAGER, "operation": "Update", "time": time}
    return {**raw, "metadata": {**raw["metadata"], "resourceVersion": str(version), "managedFields": [entry]}}
