"""Detaches deleted bindings and releases their gateways, by the operator's own passes in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import reason
from fiddler_kong_operator.errors import FiddlerKongError, NotLeader, Stale, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import ObjectKey, seconds_of
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.plan.acceptance.endpoint import STRICT
from fiddler_kong_operator.plan.kinds import BINDING

from .passes import Passes

__all__ = ["Cleanup", "blocked"]

_PAUSE: Final = 1.0
"""Seconds until a failed pass is tried again."""


def blocked(status: Mapping[str, Any], since: float = 0.0) -> str | None:
    """The message of DeletionBlocked in a status, if it was set at `since` (seconds since the epoch) or later; else None."""
    name = reason("DeletionBlocked").name
    found = (
        c["message"] for c in status.get("conditions") or () if c["reason"] == name and seconds_of(c["lastTransitionTime"]) >= since - 1
    )
    return next(found, None)


class Cleanup:
    """Runs passes until nothing is left to do. It runs passes only over the given bindings and gateways."""

    def __init__(self, client: Client, cache: Cache, own: str, on_bug: Callable[[str], None]) -> None:
        """`cache` holds everything; `own` is the installation; `on_bug` is called with the kind of an unforeseen object."""
        self._clock = asyncio.get_running_loop().time
        self._cache = cache
        self._passes = Passes(client, Feed(cache, self._requeue, on_bug), own, STRICT, self._requeue, self._clock)
        self._due: dict[ObjectKey, float] = {}
        self._keys: Collection[ObjectKey] = ()
        self._problems: dict[ObjectKey, str] = {}

    async def run(self, keys: Iterable[ObjectKey], seconds: float) -> dict[ObjectKey, str]:
        """Reconcile these bindings and gateways for at most that many seconds; returns a sentence for each that is not done.

        A refused write is not tried again, and does not hold back the others. Raises NotLeader where another process leads now.
        """
        self._keys = tuple(keys)
        until = self._clock() + seconds
        self._requeue(self._keys)
        while self._due:
            key = min(self._due, key=self._due.__getitem__)
            at = self._due.pop(key)
            if at > until:
                self._problems.setdefault(key, f"{key} was not cleaned up within {seconds:.0f} s.")
                continue
            await asyncio.sleep(max(0.0, at - self._clock()))
            self._requeue((key,), delay=await self._pass(key))
        return self._problems

    async def _pass(self, key: ObjectKey) -> float | None:
        """One pass, over a binding only if it is deleted; returns the seconds until the next one."""
        self._problems.pop(key, None)
        binding = self._cache.binding(key)
        if binding and not binding.deleting:
            return None
        try:
            wake = await self._passes.run(key)
        except NotLeader:
            raise
        except Stale:
            return _PAUSE
        except Transient as error:
            self._problems[key] = f"{key}: {error}"
            return error.retry_after or _PAUSE
        except FiddlerKongError as error:
            self._problems[key] = f"{key}: {error}"
            return None
        if refusal := self._refusal(key):
            self._problems[key] = refusal
            return None
        return wake

    def _refusal(self, key: ObjectKey) -> str | None:
        """Why the API server, or another field manager, does not let the last pass do its work."""
        if key.kind != BINDING.name:
            failure = self._passes.outcomes.failure(key)
            return failure.message if failure else None
        binding = self._cache.binding(key)
        why = blocked(binding.status) if binding and names.FINALIZER in binding.finalizers else None
        return f"{key}: {why}" if why else None

    def _requeue(self, keys: Iterable[ObjectKey], _lane: object = None, delay: float | None = 0.0) -> None:
        """Schedule those of the keys that `run` was given, after `delay` seconds (None: not at all). The earliest time counts."""
        if delay is None:
            return
        at = self._clock() + delay
        self._due |= {key: min(at, self._due.get(key, at)) for key in keys if key in self._keys}
