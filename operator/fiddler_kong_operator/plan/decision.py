"""Decides all writes and findings for a binding from one snapshot. Pure: the whole behaviour can be read and tested here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fiddler_kong_operator.api.conditions import ConditionType, Finding, reason
from fiddler_kong_operator.kube.objects import ObjectKey

from .acceptance.checks import evaluate_acceptance
from .acceptance.clashes import standing_clashes
from .gateway.condition import GatewayView, evaluate_gateway
from .kinds import SECRET
from .objects.build import build, build_lua_removal, build_removal, is_lua_attached, prune
from .objects.desired import BindingPlan
from .secrets import ResolvedKeys, resolve_keys
from .snapshot import Snapshot

__all__ = ["Decision", "decide"]


@dataclass(frozen=True, slots=True)
class Decision:
    """The writes (`plan`, then `prune`) and the findings.

    `findings` has the conditions that the plan decides. PluginsProgrammed is among them only where the plugins must not be touched;
    otherwise it depends on the result of the writes.
    """

    findings: Mapping[ConditionType, Finding]
    gateway: GatewayView
    keys: ResolvedKeys | None
    plan: BindingPlan
    prune: tuple[ObjectKey, ...] = ()
    lua_withheld: bool = False

    @property
    def retreats(self) -> bool:
        """Whether the plan only detaches plugins that would break a gateway."""
        return ConditionType.PLUGINS_PROGRAMMED in self.findings


def decide(snapshot: Snapshot) -> Decision:
    """Decide one pass over a binding that is not being deleted.

    An accepted binding with usable keys gets its whole plan. Otherwise its objects stay as they are, with two exceptions. If another plugin
    of the same type is now on a target, ours is detached, since two freeze the gateway for all its users. And plugins that run Lua are
    detached from a gateway that runs none, where every request would fail.
    """
    acceptance, gateway, resolved = evaluate_acceptance(snapshot), evaluate_gateway(snapshot), _resolve(snapshot)
    found = (acceptance.finding, resolved if isinstance(resolved, Finding) else _resolved(), gateway.finding)
    findings = {finding.type: finding for finding in found}
    if acceptance.finding.status != "True" or isinstance(resolved, Finding) or snapshot.unread:
        pending = Finding(reason("PluginsPending"), _pending_message(findings, gateway))
        keys = None if isinstance(resolved, Finding) else resolved
        return Decision({**findings, pending.type: pending}, gateway, keys, _retreat(snapshot, gateway))
    attach = gateway.lua_ready or (is_lua_attached(snapshot) and not gateway.lua_off)
    plan = build(snapshot, resolved, attach_pre_function=attach, excluded_targets=acceptance.clashing_targets)
    withheld = not attach and snapshot.binding.spec is not None and snapshot.binding.spec.sessions.mode == "Header"
    return Decision(findings, gateway, resolved, plan, prune(snapshot, plan), withheld)


def _resolved() -> Finding:
    return Finding(reason("SecretsResolved"), "Every referenced key exists and is usable.")


def _resolve(snapshot: Snapshot) -> ResolvedKeys | Finding:
    if snapshot.binding.spec is None:
        return Finding(reason("SecretsNotEvaluated"), "Not checked, because the spec is invalid.")
    unread = [f"{error}." for key, error in snapshot.unread.items() if key.kind == SECRET.name]
    if unread:
        return Finding.of_problems(reason("SecretNotReadable"), unread)
    return resolve_keys(snapshot.binding.spec, snapshot.secrets)


def _pending_message(findings: Mapping[ConditionType, Finding], gateway: GatewayView) -> str:
    accepted, open_ = findings[ConditionType.ACCEPTED], findings[ConditionType.SECRETS_RESOLVED]
    if open_.status == "True":
        open_ = findings[ConditionType.GATEWAY_CONFIGURED]
    cause = "the binding is not accepted" if accepted.status != "True" else f"{open_.type} is {open_.status}"
    rest = "what was applied before stays as it is, without pre-function" if gateway.lua_off else "what was applied before stays as it is"
    return f"Nothing is changed while {cause}; {rest}."


def _retreat(snapshot: Snapshot, gateway: GatewayView) -> BindingPlan:
    """Only the removal of our names from lists in which they clash now, and of pre-function where it must be detached."""
    clashing = standing_clashes(snapshot)
    leaving = build_removal(snapshot).attachments if clashing else ()
    without_lua = build_lua_removal(snapshot) if gateway.lua_off else BindingPlan()
    attachments = (
        *(a for a in leaving if a.target in clashing),
        *(a for a in without_lua.attachments if a.target not in clashing),
    )
    return BindingPlan(without_lua.objects, attachments)
