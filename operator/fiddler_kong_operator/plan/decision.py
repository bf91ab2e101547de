"""From one snapshot to everything there is to do and to say about a binding. Pure: the whole behaviour can be read and tested here."""

from __future__ import annotations

from dataclasses import dataclass

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.kube.objects import ObjectKey

from .acceptance.checks import Acceptance, evaluate_acceptance
from .acceptance.clashes import standing_clashes
from .gateway.condition import GatewayView, evaluate_gateway
from .objects.build import build, build_lua_removal, build_removal, prune
from .objects.desired import BindingPlan
from .secrets import ResolvedKeys, resolve_keys
from .snapshot import Snapshot

__all__ = ["Decision", "decide"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write (`plan`, then `prune`) and what was found. `plugins` is set where they are not to be touched, and says why."""

    acceptance: Acceptance
    secrets: Finding
    gateway: GatewayView
    keys: ResolvedKeys | None
    plan: BindingPlan
    prune: tuple[ObjectKey, ...] = ()
    lua_withheld: bool = False
    plugins: Finding | None = None


def decide(snapshot: Snapshot) -> Decision:
    """Decide one pass over a binding that is not being deleted.

    An accepted binding with usable keys gets its whole plan. Otherwise what works is left alone, but for two things: where another plugin
    of the same type turned up on a target, ours leaves it, since two freeze the gateway for everybody; and what runs Lua leaves a gateway
    that runs none, where every request would fail.
    """
    acceptance = evaluate_acceptance(snapshot)
    gateway = evaluate_gateway(snapshot)
    resolved = _resolve(snapshot)
    keys = resolved if isinstance(resolved, ResolvedKeys) else None
    secrets = (
        resolved if isinstance(resolved, Finding) else Finding(reason("SecretsResolved"), "Every referenced key exists and is usable.")
    )
    if acceptance.finding.status != "True" or keys is None:
        pending = Finding(reason("PluginsPending"), _pending_message(acceptance, secrets, gateway))
        return Decision(acceptance, secrets, gateway, keys, _retreat(snapshot, gateway), plugins=pending)
    attach = gateway.lua_ready or (_lua_attached(snapshot) and not gateway.lua_off)
    plan = build(snapshot, keys, attach_pre_function=attach, excluded_targets=acceptance.clashing_targets)
    withheld = not attach and snapshot.binding.spec is not None and snapshot.binding.spec.sessions.mode == "Header"
    return Decision(acceptance, secrets, gateway, keys, plan, prune(snapshot, plan), withheld)


def _resolve(snapshot: Snapshot) -> ResolvedKeys | Finding:
    if snapshot.binding.spec is None:
        return Finding(reason("SecretsNotEvaluated"), "Not looked at, because the spec is invalid.")
    return resolve_keys(snapshot.binding.spec, snapshot.secrets)


def _pending_message(acceptance: Acceptance, secrets: Finding, gateway: GatewayView) -> str:
    cause = "the binding is not accepted" if acceptance.finding.status != "True" else f"{secrets.type} is {secrets.status}"
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
    return BindingPlan(routes=without_lua.routes, attachments=attachments)


def _lua_attached(snapshot: Snapshot) -> bool:
    plugin = names.pre_function_plugin(snapshot.binding.name)
    return any(plugin in target.plugins for target in snapshot.targets.values())
