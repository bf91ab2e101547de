"""Reconciles one gateway workload: applies the settings its bindings need together, or releases them. N bindings cost one rollout."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.errors import Conflict, Gone, Refused, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.limiter import WriteLimiter
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.gateway.settings_plan import SettingsPlan, disowning_patch, plan_settings
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS

__all__ = ["REFUSED_RETRY", "GatewayOutcomes", "GatewayReconciler"]

logger: Final = logging.getLogger(__name__)

GRACE: Final = 5.0
"""Seconds between the deletion of the last binding and the release of the settings: its plugins leave the gateway first (a pre-function
under untrusted_lua=off fails every request), and a binding that is deleted and created again costs no rollout."""

REFUSED_RETRY: Final = 60.0
"""Seconds until a refused write is retried: no event announces a changed policy or permission."""

REVERT_LIMIT: Final = 4
REVERT_WINDOW: Final = 600.0
"""The operator assumes that another manager reverts the settings after REVERT_LIMIT writes to a workload within that many seconds."""

REVERT_REST: Final = 3600.0
"""Seconds without a write then, because each one restarts the gateway. The condition ends at once where the values become right."""


class GatewayOutcomes:
    """The last failed write to each workload, for the bindings that name it."""

    def __init__(self, wake: Callable[[ObjectKey], None]) -> None:
        """`wake` is called with a workload's key when its outcome changed."""
        self._failures: dict[ObjectKey, Finding] = {}
        self._wake = wake

    def failure(self, workload: ObjectKey | None) -> Finding | None:
        """Why the settings could not be written; None where they could."""
        return self._failures.get(workload) if workload else None

    def note(self, workload: ObjectKey, failure: Finding | None) -> None:
        """Keep the newest outcome; None for success."""
        before = self._failures.pop(workload, None)
        if failure:
            self._failures[workload] = failure
        if before != failure:
            shown = f"{failure.reason.name}: {failure.message}" if failure else "the settings can be written again"
            logger.info("%s: %s", workload, shown, extra={"object": str(workload)})
            self._wake(workload)


class GatewayReconciler:
    """Reconciles the settings of gateway workloads, one workload at a time."""

    def __init__(self, client: Client, feed: Feed, reader: Reader, outcomes: GatewayOutcomes, clock: Callable[[], float]) -> None:
        """`clock` is monotonic."""
        self._client = client
        self._feed = feed
        self._reader = reader
        self._outcomes = outcomes
        self._clock = clock
        self._limiter = WriteLimiter(REVERT_LIMIT, REVERT_WINDOW, clock, REVERT_REST)
        self._unneeded_since: dict[ObjectKey, float] = {}
        self._applied: dict[ObjectKey, SettingsPlan] = {}

    async def reconcile(self, key: ObjectKey) -> float | None:
        """Give one workload the settings its bindings need; returns the seconds until the next look, if any is due without an event.

        Raises Stale and Transient: the caller retries.
        """
        workload, bindings = await self._reader.gather_workload(key)
        if workload is None:
            self._forget_writes(key)
        plan = plan_settings(workload, bindings) if workload else SettingsPlan()
        if plan.action == "nothing":
            self._unneeded_since.pop(key, None)
            self._outcomes.note(key, None)
            return None
        return self._grace(key, plan) or self._pause(key, plan) or await self._write(key, plan)

    def _forget_writes(self, key: ObjectKey) -> None:
        """Forget the write history of a deleted or unreferenced workload: a later conflict over its settings is a new one."""
        self._applied.pop(key, None)
        self._limiter.forget(key)

    def _grace(self, key: ObjectKey, plan: SettingsPlan) -> float:
        """Seconds until the settings may be released; 0 for an apply."""
        if plan.action != "release":
            self._unneeded_since.pop(key, None)
            return 0.0
        since = self._unneeded_since.setdefault(key, self._clock())
        return max(0.0, since + GRACE - self._clock())

    def _pause(self, key: ObjectKey, plan: SettingsPlan) -> float:
        """Seconds without a write because another manager keeps reverting the settings; 0 where none does.

        Only repeated writes of the same settings count. Other settings are a new demand of the bindings, and their release is one too: a
        fight over the settings must not prevent it.
        """
        if key in self._applied and self._applied[key].settings != plan.settings:
            self._limiter.forget(key)
        wait = self._limiter.delay(key)
        if wait:
            message = (
                f"{key} was written {REVERT_LIMIT} times within {REVERT_WINDOW / 60:.0f} minutes and changed back each time. "
                "Set the tracing settings where that manager gets its values "
                "(Helm: env.tracing_instrumentations, env.tracing_sampling_rate, env.untrusted_lua)."
            )
            self._outcomes.note(key, Finding(reason("GatewaySettingsReverted"), message))
        return wait

    async def _write(self, key: ObjectKey, plan: SettingsPlan) -> float | None:
        """Write the plan and note the outcome. Returns the seconds until a retry, None where none is due."""
        try:
            await self._send(key, plan)
        except Gone:
            return None
        except Conflict as error:
            owners = "; ".join(f"{c.field} belongs to {c.manager}" for c in error.conflicts) or str(error)
            message = f"{key}: {owners}. Set the values there, or gateway.conflicts: Override."
            self._outcomes.note(key, Finding(reason("GatewaySettingConflict"), message))
            return None
        except Refused as error:
            self._outcomes.note(key, Finding(reason("GatewayWriteRefused"), f"{key}: {error}"))
            return REFUSED_RETRY
        except Transient as error:
            self._outcomes.note(key, Finding(reason("GatewayWriteFailing"), f"{key}: {error}. The operator tries again."))
            raise
        self._unneeded_since.pop(key, None)
        self._outcomes.note(key, None)
        return None

    async def _send(self, key: ObjectKey, plan: SettingsPlan) -> None:
        """Send the writes of a plan in order. The cache takes each answer at once, so that after a failure it holds what was written."""
        kind = WORKLOADS[key.kind].kind
        patch = partial(self._client.merge_patch, kind, key.namespace, key.name)
        if plan.restore:
            self._feed.observe(await patch(plan.restore, strategic=True, manager=names.RESTORING_MANAGER))
        if plan.apply:
            answer = await self._client.apply(kind, plan.apply, force=plan.force)
            self._limiter.count(key)
            self._applied[key] = plan
            self._feed.observe(answer)
            if ownership := disowning_patch(answer):
                self._feed.observe(await patch(ownership))
