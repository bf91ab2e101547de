"""The contract of a watched kind: everything the operator knows about observing it, in one row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.observe.records import Indexes, Records
from fiddler_kong_operator.plan.kinds import OWNED

__all__ = ["CHILD_VERBS", "WATCH_VERBS", "Urgency", "WatchedKind", "always", "changed", "never", "prompt"]

Index = Callable[[Indexes, ObjectKey, Any, Any], None]
Triggers = Callable[[Records, ObjectKey, Any, Any], Iterable[ObjectKey]]

WATCH_VERBS: Final = ("get", "list", "watch")
CHILD_VERBS: Final = (*WATCH_VERBS, "create", "patch", "delete")


def always(_value: Any) -> bool:
    """Keep every object's value."""
    return True


def never(_value: Any) -> bool:
    """Keep values only of objects that a binding refers to."""
    return False


def changed(old: Any, new: Any, *ignored: str) -> bool:
    """Whether two frozen values of the same type differ in more than the resourceVersion and the ignored fields; None means no value."""
    if old is None or new is None:
        return old is not new
    return bool(replace(old, **{name: getattr(new, name) for name in ("resource_version", *ignored)}) != new)


@dataclass(frozen=True, slots=True)
class Urgency:
    """The lane of a requeued key, and the seconds before it is queued."""

    lane: Lane
    delay: float = 0.0


def prompt(_old: Any, _new: Any) -> Urgency:
    """At once, before anything in the background."""
    return Urgency(Lane.URGENT)


@dataclass(frozen=True, slots=True)
class WatchedKind:
    """One watched kind. Adding one is a module that makes such a row, and its entry in `WATCHED`."""

    kind: Kind
    reduce: Callable[[ObjectKey, Manifest, Any], Any]
    """(key, raw object, value kept so far) -> the value to keep: only the facts that a decision needs."""
    triggers: Triggers
    """(records, key, old value, new value) -> the bindings and workloads to reconcile. Called after the records and indexes changed."""
    why: str
    """Why the operator needs the verbs, for the administrator who reviews the roles."""
    index: Index = lambda *_: None
    """(indexes, key, old value, new value): move the object in the reverse indexes this kind feeds. None means no value."""
    verbs: tuple[str, ...] = WATCH_VERBS
    keep: Callable[[Any], bool] = always
    """Whether to keep a value of an object that no binding refers to."""
    urgency: Callable[[Any, Any], Urgency] = prompt
    """(old value, new value) -> how soon the bindings that a watched change concerns are reconciled."""
    optional: bool = False
    """The operator works without it: a missing permission matters only where a decision needs the kind."""

    @property
    def owned(self) -> bool:
        """Bindings own objects of this kind: ownership facts are kept of our objects and of those that have a wanted name."""
        return self.kind in OWNED
