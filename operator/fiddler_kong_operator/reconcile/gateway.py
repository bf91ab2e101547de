"""One gateway workload: apply the settings its bindings need together, or give them back. N bindings cost one apply and one rollout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.errors import Conflict, Gone, Refused
from fiddler_kong_operator.kube.contract import ClusterClient
from fiddler_kong_operator.kube.limiter import WriteLimiter
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.gateway.settings_plan import SettingsPlan, disowning_patch, plan_settings
from fiddler_kong_operator.plan.kinds import KINDS

__all__ = ["GatewayOutcomes", "GatewayReconciler"]

GRACE: Final = 5.0
"""Seconds between the last binding's end and giving the settings back: its plugins leave the gateway first (a pre-function under
untrusted_lua=off fails every request), and a binding that is deleted and created again costs no rollout."""

REFUSED_RETRY: Final = 60.0
"""Seconds before a write that the API server refused is tried again: a policy or a permission may have changed, which no event tells."""

REVERT_LIMIT: Final = 4
REVERT_WINDOW: Final = 600.0
"""Writes to one workload in that many seconds after which another manager is taken to be undoing them."""

REVERT_REST: Final = 3600.0
"""Seconds without a write then: each restarts somebody's gateway. A person who sets the values elsewhere ends the condition at once."""


class GatewayOutcomes:
    """What writing to each workload last came to, for the bindings that name it. Only failures are kept."""

    def __init__(self, wake: Callable[[ObjectKey], None]) -> None:
        """`wake` is called with a workload's key when its outcome changed."""
        self._failures: dict[ObjectKey, Finding] = {}
        self._wake = wake

    def failure(self, workload: ObjectKey | None) -> Finding | None:
        """The finding that says why the settings could not be written."""
        return self._failures.get(workload) if workload else None

    def note(self, workload: ObjectKey, failure: Finding | None) -> None:
        """Keep the newest outcome; None for success."""
        before = self._failures.pop(workload, None)
        if failure:
            self._failures[workload] = failure
        if before != failure:
            self._wake(workload)


class GatewayReconciler:
    """Borrowed fields of gateway workloads, one workload at a time."""

    def __init__(self, client: ClusterClient, feed: Feed, reader: Reader, outcomes: GatewayOutcomes, clock: Callable[[], float]) -> None:
        """`clock` is monotonic."""
        self._client = client
        self._feed = feed
        self._reader = reader
        self._outcomes = outcomes
        self._clock = clock
        self._pace = WriteLimiter(REVERT_LIMIT, REVERT_WINDOW, clock, REVERT_REST)
        self._leaving: dict[ObjectKey, float] = {}
        self._written: dict[ObjectKey, SettingsPlan] = {}

    async def reconcile(self, key: ObjectKey) -> float | None:
        """Bring one workload to what its bindings want; returns seconds until it must be looked at again."""
        workload, bindings = await self._reader.gather_workload(key)
        plan = plan_settings(workload, bindings) if workload else None
        if workload is None:
            self._begin_anew(key)
        if plan is None or plan.action == "nothing":
            self._leaving.pop(key, None)
            self._outcomes.note(key, None)
            return None
        wait = self._grace(key, plan) or self._paced(key, plan)
        return wait or await self._write(key, plan)

    def _begin_anew(self, key: ObjectKey) -> None:
        """The workload is gone, or nobody's any more. What is written when it comes back is no answer to whoever undid it before."""
        self._written.pop(key, None)
        for action in ("apply", "release"):
            self._pace.forget((key, action))

    def _grace(self, key: ObjectKey, plan: SettingsPlan) -> float:
        if plan.action != "release":
            self._leaving.pop(key, None)
            return 0.0
        since = self._leaving.setdefault(key, self._clock())
        return max(0.0, since + GRACE - self._clock())

    def _paced(self, key: ObjectKey, plan: SettingsPlan) -> float:
        """Giving back is paced on its own: a fight over what is set must not keep the operator from letting go.

        Only the same settings written again were undone by somebody; other ones are a new wish of the bindings'.
        """
        if key in self._written and self._written[key].settings != plan.settings:
            self._pace.forget((key, plan.action))
        wait = self._pace.delay((key, plan.action))
        if wait:
            message = (
                f"{key} was written {REVERT_LIMIT} times within {REVERT_WINDOW / 60:.0f} minutes and changed back each time. "
                "Set the tracing settings where that manager gets its values "
                "(Helm: env.tracing_instrumentations, env.tracing_sampling_rate, env.untrusted_lua)."
            )
            self._outcomes.note(key, Finding(reason("GatewaySettingsReverted"), message))
        return wait

    async def _write(self, key: ObjectKey, plan: SettingsPlan) -> float | None:
        try:
            await self._carry_out(key, plan)
        except Gone:
            return None
        except Conflict as error:
            owners = "; ".join(f"{c.field} belongs to {c.manager}" for c in error.conflicts) or str(error)
            self._outcomes.note(
                key, Finding(reason("GatewaySettingConflict"), f"{key}: {owners}. Set the values there, or gateway.conflicts: Override.")
            )
            return None
        except Refused as error:
            self._outcomes.note(key, Finding(reason("GatewayWriteRefused"), f"{key}: {error}"))
            return REFUSED_RETRY
        self._leaving.pop(key, None)
        self._outcomes.note(key, None)
        return None

    async def _carry_out(self, key: ObjectKey, plan: SettingsPlan) -> None:
        """The plan's writes in order; each answer goes into the store at once, so that a failure in between is seen as it is."""
        kind = KINDS[key.kind]
        where = (kind, key.namespace, key.name)
        if plan.restore:
            self._feed.observe(await self._client.merge_patch(*where, plan.restore, strategic=True, manager=names.RESTORING_MANAGER))
        if plan.apply:
            answer = await self._client.apply(kind, plan.apply, force=plan.force)
            self._pace.count((key, plan.action))
            self._written[key] = plan
            self._feed.observe(answer)
            leftover = disowning_patch(answer)
            if leftover:
                self._feed.observe(await self._client.merge_patch(*where, leftover))
