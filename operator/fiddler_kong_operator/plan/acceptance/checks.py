"""Accepted: whether a binding may do what its spec says, without breaking anything that is already on the gateway.

`CHECKS` reads like the specification; the first check that finds something decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.env import UNTRUSTED_LUA, needed_lua
from fiddler_kong_operator.plan.gateway.tenancy import granted, settings_rival
from fiddler_kong_operator.plan.objects.overrides import check_plugins
from fiddler_kong_operator.plan.plugins import plugin_instances
from fiddler_kong_operator.plan.references import attach_targets
from fiddler_kong_operator.plan.snapshot import Snapshot

from .clashes import PluginConflict, plugin_conflicts, route_conflicts, taken_names, unresolved_names
from .endpoint import refusal, upstream_refusal

__all__ = ["CHECKS", "Acceptance", "evaluate_acceptance"]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The finding for Accepted, and the targets from which our plugins must be, or stay, detached."""

    finding: Finding
    clashing_targets: frozenset[ObjectKey] = frozenset()


def evaluate_acceptance(snapshot: Snapshot) -> Acceptance:
    """Decide Accepted. Clashing targets are named whichever check decides: two plugins of a type there freeze the whole gateway."""
    decisive = next((found for check in CHECKS if (found := check(snapshot))), None)
    clashing = frozenset(conflict.target for conflict in plugin_conflicts(snapshot))
    return Acceptance(decisive or _accepted(snapshot), clashing)


def _accepted(snapshot: Snapshot) -> Finding:
    unseen = [f"{target} also lists {name}" for target, name in unresolved_names(snapshot)]
    note = f" {'; '.join(unseen)}: no plugin of that name is visible, so its type could not be checked." if unseen else ""
    return Finding(reason("Accepted"), f"The spec is valid and clashes with nothing.{note}")


def _spec_invalid(snapshot: Snapshot) -> Finding | None:
    if snapshot.binding.spec is not None:
        return check_plugins(snapshot.binding.spec)
    return Finding(reason("InvalidSpec"), snapshot.binding.invalid or "The spec could not be read.")


def _kong_not_installed(snapshot: Snapshot) -> Finding | None:
    if snapshot.kong_installed:
        return None
    message = f"The cluster does not know KongPlugin ({names.KONG_GROUP}). Install Kong Ingress Controller with its CRDs."
    return Finding(reason("KongNotInstalled"), message)


def _suspended(snapshot: Snapshot) -> Finding | None:
    if snapshot.binding.spec is None or not snapshot.binding.spec.suspend:
        return None
    return Finding(reason("Suspended"), "spec.suspend is true: nothing is changed. Set it to false to go on.")


def _endpoint_refused(snapshot: Snapshot) -> Finding | None:
    """A key must not be sent in clear, nor traces into the machine or to a cloud's metadata service, by the gateway any more than by us."""
    spec = snapshot.binding.spec
    problem = refusal(spec.fiddler.url, snapshot.endpoints) if spec else None
    problem = problem or next(_refused_upstreams(snapshot), None)
    return Finding(reason("EndpointRefused"), problem) if problem else None


def _refused_upstreams(snapshot: Snapshot) -> Iterator[str]:
    """The gateway hands a model's answer to the client: nobody may read the gateway's own machine that way."""
    for index, route in enumerate(snapshot.binding.spec.routes if snapshot.binding.spec else ()):
        url = route.llm.options.upstream_url if route.llm else None
        problem = upstream_refusal(url, snapshot.endpoints) if url else None
        if problem:
            yield f"spec.routes[{index}].llm.options.upstreamUrl: {problem}"


def _not_granted(snapshot: Snapshot) -> Finding | None:
    if snapshot.workload is None or granted(snapshot.binding, snapshot.workload):
        return None
    key = snapshot.workload.key
    message = (
        f"{key} (gateway.targetRef) does not allow bindings of namespace {snapshot.binding.namespace}. Ask its owner to annotate it with "
        f"{names.GRANT_ANNOTATION}: {snapshot.binding.namespace} (a list of namespaces, or *)."
    )
    return Finding(reason("GatewayNotGranted"), message)


