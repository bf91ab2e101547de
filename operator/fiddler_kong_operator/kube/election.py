"""Leader election on a `coordination.k8s.io/v1` Lease, with a fence that closes by itself.

    elector = LeaseElector(client, namespace=..., name=..., identity=...)
    await elector.acquire()          # returns as the leader
    ... elector.check() before each write ...
    await elector.keep()             # renews; raises NotLeader when the lease is, or may be, another's
    await elector.release()          # once nothing writes any more

Why two replicas never write at once:

- The fence is open until `duration` minus a margin after the moment the last successful renewal was *sent*. A rival counts a whole
  `duration` from the moment it *saw* that renewal, which is later. So the fence is closed before a rival may take over, whatever hangs in
  between: a renewal without an answer, a stopped process, a lost network. `check` only compares two numbers of this process. What it
  cannot stop is a write that was sent before and arrives later than the margin: the client's time limit for writes bounds that.
- The clock goes on while the machine is suspended (CLOCK_BOOTTIME).
- A rival's lease is judged by when this process saw its record change, never by the times in it: clocks may disagree.
- All writes of the Lease carry its resourceVersion; of two that want it at once, one gets it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from fiddler_kong_operator.errors import FiddlerKongError, Gone, NotLeader, Refused, Stale, Transient

from .contract import ClusterClient
from .objects import LEASE, Manifest

__all__ = ["LeaseElector", "NoElection", "suspend_aware_clock"]

logger = logging.getLogger(__name__)

MARGIN: Final = 0.2
"""Part of the duration by which the fence closes early: for a write that was checked just before, and for clocks that run unevenly."""

RENEWALS: Final = 4.0
"""Renewals in one duration."""

RETRIES: Final = 10.0
"""Attempts in one duration while renewing fails."""

JITTER: Final = 0.2


def suspend_aware_clock() -> float:
    """Monotonic seconds that also pass while the machine is suspended, where the platform has such a clock (Linux)."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class NoElection:
    """Stands in where a single replica runs without election: always the leader."""

    async def acquire(self) -> None:
        """Nothing to wait for."""

    async def keep(self) -> None:
        """Wait for ever: there is nothing to lose."""
        await asyncio.get_running_loop().create_future()

    async def release(self) -> None:
        """Nothing to give back."""

    def check(self) -> None:
        """Always in order."""


