"""Reconciles one gateway workload: applies the settings its bindings need together, or releases them. N bindings cost one rollout."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

import orjson

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.errors import Conflict, Gone, Refused, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.limiter import WriteLimiter
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.gateway.env import SETTINGS
from fiddler_kong_operator.plan.gateway.settings_plan import SettingsPlan, disowning_patch, plan_settings, spelled_out
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.workload import Workload

from .failures import RefusedWrites
from .installations import Installations

__all__ = ["REFUSED_RETRY", "RELEASE_DELAY", "GatewayOutcomes", "GatewayReconciler"]

logger: Final = logging.getLogger(__name__)

RolloutObserver = Callable[[str, str], None]
"""Called with a workload's kind and the action of the plan (`apply`, `release`)."""

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

TAKING: Final = 5.0
"""Seconds until the next look at a workload that another installation's bindings name: they are not taken over yet, or never will be."""

_WRITTEN: Final = {"apply": "the operator's settings are set", "release": "the operator's settings are taken back"}


class GatewayOutcomes:
    """The last failed write to each workload, for the bindings that name it, and the log of its transitions.

    The bindings' conditions tell the same, but each binding for itself: thousands may name one workload.
    """

    def __init__(self, wake: Callable[[ObjectKey], None], on_rollout: RolloutObserver = lambda _kind, _action: None) -> None:
        """`wake` is called with a workload's key when its outcome changed, `on_rollout` with each write that replaces its pods."""
        self._failures: dict[ObjectKey, Finding] = {}
        self._progress: dict[ObjectKey, str] = {}
        self._wake = wake
        self._on_rollout = on_rollout

    def rolled_out(self, workload: ObjectKey, action: str) -> None:
        """Note a write that replaces the workload's pods. Once the last binding is gone, only the log tells why they were replaced."""
        logger.info("%s: %s; its pods are replaced", workload, _WRITTEN[action], extra={"object": str(workload)})
        self._on_rollout(workload.kind, action)

    def progressed(self, key: ObjectKey, workload: Workload | None) -> None:
        """Note how far its rollout is; None where it is gone."""
        before, shown = self._progress.pop(key, None), _progress(workload) if workload else None
        if shown:
            self._progress[key] = shown
        if shown and before not in {None, shown}:
            logger.info("%s: %s", key, shown, extra={"object": str(key)})

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
        if self._installations.concerned_with(key):
            return TAKING
        workload, bindings = await self._reader.gather_workload(key)
        self._outcomes.progressed(key, workload)
        if workload is None:
            self._forget_writes(key)
        if workload is None or workload.halted("promoting"):  # the end of a promotion ends its refusals
            self._refused.end(key)
        plan = plan_settings(workload, bindings) if workload else SettingsPlan()
        if workload is None or plan.action == "nothing":
            self._unneeded_since.pop(key, None)
            self._outcomes.note(key, None)
            return None
        wait = self._grace(key, plan) or self._refusal(key, plan) or self._pause(workload, plan) or self._pace(workload, plan)
        return wait or await self._write(workload, plan)

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
        return None

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
            if ownership := disowning_patch(answer):
                observe(await patch(ownership))


def _progress(workload: Workload) -> str:
    rollout = workload.rollout
    if not rollout.complete:
        return f"the replacement of its pods is halted ({rollout.halt.kind})" if rollout.halt else "its pods are being replaced"
    return "all its pods run with its present template" if rollout.ready else "it has no ready pod"


def _content(plan: SettingsPlan) -> bytes:
    """The settings that a plan applies, by which two writes are the same attempt."""
    return orjson.dumps(plan.settings, option=orjson.OPT_SORT_KEYS)


def _identity(workload: Workload) -> tuple[ObjectKey, str]:
    return workload.key, workload.uid


def _reverters(workload: Workload) -> str:
    """Who changes the settings back: the managers that own a value now. managedFields do not show a client that removes values."""
    owners = {who for (_, name), managers in workload.env_managers.items() if name in SETTINGS for who in managers}
    return ", ".join(sorted(owners - {names.FIELD_MANAGER})) or "a client that removes them (kubectl get --show-managed-fields lists all)"
