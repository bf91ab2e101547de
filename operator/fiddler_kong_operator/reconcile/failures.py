"""Failed writes: how they are shown, and when they are tried again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Final, Generic, TypeVar

from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.errors import Denial, FiddlerKongError, Refused, Stalled, Transient
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import SERVICE

__all__ = ["BRIEF", "Failures", "RefusedWrites", "blocked_deletion", "evaluate_failure"]

T = TypeVar("T")

BRIEF: Final = 2.0
"""Seconds for which a failure that may pass by itself shows in no status: an API server that restarts must not flap every binding."""

_MINIMUM: Final = "3.1"
"""The version of Kong Ingress Controller whose KongPlugin was the first to have configPatches."""

_NEW_FIELD: Final = "configPatches"


def evaluate_failure(error: FiddlerKongError) -> Finding:
    """The finding for a write that failed."""
    if isinstance(error, Stalled):
        return Finding(reason(error.reason), str(error))
    if not isinstance(error, Refused):
        return Finding(reason("WriteFailing"), f"{error}. The operator tries again.")
    if _NEW_FIELD in error.fields:
        hint = f"Install the resource definitions of Kong Ingress Controller {_MINIMUM} or later: older ones would drop the keys"
        return Finding(reason("KongDefinitionOutdated"), f"{hint}. {error}")
    if error.denial is Denial.QUOTA:
        return Finding(reason("QuotaExceeded"), f"{error}. Raise this quota, or delete objects that it counts.")
    if error.denial is Denial.PERMISSION:
        return Finding(reason("PermissionMissing"), f"{error}. Grant this to the operator's service account.")
    text = f"{error}. Change what refuses it, such as a policy or webhook; the operator tries again every minute.{_way_out(error)}"
    return Finding(reason("PluginsWriteRefused"), text)


def blocked_deletion(cause: str) -> Finding:
    """The finding for a deletion that cannot finish."""
    return Finding(
        reason("DeletionBlocked"), f"The binding is being deleted, but its plugins cannot be detached: {cause}. The operator tries again."
    )


def _way_out(error: Refused) -> str:
    if f" {SERVICE.name} " not in str(error):
        return ""
    return " Where Services of type ExternalName are not allowed, create a Service and an Ingress yourself, and name one in attachTo."


class Failures:
    """Remembers since when the passes over a binding have failed without a success in between."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is monotonic."""
        self._clock = clock
        self._since: dict[ObjectKey, float] = {}

    def is_brief(self, key: ObjectKey, started: float, error: FiddlerKongError) -> bool:
        """Whether a failure may still pass by itself before the status shows it. `started` is when the failed pass began, on the clock.

        Not if the server asks for a longer pause before the next attempt.
        """
        since = self._since.setdefault(key, started)
        pause = error.retry_after or 0.0 if isinstance(error, Transient) else 0.0
        return not isinstance(error, (Refused, Stalled)) and max(self._clock() - since, pause) < BRIEF

    def forget(self, key: ObjectKey) -> None:
        """Forget the failures of a binding: a pass did not fail, or the binding is gone."""
        self._since.pop(key, None)


class RefusedWrites(Generic[T]):
    """Results of refused writes to or for an object: the same writes are not tried again before their pause is over.

    That holds whatever requeued the object, and also where other writes were wanted in between.
    """

    def __init__(self, pause: float, clock: Callable[[], float]) -> None:
        """`pause` in seconds; `clock` is monotonic."""
        self._pause = pause
        self._clock = clock
        self._kept: dict[ObjectKey, dict[Hashable, tuple[float, T]]] = {}

    def keep(self, key: ObjectKey, writes: Hashable, result: T) -> None:
        """Note that these writes were refused just now."""
        self._kept[key] = {**self._current(key), writes: (self._clock() + self._pause, result)}

    def pending(self, key: ObjectKey, writes: Hashable) -> tuple[T, float] | None:
        """The result of the same writes and the seconds until they may be tried again; None where they may be tried now."""
        until, result = self._current(key).get(writes, (0.0, None))
        return None if result is None else (result, until - self._clock())

    def forget(self, key: ObjectKey) -> None:
        """Forget the refusals of an object."""
        self._kept.pop(key, None)

    def _current(self, key: ObjectKey) -> Mapping[Hashable, tuple[float, T]]:
        """The results whose pause is not over; forgets all others."""
        current = {writes: kept for writes, kept in self._kept.pop(key, {}).items() if kept[0] > self._clock()}
        if current:
            self._kept[key] = current
        return current