class LeaseElector:
    """One candidate. Use it once: after `keep` has raised, the process is to end."""

    def __init__(  # noqa: PLR0913 - the seams of a test
        self,
        client: ClusterClient,
        *,
        namespace: str,
        name: str,
        identity: str,
        duration: float = 15.0,
        clock: Callable[[], float] = suspend_aware_clock,
        uniform: Callable[[], float] = random.random,
        wall_clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        """`identity` must be unique to this process (a pod's name and something random); `duration` in seconds."""
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._duration = duration
        self._clock = clock
        self._uniform = uniform
        self._wall_clock = wall_clock
        self._lease: Manifest | None = None
        self._record: tuple[Any, ...] | None = None
        self._record_seen = -math.inf
        self._transitions = 0
        self._acquired_at = ""
        self._open_until = -math.inf

    @property
    def leading(self) -> bool:
        """Whether the fence is open right now."""
        return self._clock() < self._open_until

    def check(self) -> None:
        """Raise NotLeader unless this process surely holds the lease. To be called right before every write."""
        if not self.leading:
            raise NotLeader(f"the lease {self._namespace}/{self._name} is not, or no longer surely, held by {self._identity}")

    async def acquire(self) -> None:
        """Wait until the lease is ours. Refused is raised: it means that a permission is missing."""
        while True:
            if await self._try_acquire():
                return
            await asyncio.sleep(self._jittered(self._duration / RETRIES))

    async def keep(self) -> None:
        """Renew until the lease is lost, then raise NotLeader. The fence is closed by then."""
        while True:
            self.check()
            renewed = await self._try_renew()
            pause = self._jittered(self._duration / (RENEWALS if renewed else RETRIES))
            await asyncio.sleep(min(pause, max(0.0, self._open_until - self._clock())))

    async def release(self) -> None:
        """Close the fence and let the next candidate take over at once. Does nothing where the lease is not ours; never fails."""
        held, self._open_until = self.leading, -math.inf
        if not held or self._lease is None:
            return
        try:
            async with asyncio.timeout(self._duration / RENEWALS):
                await self._give_back()
        except (FiddlerKongError, TimeoutError) as error:
            logger.warning("The lease could not be given back (%s); the next leader has to wait for its end", type(error).__name__)

    async def _give_back(self) -> None:
        """Once more where the record is not what we last wrote: a renewal that was cut off when `keep` was cancelled may have arrived."""
        try:
            await self._client.replace(LEASE, self._manifest(holder=""))
        except Stale:
            await self._read()
            if self._lease is None or _holder(self._lease) != self._identity:
                raise
            await self._client.replace(LEASE, self._manifest(holder=""))

    async def _try_acquire(self) -> bool:
        sent = self._clock()
        try:
            async with asyncio.timeout(self._duration / RENEWALS):
                await self._read()
                if not self._is_free():
                    return False
                self._start_term()
                sent = self._clock()
                await self._write()
        except (Transient, Stale, Gone, TimeoutError) as error:
            logger.debug("The lease was not taken: %s", type(error).__name__)
            return False
        return self._opened(sent)

    async def _try_renew(self) -> bool:
        sent = self._clock()
        try:
            async with asyncio.timeout(min(self._duration / RENEWALS, self._open_until - sent)):
                await self._write()
        except (Stale, Gone):
            await self._look_who_holds()
            return False
        except (Transient, Refused, TimeoutError) as error:
            logger.warning("The lease was not renewed: %s", type(error).__name__)
            return False
        return self._opened(sent)

    async def _look_who_holds(self) -> None:
        """The record is not what we last wrote: perhaps a renewal of ours that seemed lost, perhaps another's."""
        try:
            async with asyncio.timeout(self._duration / RENEWALS):
                await self._read()
        except (Transient, Refused, TimeoutError):
            return
        if self._lease is not None and _holder(self._lease) != self._identity:
            self._open_until = -math.inf

    async def _read(self) -> None:
        try:
            self._lease = await self._client.get(LEASE, self._namespace, self._name)
        except Gone:
            self._lease = None
        record = _record(self._lease) if self._lease else None
        if record is not None and record != self._record:
            self._record, self._record_seen = record, self._clock()

    def _is_free(self) -> bool:
        """Whether the lease may be taken. One that was deleted under its holder's hands counts until its time is over."""
        if self._record is None or self._record[0] in {"", self._identity}:
            return True
        rivals = float(self._record[1] or 0)
        return self._clock() - self._record_seen > max(rivals, self._duration)

    def _start_term(self) -> None:
        self._transitions = int(_spec(self._lease).get("leaseTransitions") or 0) + 1 if self._lease else 0
        self._acquired_at = _micro_time(self._wall_clock())

    async def _write(self) -> None:
        manifest = self._manifest(holder=self._identity)
        self._lease = await (self._client.replace(LEASE, manifest) if self._lease else self._client.create(LEASE, manifest))

    def _opened(self, sent: float) -> bool:
        """Open the fence for what is left of the duration counted from `sent`; False where that is over already."""
        self._open_until = sent + self._duration * (1 - MARGIN)
        return self.leading

    def _manifest(self, holder: str) -> Manifest:
        metadata: dict[str, Any] = {"name": self._name, "namespace": self._namespace}
        if self._lease:
            metadata = {**self._lease["metadata"], **metadata}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": self._new_spec(holder)}

    def _new_spec(self, holder: str) -> dict[str, Any]:
        return {
            **_spec(self._lease),
            "holderIdentity": holder,
            "leaseDurationSeconds": math.ceil(self._duration) if holder else 1,
            "acquireTime": self._acquired_at,
            "renewTime": _micro_time(self._wall_clock()),
            "leaseTransitions": self._transitions,
        }

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 - JITTER + 2 * JITTER * self._uniform())


def _spec(lease: Manifest | None) -> dict[str, Any]:
    return (lease or {}).get("spec") or {}


def _holder(lease: Manifest) -> str:
    return str(_spec(lease).get("holderIdentity") or "")


def _record(lease: Manifest) -> tuple[Any, ...]:
    spec = _spec(lease)
    return (_holder(lease), spec.get("leaseDurationSeconds"), spec.get("acquireTime"), spec.get("renewTime"), spec.get("leaseTransitions"))


def _micro_time(moment: datetime) -> str:
    """Kubernetes' MicroTime."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
