"""The records of what is observed, and every reverse index over them: who refers to what, who owns what, who serves what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, TypeVar

from fiddler_kong_operator.kube.objects import ObjectKey, version_of
from fiddler_kong_operator.plan.gateway.tenancy import tenancy_of
from fiddler_kong_operator.plan.references import Place, named_plugin, places_of, references_of, served_places
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Child, KongWarning, Workload

from .groups import Cohorts
from .index import Index
from .reduce import PluginFacts, SecretValues

__all__ = ["UNKNOWN", "Indexes", "Record", "Unknown", "Value", "held_key"]

T = TypeVar("T")
Value = Binding | SecretValues | PluginFacts | Attachable | Workload | KongWarning


class Unknown(Enum):
    """The type of UNKNOWN."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
"""Not held: whether the object exists must be asked of the API server."""


class Record:
    """One observed object: `value` by its kind (None where it is not kept), `child` where it is ours or has a wanted name.

    A record without uid says that a referenced object is known not to exist. `token` stands for what else matters of a binding.
    """

    __slots__ = ("child", "resource_version", "token", "uid", "value")

    def __init__(self, uid: str, resource_version: str, value: Value | None = None, child: Child | None = None, token: int = 0) -> None:
        """`resource_version` is the text that `value` and `child` hold too: a number beside it would be one more object for each."""
        self.uid = uid
        self.resource_version = resource_version
        self.value = value
        self.child = child
        self.token = token

    @property
    def version(self) -> int:
        """The resourceVersion as a number, -1 where it is none."""
        return version_of(self.resource_version)


def held_key(record: Record | None, key: ObjectKey) -> ObjectKey:
    """The key that a record's object holds, in place of an equal one: with its name that is about 160 bytes."""
    held = record and (record.child or record.value)
    return held.key if isinstance(held, (Child, Binding, Attachable, Workload)) else key


class Indexes:
    """Reverse indexes, kept by `move` for each change of a record."""

    def __init__(self, held: Callable[[ObjectKey], ObjectKey] = lambda key: key) -> None:
        """Empty. `held` gives the key that is held for an equal one, so that thousands are there once."""
        self._held = held
        self.wanted_by: Index[ObjectKey, ObjectKey] = Index()
        """Secret, workload or target -> bindings that refer to it."""
        self.owned_by: Index[str, ObjectKey] = Index()
        """uid of a binding -> its children."""
        self.binding_of: dict[str, ObjectKey] = {}
        """uid -> binding."""
        self.naming: Index[ObjectKey, ObjectKey] = Index()
        """KongPlugin, existing or not -> Services and Ingresses whose annotation names it."""
        self.exposing: Index[Place, ObjectKey] = Index()
        """Place -> bindings that expose it."""
        self.serving: Index[Place, ObjectKey] = Index()
        """Place -> Ingresses that serve it."""
        self.warning_about: Index[ObjectKey, ObjectKey] = Index()
        """KongPlugin -> Events about it."""
        self.cohorts: dict[ObjectKey, Cohorts] = {}
        """Workload -> its bindings by what they ask of it."""

    def move(self, key: ObjectKey, old: Record | None, new: Record | None) -> None:
        """Follow a record's change; None where there is no record."""
        before, after = (record.value if record else None for record in (old, new))
        self.owned_by.move(key, _owner(old), _owner(new))
        for kept in (before, after):
            if isinstance(kept, Binding):
                self._move_binding(key, *_pair(Binding, before, after))
            elif isinstance(kept, Attachable):
                self._move_attachable(key, *_pair(Attachable, before, after))
            elif isinstance(kept, KongWarning):
                old_warning, new_warning = _pair(KongWarning, before, after)
                self.warning_about.move(key, _plugins(old_warning), _plugins(new_warning))
            else:
                continue
            return

    def _move_binding(self, key: ObjectKey, old: Binding | None, new: Binding | None) -> None:
        if old:
            self.binding_of.pop(old.uid, None)
            if new is None or tenancy_of(old) != tenancy_of(new):
                self._leave(old)
        if new:
            self.binding_of[new.uid] = key
            self._enter(new)
        self.wanted_by.move(key, references_of(old) if old else (), references_of(new) if new else ())
        self.exposing.move(key, places_of(old) if old else (), places_of(new) if new else ())

    def _enter(self, binding: Binding) -> None:
        if binding.workload:
            self.cohorts.setdefault(binding.workload, Cohorts()).put(binding)

    def _leave(self, binding: Binding) -> None:
        if not binding.workload:
            return
        cohorts = self.cohorts[binding.workload]
        cohorts.drop(binding)
        if not cohorts:
            del self.cohorts[binding.workload]

    def _move_attachable(self, key: ObjectKey, old: Attachable | None, new: Attachable | None) -> None:
        self.naming.move(key, _named(old), map(self._held, _named(new)))
        self.serving.move(key, served_places(old) if old else (), served_places(new) if new else ())


def _pair(expected: type[T], old: object, new: object) -> tuple[T | None, T | None]:
    return (old if isinstance(old, expected) else None, new if isinstance(new, expected) else None)


def _owner(record: Record | None) -> Iterable[str]:
    return (record.child.owner_uid,) if record and record.child and record.child.owner_uid else ()


def _plugins(warning: KongWarning | None) -> Iterable[ObjectKey]:
    return (warning.plugin,) if warning else ()


def _named(target: Attachable | None) -> Iterable[ObjectKey]:
    return {named_plugin(target.key, name) for name in target.plugins} if target else ()
