"""Remembers what Kong refused until the status tells it: if the status cannot be written, the next pass must not attach the same again."""

from __future__ import annotations

from dataclasses import replace

from fiddler_kong_operator.api.status import RefusalStatus
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import Binding, Snapshot

__all__ = ["Refusals"]


class Refusals:
    """The outcome of this process's last look at each binding. Before the first look, the status has that of an earlier process."""

    def __init__(self) -> None:
        """Nothing was looked at yet."""
        self._found: dict[ObjectKey, tuple[str, RefusalStatus | None]] = {}

    def recall(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the outcome of the last look at this very binding."""
        uid, refusal = self._found.get(snapshot.binding.key, ("", None))
        return replace(snapshot, refusal=refusal) if uid == snapshot.binding.uid else snapshot

    def keep(self, binding: Binding, refusal: RefusalStatus | None) -> None:
        """Keep the outcome of a look: one that others write into the status later does not count."""
        self._found[binding.key] = binding.uid, refusal

    def forget(self, key: ObjectKey) -> None:
        """Forget a binding."""
        self._found.pop(key, None)
