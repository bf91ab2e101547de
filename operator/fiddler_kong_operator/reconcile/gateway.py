"""Reconciles one gateway workload: applies the settings its bindings need together, or releases them. N bindings cost one rollout."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import orjson

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.errors import Conflict, Gone, Refused, Stale, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.limiter import WriteLimiter
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.gateway.env import SETTINGS
from fiddler_kong_operator.plan.gateway.settings_plan import SettingsPlan, disowning_patch, lacks_values, plan_settings, spelled_out
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS, WorkloadKind
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.plan.workload import Workload

from .failures import RefusedWrites
from .gateway_outcomes import GatewayOutcomes
from .installations import Installations

__all__ = ["REFUSED_RETRY", "RELEASE_DELAY", "REPEAT", "REVERT_LIMIT", "GatewayReconciler"]

RELEASE_DELAY: Final = 5.0
"""Seconds between the deletion of the last binding and the release of the settings: its plugins leave the gateway first (a pre-function
under untrusted_lua=off fails every request), and a binding that is deleted and created again costs no rollout."""

REFUSED_RETRY: Final = 60.0
"""Seconds until a refused write is retried, whatever happens meanwhile: no event announces a changed policy or permission."""

REVERT_LIMIT: Final = 4
REVERT_WINDOW: Final = 600.0
"""The operator assumes that another manager reverts the settings after REVERT_LIMIT writes to a workload within that many seconds."""

REVERT_REST: Final = 3600.0
"""Seconds without a write then, because each one restarts the gateway. The condition ends at once where the values become right."""


RESTART_LIMIT: Final = 4
RESTART_WINDOW: Final = 60.0
"""After RESTART_LIMIT changes of a workload's pod template within that many seconds it is left alone for as long: each change restarts the
gateway for all its users, and a binding can ask for another value as often as it likes."""

DISOWN_ATTEMPTS: Final = 5
"""Attempts at the last of the writes that restore a value, before all of them are planned again."""

REPEAT: Final = 1.0
"""Seconds until a write is repeated that had no effect."""

TAKING: Final = 5.0
"""Seconds until the next look at a workload that another installation's bindings name: they are not taken over yet, or never will be."""


