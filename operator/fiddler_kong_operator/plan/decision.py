"""Decides all writes and findings for a binding from one snapshot. Pure: the whole behaviour can be read and tested here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.conditions import ConditionType, Finding, reason
from fiddler_kong_operator.api.status import RefusalStatus
from fiddler_kong_operator.kube.objects import ObjectKey

from .acceptance.checks import evaluate_acceptance
from .acceptance.clashes import clashing_names
from .acceptance.targets import to_be_left
from .gateway.condition import GatewayView, evaluate_gateway
from .kinds import SECRET
from .objects.attachments import own_names
from .objects.build import build, build_retreat, is_attached, lua_keys, prune, take_first, type_keys, withdrawn_objects
from .objects.desired import BindingPlan
from .plugins import LUA_TYPES, PLUGINS, plugin_types
from .references import plugin_key, withdrawn_routes
from .secrets import ResolvedKeys, resolve_keys
from .snapshot import Snapshot
from .status.refusal import find_refusal, refused, refused_objects, standing_refusal

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
    refusal: RefusalStatus | None = None
    """The objects of the binding that Kong refuses: the plan detaches or deletes them."""

    @property
    def retreats(self) -> bool:
        """Whether the plan only detaches or deletes objects that would break a gateway."""
        return ConditionType.PLUGINS_PROGRAMMED in self.findings


def decide(snapshot: Snapshot) -> Decision:
    """Decide one pass over a binding that is not being deleted.

    An accepted binding with usable keys gets its whole plan, if its gateway has the plugins. Otherwise its objects stay as they are, but
    the operator detaches plugins of the binding in four cases:

    - a plugin from an object that now has another plugin of the same type: two freeze the gateway for all its users;
    - all plugins from an object that must carry none (`to_be_left`);
    - a plugin that the gateway does not have, because it freezes the gateway too;
    - a plugin that runs Lua from a gateway that runs no Lua, where every request would fail.

    In any case the plan detaches or deletes objects that Kong refuses (`refusal`), and does not expose a route without its ai-proxy.
    """
    acceptance, gateway, resolved = evaluate_acceptance(snapshot), evaluate_gateway(snapshot), _resolve(snapshot)
    found = (acceptance.finding, resolved if isinstance(resolved, Finding) else _resolved(resolved), gateway.finding)
    findings = {finding.type: finding for finding in found}
    if acceptance.finding.status != "True" or isinstance(resolved, Finding) or snapshot.unread or _lacks_plugins(snapshot, gateway):
        keys = None if isinstance(resolved, Finding) else resolved
        return _retreating(snapshot, findings, gateway, keys, clashes=bool(acceptance.clashing_targets))
    attach = gateway.lua_ready or (is_attached(snapshot, lua_keys(snapshot.binding)) and not gateway.lua_off)
    whole = partial(build, snapshot, resolved, attach_lua=attach, excluded_targets=acceptance.clashing_targets)
    plan = whole()
    refusal = find_refusal(snapshot, plan)
    gone = refused_objects(refusal, snapshot)
    if refusal:
        plan = whole(refused=gone)
    harmful = (attachment.target for attachment in _retreat(snapshot, gone | _lua_off(snapshot, gateway)).first)
    plan = take_first(snapshot, plan, harmful, withdrawn_objects(snapshot, gone))
    withheld = not attach and snapshot.binding.spec is not None and not LUA_TYPES.isdisjoint(plugin_types(snapshot.binding.spec))
    return Decision(findings, gateway, resolved, plan, prune(snapshot, plan), withheld, refusal)


def _retreating(
    snapshot: Snapshot, findings: Mapping[ConditionType, Finding], gateway: GatewayView, keys: ResolvedKeys | None, *, clashes: bool
) -> Decision:
    """The decision for a binding that gets no plan. A clash explains Kong's refusals of its plugins, so no new refusal is recorded then."""
    refusal = standing_refusal(snapshot) if clashes else find_refusal(snapshot, BindingPlan())
    pending = Finding(reason("PluginsPending"), _pending_message(snapshot.binding.spec, findings, gateway))
    programmed = refused(refusal, snapshot) if refusal else pending
    withheld = refused_objects(refusal, snapshot) | _lua_off(snapshot, gateway) | _lacking(snapshot, gateway)
    withdrawn = withdrawn_objects(snapshot, withheld)
    plan = replace(_retreat(snapshot, withheld), withdrawn=withdrawn)
    return Decision({**findings, programmed.type: programmed}, gateway, keys, plan, withdrawn, refusal=refusal)


