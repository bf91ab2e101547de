"""Leader election on a `coordination.k8s.io/v1` Lease, with a fence that closes when time runs out.

    elector = LeaseElector(client, namespace=..., name=..., identity=...)
    await elector.acquire()          # returns as the leader
    ... elector.check() before each write ...
    await elector.keep()             # renews; raises NotLeader when another process holds, or may hold, the lease
    await elector.release()          # after the last write

Why two replicas never write at once:

- The fence is open until `duration` minus a margin after the moment the last successful renewal was *sent*. A rival waits a whole
  `duration` from the moment it *saw* that renewal, which is later. So the fence is closed before a rival may take over, even if a renewal
  gets no answer, the process is stopped or the network is lost. `check` only compares two numbers in this process. It cannot stop a write
  that was sent before and arrives later than the margin: the client's time limit for writes bounds that.
- The clock also runs while the machine is suspended (CLOCK_BOOTTIME).
- A rival's lease expires by the time since this process saw its record change, never by the times in it: clocks may disagree.
- Every write of the Lease carries its resourceVersion, so of two candidates at once only one succeeds.
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

from .backoff import jittered
from .client import Client
from .objects import LEASE, Manifest, seconds_of

__all__ = ["LeaseElector", "NoElection", "is_held", "suspend_aware_clock"]

logger: Final = logging.getLogger(__name__)

MARGIN: Final = 0.2
"""Part of the duration by which the fence closes early: for writes checked just before, and for clocks of different speed."""

RENEWALS: Final = 4.0
"""Renewals in one duration."""

RETRIES: Final = 10.0
"""Attempts in one duration while renewals fail."""

JITTER: Final = 0.2

GRACE: Final = 5.0
"""Seconds by which the times in a Lease may be late: clocks and busy machines."""


def is_held(lease: Manifest, now: float) -> bool:
    """Whether a Lease is held, as far as its times tell (`now` in seconds since the epoch). Only an elector knows for certain."""
    spec = _spec(lease)
    until = seconds_of(spec.get("renewTime")) + float(spec.get("leaseDurationSeconds") or 0) + GRACE
    return bool(spec.get("holderIdentity")) and until > now


def suspend_aware_clock() -> float:
    """Monotonic seconds that also pass while the machine is suspended, where the platform has such a clock (Linux)."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class NoElection:
    """The elector of a single replica that runs without election: always the leader."""

    leading = True

    async def acquire(self) -> None:
        """Return at once."""

    async def keep(self) -> None:
        """Wait forever: there is no lease to lose."""
        await asyncio.get_running_loop().create_future()

    async def release(self) -> None:
        """Do nothing."""

    def check(self) -> None:
        """Never raise."""


class LeaseElector:
    """One candidate. Use it once: after `keep` has raised, the process must end."""

    def __init__(  # noqa: PLR0913 - the seams of a test
        self,
        client: Client,
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
        """Raise NotLeader unless this process certainly holds the lease. Call it right before every write."""
        if not self.leading:
            raise NotLeader(f"the lease {self._namespace}/{self._name} is not, or no longer certainly, held by {self._identity}")

    async def acquire(self) -> None:
        """Wait until this process holds the lease. Refused where a permission is missing."""
        while True:
            if await self._try_acquire():
                return
            await asyncio.sleep(self._jittered(self._duration / RETRIES))

    async def keep(self) -> None:
        """Renew until the lease is lost, then raise NotLeader with the fence closed."""
        while True:
            self.check()
            renewed = await self._try_renew()
            pause = self._jittered(self._duration / (RENEWALS if renewed else RETRIES))
            await asyncio.sleep(min(pause, max(0.0, self._open_until - self._clock())))

    async def release(self) -> None:
        """Close the fence and free the lease for the next candidate. Does nothing if this process does not hold it; never fails."""
        held, self._open_until = self.leading, -math.inf
        if not held or self._lease is None:
            return
        try:
            async with asyncio.timeout(self._duration / RENEWALS):
                await self._free()
        except (FiddlerKongError, TimeoutError) as error:
            logger.warning("the lease could not be released (%s); the next leader has to wait until it expires", type(error).__name__)

    async def _free(self) -> None:
        """Clear the holder. Retries once on a conflict: a renewal that was in flight when `keep` was cancelled may have arrived."""
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
            logger.debug("the lease was not acquired: %s", type(error).__name__)
            return False
        return self._open_fence(sent)

    async def _try_renew(self) -> bool:
        sent = self._clock()
        try:
            async with asyncio.timeout(min(self._duration / RENEWALS, self._open_until - sent)):
                await self._write()
        except (Stale, Gone):
            await self._check_holder()
            return False
        except (Transient, Refused, TimeoutError) as error:
            logger.warning("the lease was not renewed: %s", type(error).__name__)
            return False
        return self._open_fence(sent)

    async def _check_holder(self) -> None:
        """After a conflict: close the fence if another process holds the lease. Our own renewal, whose answer was lost, conflicts too."""
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
        """Whether the lease may be acquired. A lease that was deleted while held counts until it would have expired."""
        if self._record is None or self._record[0] in {"", self._identity}:
            return True
        expires_in = float(self._record[1] or 0)
        return self._clock() - self._record_seen > max(expires_in, self._duration)

    def _start_term(self) -> None:
        self._transitions = int(_spec(self._lease).get("leaseTransitions") or 0) + 1 if self._lease else 0
        self._acquired_at = _micro_time(self._wall_clock())

    async def _write(self) -> None:
        manifest = self._manifest(holder=self._identity)
        self._lease = await (self._client.replace(LEASE, manifest) if self._lease else self._client.create(LEASE, manifest))

    def _open_fence(self, sent: float) -> bool:
        """Open the fence for the rest of the duration that began at `sent`; False if it is over already."""
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
        return jittered(seconds, JITTER, self._uniform())


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
