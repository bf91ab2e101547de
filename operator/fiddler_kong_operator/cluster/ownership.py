"""Whose an object is, going by how it is now rather than by what the store holds."""

from __future__ import annotations

from fiddler_kong_operator.plan.snapshot import Binding, Child, Manifest

from .kinds import kind_of
from .reduce import key_of, reduce_child

__all__ = ["belongs", "is_left_over"]


def belongs(live: Manifest, binding: Binding) -> bool:
    """As `Child.belongs_to`, of the object as it is now."""
    return _child(live).belongs_to(binding)


def is_left_over(live: Manifest, binding: Binding) -> bool:
    """As `Child.is_left_over`, of the object as it is now."""
    return _child(live).is_left_over(binding)


def _child(live: Manifest) -> Child:
    return reduce_child(key_of(kind_of(live), live), live)