class GatewayReconciler:
    """Reconciles the settings of gateway workloads, one workload at a time."""

    def __init__(
        self,
        client: Client,
        feed: Feed,
        reader: Reader,
        outcomes: GatewayOutcomes,
        installations: Installations,
        clock: Callable[[], float],
    ) -> None:
        """`clock` is monotonic."""
        self._installations = installations
        self._client = client
        self._feed = feed
        self._reader = reader
        self._outcomes = outcomes
        self._clock = clock
        self._limiter = WriteLimiter(REVERT_LIMIT, REVERT_WINDOW, clock, REVERT_REST)
        self._restarts = WriteLimiter(RESTART_LIMIT, RESTART_WINDOW, clock, RESTART_WINDOW)
        self._refused: RefusedWrites[Finding] = RefusedWrites(REFUSED_RETRY, clock)
        self._unneeded_since: dict[ObjectKey, float] = {}
        self._applied: dict[ObjectKey, SettingsPlan] = {}

    async def reconcile(self, key: ObjectKey) -> float | None:
        """Give one workload the settings its bindings need; returns the seconds until the next look, if any is due without an event.

        Raises Stale and Transient, and Refused where the workload cannot be read: the caller retries.
        """
        workload, bindings = await self._reader.gather_workload(key)
        self._outcomes.progressed(key, workload)
        if workload and (rival := self._installations.rival(workload)):
            return self._yield(workload, rival)
        if workload is None:
            self._forget_writes(key)
        if workload is None or workload.halted("promoting"):  # the end of a promotion ends its refusals
            self._refused.forget(key)
        plan = self._plan(workload, bindings) if workload else SettingsPlan()
        self._outcomes.kept(key, kept=plan.kept)
        if workload is None or plan.action == "nothing":
            self._unneeded_since.pop(key, None)
            self._outcomes.note(key, None)
            return REFUSED_RETRY if plan.kept else None
        wait = self._grace(key, plan) or self._refusal(key, plan) or self._pause(workload, plan) or self._pace(workload, plan)
        try:
            return wait or await self._write(workload, plan)
        except Stale:
            await self._read(key)
            raise

    async def _read(self, key: ObjectKey) -> None:
        """Read a workload that has changed: the watch may lag behind, and a command has none."""
        uid = self._feed.cache.uid(key)
        try:
            live = await self._client.get(WORKLOADS[key.kind].kind, key.namespace, key.name)
        except Gone:
            self._feed.gone(key, uid)
        else:
            self._feed.observe(live, lane=Lane.BACKGROUND)

    def _plan(self, workload: Workload, bindings: Iterable[Binding]) -> SettingsPlan:
        return plan_settings(workload, bindings, unseen_tenants=self._reader.has_unseen_tenants(workload))

    def _yield(self, workload: Workload, rival: Binding) -> float:
        """Leave a workload alone that another installation's binding uses; returns the seconds until the next look."""
        other = f"the installation {rival.status['installation']} of the operator"
        if self._installations.has_left(rival.key):
            told = f": {other} manages {rival.key}, which uses it too"
            remedy = "that installation is gone, restart this operator, or change the spec of that binding"
        else:
            told = f" until all bindings that use it are taken over from {other}"
            remedy = "this lasts, the log of this operator says which of them cannot be taken over"
        self._outcomes.note(workload.key, Finding(reason("GatewayPending"), f"{workload.key} is left alone{told}. If {remedy}."))
        return TAKING

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
        return max(0.0, since + RELEASE_DELAY - self._clock())

    def _refusal(self, key: ObjectKey, plan: SettingsPlan) -> float:
        """Seconds until the same settings may be tried again after a refusal."""
        kept = self._refused.pending(key, _content(plan))
        if kept is None:
            return 0.0
        refusal, wait = kept
        self._outcomes.note(key, refusal)
        return wait

    def _pace(self, workload: Workload, plan: SettingsPlan) -> float:
        """Seconds until the pods may be replaced again. A release does not wait: the owner gets the gateway back."""
        wait = self._restarts.delay(_identity(workload)) if plan.action == "apply" else 0.0
        if wait:
            message = (
                f"{workload.key} was changed {RESTART_LIMIT} times within {RESTART_WINDOW:.0f} s, and each change replaces its pods. "
                f"The operator makes the next change after a pause of up to {RESTART_WINDOW:.0f} s."
            )
            self._outcomes.note(workload.key, Finding(reason("GatewayPending"), message))
        return wait

    def _pause(self, workload: Workload, plan: SettingsPlan) -> float:
        """Seconds without a write because another manager keeps reverting the settings; 0 where none does.

        Only repeated writes of the same settings count. Other settings are a new demand of the bindings, and their release is one too: a
        fight over the settings must not prevent it.
        """
        key = workload.key
        if key in self._applied and self._applied[key].settings != plan.settings:
            self._limiter.forget(key)
        wait = self._limiter.delay(key)
        if wait:
            message = (
                f"{key} was written {REVERT_LIMIT} times within {REVERT_WINDOW / 60:.0f} minutes and changed back each time "
                f"by {_reverters(workload)}. "
                "Set the tracing settings where that manager gets its values "
                "(Helm: env.tracing_instrumentations, env.tracing_sampling_rate, env.untrusted_lua)."
            )
            self._outcomes.note(key, Finding(reason("GatewaySettingsReverted"), message))
        return wait

    async def _write(self, workload: Workload, plan: SettingsPlan) -> float | None:
        """Write the plan and note the outcome. Returns the seconds until a retry, None where none is due."""
        key = workload.key
        try:
            await self._send(key, plan)
        except Gone:
            return None
        except Conflict as error:
            owners = "; ".join(f"{c.field} belongs to {c.manager}" for c in error.conflicts) or str(error)
            message = f"{key}: {owners}. Set the needed values where that manager gets its own, or set gateway.conflicts to Override."
            self._outcomes.note(key, Finding(reason("GatewaySettingConflict"), message))
            return None
        except Refused as error:
            remedy = "Allow it to the operator, or set gateway.management to Verify. The operator tries again every minute."
            refusal = Finding(reason("GatewayWriteRefused"), f"{key}: {error}. {remedy}")
            self._outcomes.note(key, refusal)
            self._refused.keep(key, _content(plan), refusal)
            return REFUSED_RETRY
        except Transient as error:
            self._outcomes.note(key, Finding(reason("GatewayWriteFailing"), f"{key}: {error}. The operator tries again."))
            raise
        finally:
            self._count_restart(workload, plan)
        self._unneeded_since.pop(key, None)
        self._outcomes.note(key, None)
        return await self._again(key)

    async def _again(self, key: ObjectKey) -> float | None:
        """Seconds until another try where a write succeeded and the settings are still not right: a webhook removed them from it."""
        workload, bindings = await self._reader.gather_workload(key)
        return REPEAT if workload and lacks_values(workload, self._plan(workload, bindings)) else None

    def _count_restart(self, workload: Workload, plan: SettingsPlan) -> None:
        """Count a restart if the pod template differs from the one before the write."""
        written = self._feed.cache.value(workload.key, Workload)
        if written is None or written.template != workload.template:
            self._restarts.count(_identity(workload))
            self._outcomes.rolled_out(workload.key, plan.action)

    async def _send(self, key: ObjectKey, plan: SettingsPlan) -> None:
        """Send the writes of a plan in order. The cache takes each answer at once, so that after a failure it holds what was written.

        Each write concerns all bindings of the gateway: people's changes go first.
        """
        observe = partial(self._feed.observe, lane=Lane.BACKGROUND)
        row = WORKLOADS[key.kind]
        patch = partial(self._client.merge_patch, row.kind, key.namespace, key.name)
        if plan.restore and row.operated:
            body = spelled_out(plan.restore, await self._client.get(row.kind, key.namespace, key.name), row)
            observe(await patch(body, manager=names.RESTORING_MANAGER))
        elif plan.restore:
            observe(await patch(plan.restore, strategic=True, manager=names.RESTORING_MANAGER))
        if plan.apply:
            answer = await self._client.apply(row.kind, plan.apply, force=plan.force)
            self._limiter.count(key)
            self._applied[key] = plan
            observe(answer)
            await self._disown(row, key, answer, observe)

    async def _disown(self, row: WorkloadKind, key: ObjectKey, seen: Manifest, observe: Callable[[Manifest], None]) -> None:
        """End the restoring manager's ownership. The rollout that has begun changes the workload meanwhile: it is then read again."""
        for _ in range(DISOWN_ATTEMPTS):
            if not (ownership := disowning_patch(seen)):
                return
            with contextlib.suppress(Stale):
                observe(await self._client.merge_patch(row.kind, key.namespace, key.name, ownership))
                return
            seen = await self._client.get(row.kind, key.namespace, key.name)
        raise Stale(f"{key} keeps changing")


def _content(plan: SettingsPlan) -> bytes:
    """The settings that a plan applies, by which two writes are the same attempt."""
    return orjson.dumps(plan.settings, option=orjson.OPT_SORT_KEYS)


def _identity(workload: Workload) -> tuple[ObjectKey, str]:
    return workload.key, workload.uid


def _reverters(workload: Workload) -> str:
    """Who changes the settings back: the managers that own a value now. managedFields do not show a client that removes values."""
    owners = {who for (_, name), managers in workload.env_managers.items() if name in SETTINGS for who in managers}
    return ", ".join(sorted(owners - {names.FIELD_MANAGER})) or "a client that removes them (kubectl get --show-managed-fields lists all)"
