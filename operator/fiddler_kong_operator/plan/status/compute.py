"""The status of a binding, computed in one place from the findings. Pure: the same findings give the same status.

The kstatus conditions follow sigs.k8s.io/cli-utils: `Reconciling` and `Stalled` exist only while true and never together, so that
`kubectl wait`, Argo CD and Flux read InProgress and Failed from the same status as people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fiddler_kong_operator.api.conditions import ConditionType, Finding, Status, reason
from fiddler_kong_operator.api.status import FiddlerStatus, GatewayStatus, RefusalStatus
from fiddler_kong_operator.kube.objects import shown_time

__all__ = ["ASPECTS", "Details", "conclude"]

ASPECTS: Final = tuple(kind for kind in ConditionType if kind.summed)
"""The conditions that Ready sums up, in the order in which they are decided and shown."""

_AT_REST: Final = frozenset({"Suspended", "GatewayVersionUnknown"})
"""Reasons of a binding that is not ready although nothing is in progress and nothing failed."""

_MESSAGE_LIMIT: Final = 4096
"""Longest message that the CRD admits."""


def _deciding_finding(findings: Mapping[ConditionType, Finding]) -> Finding | None:
    """The finding that decides Ready: the first that is False, else the first that is Unknown; None where all are True."""
    ordered = [findings[aspect] for aspect in ASPECTS]
    return next((f for status in ("False", "Unknown") for f in ordered if f.status == status), None)


@dataclass(frozen=True, slots=True)
class Details:
    """The parts of the status that are shown as they are; left out where None or empty."""

    routes: str | None = None
    """Routes that are served with all plugins, of all: `1/1`."""
    gateway: GatewayStatus | None = None
    fiddler: FiddlerStatus | None = None
    refusal: RefusalStatus | None = None
    installation: str | None = None
    last_trace: str | None = None
    """Start of the latest span that was seen, as Kubernetes writes a time."""


def conclude(
    findings: Mapping[ConditionType, Finding],
    generation: int,
    previous: Mapping[str, Any],
    now: float,
    details: Details = Details(),
) -> dict[str, Any]:
    """The whole status as JSON; each condition says for which `generation` it holds.

    `findings` has one for each of `ASPECTS`, and may have one for TracesArriving; `previous` is the status as last written ({} for none),
    from which a condition keeps its time while its status does not change; `now` is in seconds since the epoch.
    """
    known = {condition["type"]: condition for condition in previous.get("conditions") or ()}
    conditions = [_condition(row, generation, known.get(row[0]), now) for row in _rows(findings)]
    return {"observedGeneration": generation, "conditions": conditions, **_shown(details)}


_Row = tuple[ConditionType, Status, str, str]
"""Type, status, reason and message."""


def _rows(findings: Mapping[ConditionType, Finding]) -> Iterator[_Row]:
    yield from ((aspect, findings[aspect].status, findings[aspect].reason.name, findings[aspect].message) for aspect in ASPECTS)
    decisive = _deciding_finding(findings)
    if decisive is None:
        yield ConditionType.READY, "True", "Ready", _ready_message(findings)
    else:
        yield ConditionType.READY, decisive.status, decisive.reason.name, decisive.message
    if arriving := findings.get(ConditionType.TRACES_ARRIVING):
        yield arriving.type, arriving.status, arriving.reason.name, arriving.message
    if decisive and decisive.reason.name not in _AT_REST:
        kind = ConditionType.STALLED if decisive.reason.stalls else ConditionType.RECONCILING
        yield kind, "True", decisive.reason.name, decisive.message


def _ready_message(findings: Mapping[ConditionType, Finding]) -> str:
    """The meaning of Ready, then the messages of conditions that are True but whose reason has a remedy."""
    advice = [findings[aspect].message for aspect in ASPECTS if findings[aspect].reason.remedy]
    return " ".join([reason("Ready").summary, *advice])


def _condition(row: _Row, generation: int, known: Mapping[str, Any] | None, now: float) -> dict[str, Any]:
    kind, status, reason_name, message = row
    kept = known.get("lastTransitionTime") if known and known.get("status") == status else None
    return {
        "type": kind.value,
        "status": status,
        "reason": reason_name,
        "message": _message(message),
        "observedGeneration": generation,
        "lastTransitionTime": kept or shown_time(now),
    }


def _message(text: str) -> str:
    """On one line, of printable characters: parts of it come from others (Kong, webhooks, values of the gateway's env)."""
    if len(text) > _MESSAGE_LIMIT:
        text = f"{text[: _MESSAGE_LIMIT - 1]}…"
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _shown(details: Details) -> dict[str, Any]:
    parts = {
        "routes": details.routes,
        "gateway": details.gateway and details.gateway.model_dump(by_alias=True, exclude_none=True),
        "refusal": details.refusal and details.refusal.model_dump(by_alias=True, mode="json"),
        "fiddler": details.fiddler and details.fiddler.model_dump(by_alias=True, exclude_none=True),
        "lastTraceTime": details.last_trace,
        "installation": details.installation,
    }
    return {name: part for name, part in parts.items() if part}
