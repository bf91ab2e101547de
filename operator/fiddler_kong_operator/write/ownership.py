"""Decides who owns an object, by its live state rather than by the cache."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.errors import Stale, Stalled
from fiddler_kong_operator.kube.objects import Manifest, seconds_of
from fiddler_kong_operator.observe.kinds.children import reduce_child
from fiddler_kong_operator.plan.kinds import BINDING, KINDS
from fiddler_kong_operator.plan.snapshot import Binding, Child, Snapshot

__all__ = ["COLLECTED", "belongs", "require_replaceable"]

COLLECTED: Final = 60.0
"""Seconds after which the objects of an earlier binding of the name should be gone: usually one, up to 30 in a fresh cluster."""


def belongs(live: Manifest, binding: Binding) -> bool:
    """Like `Child.belongs_to`, for the live object."""
    return _child(live).belongs_to(binding)


def require_replaceable(live: Manifest, snapshot: Snapshot) -> None:
    """Raise unless the object is an orphan of an earlier binding of this name that the garbage collector missed.

    Stale while the garbage collector may still delete it; Stalled(NameTaken) for an object of another owner.
    """
    child, binding = _child(live), snapshot.binding
    if not child.is_left_over(binding):
        raise Stalled("NameTaken", f"{child.key} has another owner. Rename the route or the binding, or delete that object.")
    if not _is_overdue(live, snapshot):
        raise Stale(f"{child.key} is left from a deleted binding of this name; the garbage collector is about to delete it")


def _is_overdue(live: Manifest, snapshot: Snapshot) -> bool:
    """Whether it has no other owner, and has existed for long enough beside the present binding.

    The collector forgets such an object if the binding's definition was deleted before the collector had learned of it. Every owner of such
    an object is gone, since names are unique: the collector would delete it as well.
    """
    binding, owners = snapshot.binding, live["metadata"].get("ownerReferences") or ()
    former = all(o.get("kind") == BINDING.name and o.get("name") == binding.name and o.get("uid") != binding.uid for o in owners)
    return former and snapshot.now - seconds_of(binding.created) > COLLECTED


def _child(live: Manifest) -> Child:
    return reduce_child(KINDS[live["kind"]].key(live), live)
