"""Whether spans of a binding's application arrive in Fiddler as they should: the condition TracesArriving. Pure.

Fiddler does not tell which binding a span is from, so spans of other bindings of the application count too. A message has nothing that
differs from one look to the next: an unchanged state must give an unchanged condition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.conditions import ConditionType, Finding, reason
from fiddler_kong_operator.plan.arrivals import QueryOutcome, Summary
from fiddler_kong_operator.plan.gateway.condition import GatewayView
from fiddler_kong_operator.plan.gateway.version import tell_defects
from fiddler_kong_operator.plan.kinds import KONG_PLUGIN
from fiddler_kong_operator.plan.references import tell_routes
from fiddler_kong_operator.plan.snapshot import Snapshot

__all__ = ["COARSENESS", "can_arrive", "changed_at", "evaluate_arrivals", "not_looked_for", "not_seen"]

COARSENESS: Final = 600.0
"""Seconds by which the last trace in a status may be behind the real one: traffic alone must not write statuses."""

_NEEDED: Final = (ConditionType.PLUGINS_PROGRAMMED, ConditionType.TRACE_ENDPOINT_REACHABLE)


def can_arrive(findings: Mapping[ConditionType, Finding]) -> bool:
    """Whether anything can be found yet. A gateway that cannot be judged, of unknown version for example, may send all the same."""
    return all(finding.status != "False" for finding in findings.values()) and all(findings[kind].status == "True" for kind in _NEEDED)


def changed_at(snapshot: Snapshot) -> float:
    """When the binding's plugins last changed, in seconds since the epoch: earlier spans tell nothing about them."""
    own = (child for child in snapshot.children.values() if child.belongs_to(snapshot.binding))
    return max((child.applied_at for child in own if child.key.kind == KONG_PLUGIN.name), default=0.0)


def not_looked_for(*, off: bool) -> Finding:
    """The finding where nothing has been looked for. `off`: by the administrator's choice."""
    return Finding(
        reason("NotLookedFor"),
        "The operator's administrator has switched this off (--arrivals-interval=0)."
        if off
        else "The operator looks for spans in Fiddler once the plugins are programmed and the trace endpoint answers.",
    )


def not_seen(spec: BindingSpec) -> Finding:
    """The finding as long as no span was seen."""
    return Finding(
        reason("NoTracesYet"),
        f"No span of application {spec.fiddler.application_id} was seen in Fiddler in the last day, since the plugins last changed. "
        "Nothing is wrong if no route was called: send one call through the gateway, and it shows within minutes. "
        "If it does not, see the gateway's log for errors of the opentelemetry plugin.",
    )


def evaluate_arrivals(summary: Summary, spec: BindingSpec, gateway: GatewayView) -> Finding:
    """The finding for what was seen since the plugins last changed."""
    if summary.outcome is QueryOutcome.READ and not summary.seen:
        return not_seen(spec)
    name, text = next(found for check in _CHECKS if (found := check(summary, spec, gateway)))
    return Finding(reason(name), text)


_Found = tuple[str, str] | None
"""A reason and its message, where a check finds something."""


def _unread(summary: Summary, spec: BindingSpec, _gateway: GatewayView) -> _Found:
    fiddler, ref = spec.fiddler, spec.fiddler.api_key_secret_ref
    if summary.outcome is QueryOutcome.REFUSED:
        return "SpansNotReadable", (
            f"{fiddler.url} {summary.problem} when asked for spans of application {fiddler.application_id}: the key `{ref.key}` in the "
            f"Secret `{ref.name}` may send them, but not read them. Traces may arrive all the same. To have the operator look, ask the "
            "application's owner for a key with permission to view it; or look in Fiddler."
        )
    if summary.outcome is QueryOutcome.UNANSWERED:
        return "SpansNotQueried", (
            f"{fiddler.url} {summary.problem} when asked for spans. Traces may arrive all the same. Nothing to do; the operator asks again."
        )
    return None


def _unrecognized(summary: Summary, _spec: BindingSpec, _gateway: GatewayView) -> _Found:
    if summary.recognized:
        return None
    return "SpansNotRecognized", (
        "Spans arrive, but Fiddler does not take them for Kong's: their type is Unknown, because their resource attribute service.name is "
        "not `kong`. Look for what changes it: a processor of a collector, or a plugin of another level on the gateway."
    )


def _without_text(summary: Summary, spec: BindingSpec, _gateway: GatewayView) -> _Found:
    captured = all((route.payloads or spec.payloads) == "Captured" for route in spec.routes)
    if summary.text is not False or not captured:
        return None
    own = [route.name for route in spec.routes if route.llm is None]
    cause = (
        f"The ai-proxy of {tell_routes(own)} is not the binding's: set logging.log_payloads in it to true. "
        if own
        else "Look for an ai-proxy that runs in place of the binding's, on a route or consumer, and for what removes text on the way. "
    )
    return "SpansWithoutText", (
        f"Spans arrive, but none of the latest has text, although payloads are Captured. {cause}"
        "Spans of other bindings of this application count too."
    )


def _without_sessions(summary: Summary, spec: BindingSpec, _gateway: GatewayView) -> _Found:
    if summary.session is not False or spec.sessions.mode != "Header":
        return None
    headers = " or ".join(spec.sessions.headers)
    return "SpansWithoutSessions", (
        "Spans arrive, but each of the latest is a session of its own: no conversation id reached them. "
        f"Have clients send the header {headers} with the same value in each call of a conversation, and see that nothing removes it "
        "before Kong; or set sessions.mode to Disabled."
    )


def _defective(_summary: Summary, _spec: BindingSpec, gateway: GatewayView) -> _Found:
    defects = [defect for defect in gateway.defects if defect.visible]
    if not defects:
        return None
    return "ArrivingWithDefects", f"Spans arrive, but Kong {gateway.version} has known defects: {tell_defects(defects)}"


def _without_agent(summary: Summary, _spec: BindingSpec, _gateway: GatewayView) -> _Found:
    if summary.agent is not False:
        return None
    return "AgentUnknown", (
        "Spans arrive, and Fiddler shows their agent as <UNKNOWN_AGENT>. To name it, add gen_ai.agent.name to spec.attributes."
    )


def _arriving(_summary: Summary, _spec: BindingSpec, _gateway: GatewayView) -> _Found:
    return "Arriving", "Spans arrive in Fiddler."


_CHECKS: Final[tuple[Callable[[Summary, BindingSpec, GatewayView], _Found], ...]] = (
    _unread,
    _unrecognized,
    _without_text,
    _without_sessions,
    _defective,
    _without_agent,
    _arriving,
)
"""In the order in which a person repairs things; the last one always finds."""