def _settings_clash(snapshot: Snapshot) -> Finding | None:
    if snapshot.workload is None or snapshot.binding.spec is None:
        return None
    rival = settings_rival(snapshot.binding, snapshot.siblings, snapshot.workload)
    if rival is None or rival.spec is None:
        return None
    message = (
        f"gateway.untrustedLua is {needed_lua(snapshot.binding.spec)}, but the older binding {rival.namespace}/{rival.name} has "
        f"{needed_lua(rival.spec)}, and {snapshot.workload.key} can have only one {UNTRUSTED_LUA}. Use the same value in both."
    )
    return Finding(reason("GatewaySettingsClash"), message)


def _target_missing(snapshot: Snapshot) -> Finding | None:
    for target, route in attach_targets(snapshot.binding).items():
        if target not in snapshot.targets:
            where = f"{target} (route {route.name}, attachTo)"
            remedy = "Create it, or correct attachTo; the binding goes on by itself."
            return Finding(reason("TargetNotFound"), f"{where} does not exist. {remedy}")
    return None


def _plugin_clash(snapshot: Snapshot) -> Finding | None:
    conflicts = plugin_conflicts(snapshot)
    if not conflicts:
        return None
    return Finding(reason("PluginClash"), " ".join(map(_plugin_clash_message, conflicts)))


def _plugin_clash_message(conflict: PluginConflict) -> str:
    instead = " (or remove llm from this route)" if conflict.type == "ai-proxy" else ""
    instead = " (or set sessions.mode to Disabled)" if conflict.type == "pre-function" else instead
    return (
        f"{conflict.target} (route {conflict.route}, attachTo) already has {conflict.plugin} of type {conflict.type}; two of a type on one "
        f"{conflict.target.kind} freeze the gateway. Take {conflict.plugin} out of its annotation {names.KONG_PLUGINS_ANNOTATION}{instead}."
    )


def _route_clash(snapshot: Snapshot) -> Finding | None:
    conflict = next(route_conflicts(snapshot), None)
    if conflict is None:
        return None
    route, host, path, other = conflict
    message = (
        f"Route {route.name} exposes path {path} on {f'host {host}' if host else 'all hosts'}, which {other} of the same ingress class "
        "already serves. Choose another expose.path or expose.host, or use attachTo."
    )
    return Finding(reason("RouteClash"), message)


def _name_taken(snapshot: Snapshot) -> Finding | None:
    taken = next(taken_names(snapshot), None)
    if taken is None:
        return None
    message = f"{taken} exists already and does not belong to this binding. Rename the binding or the route, or delete that object."
    return Finding(reason("NameTaken"), message)


def _shadows_global(snapshot: Snapshot) -> Finding | None:
    shadowed = list(_shadowed(snapshot))
    if not shadowed:
        return None
    message = (
        f"Accepted, but on these routes the binding's plugins run in place of the global {' and '.join(shadowed)}: Kong runs only the most "
        "specific plugin of a type. Check that the global one is not needed here."
    )
    return Finding(reason("ShadowsGlobalPlugin"), message)


def _shadowed(snapshot: Snapshot) -> Iterator[str]:
    spec = snapshot.binding.spec
    types = {instance.plugin for instance in plugin_instances(spec)} if spec else set()
    for kind in sorted(types & snapshot.global_plugins.keys()):
        yield f"KongClusterPlugin {snapshot.global_plugins[kind]} ({kind})"


CHECKS: Final[tuple[Callable[[Snapshot], Finding | None], ...]] = (
    _spec_invalid,
    _kong_not_installed,
    _suspended,
    _endpoint_refused,
    _not_granted,
    _settings_clash,
    _target_missing,
    _plugin_clash,
    _route_clash,
    _name_taken,
    _shadows_global,
)
"""What keeps a binding from being accepted, or (last) is to be said of an accepted one, in order."""
