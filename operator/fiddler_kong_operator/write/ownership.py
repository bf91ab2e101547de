"""Whose an object is, going by how it is now rather than by what the store holds."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.errors import Stale, Stalled
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.observe.kinds.children import reduce_child, seconds_of
from fiddler_kong_operator.plan.kinds import BINDING, KINDS
from fiddler_kong_operator.plan.snapshot import Binding, Child, Snapshot

__all__ = ["COLLECTED", "belongs", "require_replaceable"]

COLLECTED: Final = 60.0
"""Seconds after which what an earlier binding of the name has left should be gone: one as a rule, up to 30 in a fresh cluster."""


def belongs(live: Manifest, binding: Binding) -> bool:
    """As `Child.belongs_to`, of the object as it is now."""
    return _child(live).belongs_to(binding)


def require_replaceable(live: Manifest, snapshot: Snapshot) -> None:
    """Raise unless an object that is not the binding's is left from an earlier one of its name, and nobody collects it.

    Stale while the garbage collector is to have its time for that; Stalled(NameTaken) for a stranger's object.
    """
    child, binding = _child(live), snapshot.binding
    if not child.is_left_over(binding):
        raise Stalled("NameTaken", f"{child.key} has another owner. Rename the route or the binding, or delete that object.")
    if not _is_overdue(live, snapshot):
        raise Stale(f"{child.key} is left from a deleted binding of this name; the garbage collector is about to delete it")


def _is_overdue(live: Manifest, snapshot: Snapshot) -> bool:
    """Whether it has nobody else to belong to, and has stood for long enough beside the binding of today.

    The collector forgets what it was to collect when the binding's definition was deleted before it had learned of it. All that such an
    object belongs to is gone, since names are unique: the collector would delete it as well.
    """
    binding, owners = snapshot.binding, live["metadata"].get("ownerReferences") or ()
    former = all(o.get("kind") == BINDING.name and o.get("name") == binding.name and o.get("uid") != binding.uid for o in owners)
    return former and snapshot.now - seconds_of(binding.created) > COLLECTED


def _child(live: Manifest) -> Child:
    return reduce_child(KINDS[live["kind"]].key(live), live)
