"""The findings that hold for a binding now: decided as by the operator, and taken from its status where only it can know. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from fiddler_kong_operator.api.conditions import REASONS, ConditionType, Finding, finding_of
from fiddler_kong_operator.errors import Refused
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.decision import Decision, decide
from fiddler_kong_operator.plan.kinds import SECRET
from fiddler_kong_operator.plan.snapshot import Snapshot
from fiddler_kong_operator.plan.status.programming import evaluate_programming

from .evidence import Case, Look

__all__ = ["judge"]

OPERATORS_WORD: Final = frozenset(
    {
        "WatchForbidden",
        "RoutesNotReadable",
        "TargetNotReadable",
        "SecretNotReadable",
        "GatewayNotReadable",
        "GatewaySettingsReverted",
        "GatewayWriteRefused",
        "GatewayWriteFailing",
        "ChildrenReverted",
        "PluginsWriteRefused",
        "KongDefinitionOutdated",
        "QuotaExceeded",
        "PermissionMissing",
        "WriteFailing",
        "DeletionBlocked",
    }
)
"""Reasons that come from the operator's own rights and writes: a look from outside cannot find them."""

_ANYWHERE: Final = EndpointPolicy(allow_http=True, allowed_addresses=("0.0.0.0/0", "::/0"))
"""The most that an administrator can allow."""


def judge(snapshot: Snapshot) -> Case:
    """The case of a binding from a fresh snapshot.

    The operator's word, from the binding's status, counts only where it is about the present spec.
    """
    reported = _reported(snapshot)
    snapshot = _as_operator(snapshot, reported)
    decision = decide(snapshot)
    unapplied = tuple(_unapplied(snapshot, decision))
    findings = {**decision.findings, **dict(_programmed(snapshot, decision))}
    unread = _unread(snapshot, reported)
    said = {kind: finding_of(reported[kind]) for kind in findings if kind in reported}
    kept = {kind: found for kind, found in said.items() if found.reason.name in OPERATORS_WORD or kind in unread}
    return Case(snapshot, decision, {**findings, **kept}, reported, unread, unapplied)


def _reported(snapshot: Snapshot) -> Mapping[str, Mapping[str, Any]]:
    binding = snapshot.binding
    conditions = binding.status.get("conditions") or ()
    return {c["type"]: c for c in conditions if c.get("observedGeneration") == binding.generation and c.get("reason") in REASONS}


def _as_operator(snapshot: Snapshot, reported: Mapping[str, Mapping[str, Any]]) -> Snapshot:
    """The snapshot as if this user's rights hid nothing, and with the endpoints that the operator has accepted."""
    accepted = reported.get(ConditionType.ACCEPTED, {}).get("status") == "True"
    return replace(
        snapshot,
        forbidden=(),
        lists_forbidden=(),
        cluster_plugins_readable=True,
        routes_readable=True,
        endpoints=_ANYWHERE if accepted else snapshot.endpoints,
    )


def _unapplied(snapshot: Snapshot, decision: Decision) -> Iterator[ObjectKey]:
    """The missing objects, and the lists to change. An object that only differs may be defaulted, which only the operator remembers."""
    if snapshot.binding.deleting:
        return
    if not decision.retreats:
        yield from (desired.key for desired in decision.plan.objects if desired.key not in snapshot.children)
    yield from (attachment.target for attachment in (*decision.plan.first, *decision.plan.attachments))


def _programmed(snapshot: Snapshot, decision: Decision) -> Iterator[tuple[ConditionType, Finding]]:
    if not decision.retreats:
        yield (
            ConditionType.PLUGINS_PROGRAMMED,
            evaluate_programming(snapshot, lua_withheld=decision.lua_withheld, refusal=decision.refusal),
        )


def _unread(snapshot: Snapshot, reported: Mapping[str, Mapping[str, Any]]) -> Mapping[ConditionType, Look[None]]:
    """The conditions that this look could not judge, with the cause."""
    found: dict[ConditionType, Look[None]] = {}
    for key, error in snapshot.unread.items():
        aspect = ConditionType.SECRETS_RESOLVED if key.kind == SECRET.name else ConditionType.ACCEPTED
        aspect = ConditionType.GATEWAY_CONFIGURED if key == snapshot.binding.workload else aspect
        found.setdefault(aspect, Look(missing=str(error), denied=isinstance(error, Refused)))
    if found and ConditionType.PLUGINS_PROGRAMMED in reported:
        found.setdefault(ConditionType.PLUGINS_PROGRAMMED, next(iter(found.values())))
    return found