def _lua_off(snapshot: Snapshot, gateway: GatewayView) -> frozenset[ObjectKey]:
    """The plugins with which every request fails, because the gateway runs no Lua."""
    return lua_keys(snapshot.binding) if gateway.lua_off else frozenset()


def _lacking(snapshot: Snapshot, gateway: GatewayView) -> frozenset[ObjectKey]:
    """The plugins that the gateway does not have, except one that is to replace an attached plugin, which still serves the route."""
    binding, lacking = snapshot.binding, type_keys(snapshot.binding, gateway.refused_plugins)
    for route in binding.spec.routes if binding.spec and lacking else ():
        essential = frozenset(plugin_key(binding, kind.type, route.name) for kind in PLUGINS.values() if kind.essential)
        if is_attached(snapshot, essential - lacking):
            lacking -= essential
    return lacking


def _resolved(keys: ResolvedKeys) -> Finding:
    return Finding.of_problems(reason("SecretsResolved"), ("Every referenced key exists and is usable.", *keys.advice))


def _resolve(snapshot: Snapshot) -> ResolvedKeys | Finding:
    if snapshot.binding.spec is None:
        return Finding(reason("SecretsNotEvaluated"), "Not checked, because the spec is invalid.")
    unread = [f"{error}. The operator tries again." for key, error in snapshot.unread.items() if key.kind == SECRET.name]
    if unread:
        return Finding.of_problems(reason("SecretNotReadable"), unread)
    return resolve_keys(snapshot.binding.spec, snapshot.secrets)


def _lacks_plugins(snapshot: Snapshot, gateway: GatewayView) -> bool:
    """Whether the gateway lacks a plugin of the binding, or may lack one that is not attached yet because its list cannot be read."""
    types = plugin_types(snapshot.binding.spec) if snapshot.binding.spec else ()
    new = (kind for kind in types if kind not in LUA_TYPES and not is_attached(snapshot, type_keys(snapshot.binding, [kind])))
    return not gateway.refused_plugins.isdisjoint(types) or (gateway.plugins_unknown and any(new))


def _pending_message(spec: BindingSpec | None, findings: Mapping[ConditionType, Finding], gateway: GatewayView) -> str:
    accepted, secrets = findings[ConditionType.ACCEPTED], findings[ConditionType.SECRETS_RESOLVED]
    failed = secrets if secrets.status != "True" else findings[ConditionType.GATEWAY_CONFIGURED]
    cause = "the binding is not accepted" if accepted.status != "True" else f"{failed.type} is {failed.status}"
    wanted = gateway.refused_plugins.intersection(plugin_types(spec) if spec else ())
    detached = " and ".join(sorted(wanted | (LUA_TYPES if gateway.lua_off else frozenset())))
    but = f", but without {detached}, which could do harm now" if detached else ""
    return f"Nothing is changed while {cause}; what was applied before stays as it is{but}."


def _retreat(snapshot: Snapshot, withheld: frozenset[ObjectKey]) -> BindingPlan:
    """A plan that only removes our names from lists on which they do harm; the `withheld` plugins leave every list."""
    clashing, everywhere = clashing_names(snapshot), frozenset(key.name for key in withheld)
    everything = {key: own_names(snapshot, snapshot.targets[key]) for key in to_be_left(snapshot)}
    leaving = {key: everything.get(key) or clashing.get(key, frozenset()) | everywhere for key in snapshot.targets}
    return build_retreat(snapshot, leaving, withdrawn_routes(snapshot.binding, withheld))
