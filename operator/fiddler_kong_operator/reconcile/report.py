"""Tells what a pass over a binding found: in its status, in Events and in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from fiddler_kong_operator.api.conditions import ConditionType, Finding, reason
from fiddler_kong_operator.api.status import FiddlerStatus, GatewayStatus
from fiddler_kong_operator.kube.limiter import WriteLimiter
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey, shown_time
from fiddler_kong_operator.plan.decision import Decision
from fiddler_kong_operator.plan.objects.attachments import is_own_child
from fiddler_kong_operator.plan.objects.desired import BindingPlan
from fiddler_kong_operator.plan.plugins import traces_endpoint
from fiddler_kong_operator.plan.references import attach_targets
from fiddler_kong_operator.plan.snapshot import Binding, ProbeResult, Snapshot
from fiddler_kong_operator.plan.status.compute import Details, conclude
from fiddler_kong_operator.write.applier import Applier

from .arrivals import ArrivalsDesk
from .events import build_events, build_notice, failures, transitions
from .gateway_outcomes import GatewayOutcomes

__all__ = ["Reporter"]

logger: Final = logging.getLogger(__name__)

FailureObserver = Callable[[str, str], None]
"""Called with the type and the reason of a condition that became False, or False for another reason."""

STATUS_LIMIT: Final = 10
STATUS_WINDOW: Final = 60.0
"""Times that the status of one binding is restored in that many seconds after another client changed it."""

NOTICES: Final = 3
NOTICE_WINDOW: Final = 600.0
"""Events about repairs of one binding in that many seconds: they must not use up the events that tell its transitions."""


class Reporter:
    """The status, the Events and the log lines of bindings."""

    def __init__(  # noqa: PLR0913 - its sources and its listeners
        self,
        applier: Applier,
        gateways: GatewayOutcomes,
        arrivals: ArrivalsDesk,
        announce: Callable[[Manifest], None],
        clock: Callable[[], float],
        installation: str,
        *,
        on_failure: FailureObserver = lambda _type, _reason: None,
    ) -> None:
        """`announce` takes Events to be posted later, and must not block; `clock` is monotonic; `installation` marks the statuses."""
        self._on_failure = on_failure
        self._installation = installation
        self._applier = applier
        self._gateways = gateways
        self._arrivals = arrivals
        self._announce = announce
        self._fights = WriteLimiter(STATUS_LIMIT, STATUS_WINDOW, clock)
        self._notices = WriteLimiter(NOTICES, NOTICE_WINDOW, clock)
        self._written: dict[ObjectKey, int] = {}
        self._wanted: dict[ObjectKey, int] = {}

    def forget(self, key: ObjectKey) -> None:
        """Forget a binding."""
        self._arrivals.forget(key)
        self._written.pop(key, None)
        self._wanted.pop(key, None)

    async def report(
        self,
        snapshot: Snapshot,
        decision: Decision,
        written: Mapping[ConditionType, Finding],
        traced: ProbeResult | None,
        routes: str | None,
    ) -> float | None:
        """Write the status if it differs; returns the seconds until it may be written, if another client keeps changing it back.

        `written` has the findings of the writes; `routes` tells how many are served.
        """
        binding = snapshot.binding
        found = (self._gateway(binding, decision), _traced(decision, traced))
        findings = {**decision.findings, **{finding.type: finding for finding in found}, **written}
        arrived = self._arrivals.look(snapshot, decision, findings)
        findings[arrived.finding.type] = arrived.finding
        details = replace(_details(snapshot, decision, traced, routes), installation=self._installation, last_trace=_time(arrived.written))
        status = conclude(findings, binding.generation, binding.status, snapshot.now, details)
        if status == binding.status:
            return None
        if arrived.latest:
            status["lastTraceTime"] = _time(arrived.latest)
        reverted = self._written.get(binding.key) not in {None, _digest(binding.status)}
        if reverted and (delay := self._fights.delay(binding.key)):
            return delay
        await self._applier.write_status(binding, status)
        self._written[binding.key] = _digest(status)
        if reverted:
            self._fights.count(binding.key)
        self._tell(binding, status, snapshot.now)
        return None

    def _tell(self, binding: Binding, status: Mapping[str, Any], now: float) -> None:
        """Log and announce the transitions that a new status shows."""
        for line in transitions(binding.status, status):
            logger.info("%s: %s", binding.key, line, extra={"object": str(binding.key)})
        for type_, name in failures(binding.status, status):
            self._on_failure(type_, name)
        for event in build_events(binding, status, now):
            self._announce(event)

    def _gateway(self, binding: Binding, decision: Decision) -> Finding:
        """The finding about the gateway. Only a binding whose settings are pending shows why they could not be written."""
        found = decision.findings[ConditionType.GATEWAY_CONFIGURED]
        failure = self._gateways.failure(binding.workload) if found.reason.name == "GatewayPending" else None
        return failure or found

    def announce_repairs(self, snapshot: Snapshot, plan: BindingPlan, written: Collection[ObjectKey]) -> None:
        """Tell of objects that were written again with the same wanted content, and of detached objects that the binding does not name."""
        binding = snapshot.binding
        content = hash(tuple((desired.key, desired.digest) for desired in plan.objects))
        repaired = [d.key for d in plan.objects if d.key in written and self._wanted.get(binding.key) == content]
        self._wanted[binding.key] = content
        named = attach_targets(binding)
        strange = [k for k in (a.target for a in plan.attachments) if k in written and k not in named and not is_own_child(snapshot, k)]
        for name, keys in (("ChildRepaired", repaired), ("PluginsDetached", strange)):
            if keys and not self._notices.delay((binding.key, name)):
                self._notices.count((binding.key, name))
                self._announce(build_notice(binding, name, keys, snapshot.now))


def _digest(status: Mapping[str, Any]) -> int:
    return hash(orjson.dumps(status, option=orjson.OPT_SORT_KEYS))


def _time(seconds: float) -> str | None:
    return shown_time(seconds) if seconds else None


def _traced(decision: Decision, traced: ProbeResult | None) -> Finding:
    if traced:
        return Finding(reason(traced.reason), traced.message)
    waits = (
        "The operator tests the endpoint once the API key can be read." if decision.keys is None else "The first test is not answered yet."
    )
    return Finding(reason("ProbePending"), waits)


def _details(snapshot: Snapshot, decision: Decision, traced: ProbeResult | None, routes: str | None) -> Details:
    spec = snapshot.binding.spec
    if spec is None:
        return Details()
    return Details(
        routes=routes,
        gateway=GatewayStatus(version=decision.gateway.version, image=decision.gateway.image),
        refusal=decision.refusal,
        fiddler=FiddlerStatus(application=traced.application if traced else None, traces_endpoint=traces_endpoint(spec.fiddler)),
    )
