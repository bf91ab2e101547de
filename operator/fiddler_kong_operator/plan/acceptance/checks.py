"""Accepted: whether a binding may do what its spec says, without breaking anything that is already on the gateway.

`CHECKS` reads like the specification. Each check returns the message for its reason, or None; the first message decides.
"""

from __future__ import annotations

from collections.abc import Callable
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
    name, message = next((name, message) for name, check in CHECKS if (message := check(snapshot)))
    clashing = frozenset(conflict.target for conflict in plugin_conflicts(snapshot))
    return Acceptance(Finding(reason(name), message), clashing)


def _invalid(snapshot: Snapshot) -> str | None:
    spec = snapshot.binding.spec
    if spec is None:
        return snapshot.binding.invalid or "The spec could not be read."
    found = check_plugins(spec)
    return found.message if found else None


def _forbidden(snapshot: Snapshot) -> str | None:
    return " ".join(f"{problem}." for problem in snapshot.forbidden) or None


def _not_installed(snapshot: Snapshot) -> str | None:
    if snapshot.kong_installed:
        return None
    return f"The cluster does not know KongPlugin ({names.KONG_GROUP}). Install Kong Ingress Controller with its CRDs."


def _suspended(snapshot: Snapshot) -> str | None:
    suspended = snapshot.binding.spec is not None and snapshot.binding.spec.suspend
    return "spec.suspend is true: nothing is changed. Set it to false to resume." if suspended else None


def _refused_endpoint(snapshot: Snapshot) -> str | None:
    """Neither the gateway nor the operator may send a key in clear, or traces to the machine or to a cloud's metadata service."""
    spec = snapshot.binding.spec
    return (refusal(spec.fiddler.url, snapshot.endpoints) if spec else None) or _refused_upstream(snapshot)


def _refused_upstream(snapshot: Snapshot) -> str | None:
    """The gateway passes a model's answer to the client, who must not read the gateway's own machine that way."""
    for index, route in enumerate(snapshot.binding.spec.routes if snapshot.binding.spec else ()):
        url = route.llm.options.upstream_url if route.llm else None
        problem = upstream_refusal(url, snapshot.endpoints) if url else None
        if problem:
            return f"spec.routes[{index}].llm.options.upstreamUrl: {problem}"
    return None


def _not_granted(snapshot: Snapshot) -> str | None:
    workload, namespace = snapshot.workload, snapshot.binding.namespace
    if workload is None or granted(snapshot.binding, workload):
        return None
    return (
        f"{workload.key} (gateway.targetRef) does not allow bindings of namespace {namespace}. Ask its owner to annotate it with "
        f"{names.GRANT_ANNOTATION}: {namespace} (a list of namespaces, or *)."
    )


def _settings_clash(snapshot: Snapshot) -> str | None:
    spec, workload = snapshot.binding.spec, snapshot.workload
    rival = settings_rival(snapshot.binding, snapshot.siblings, workload) if spec and workload else None
    if spec is None or workload is None or rival is None or rival.spec is None:
        return None
    return (
        f"gateway.untrustedLua is {needed_lua(spec)}, but the older binding {rival.namespace}/{rival.name} has "
        f"{needed_lua(rival.spec)}, and {workload.key} can have only one {UNTRUSTED_LUA}. Use the same value in both."
    )


def _unread_target(snapshot: Snapshot) -> str | None:
    targets = attach_targets(snapshot.binding)
    unread = [
        f"{target} (route {targets[target].name}, attachTo): {snapshot.unread[target]}." for target in targets if target in snapshot.unread
    ]
    return " ".join(unread) or None


def _missing_target(snapshot: Snapshot) -> str | None:
    targets = attach_targets(snapshot.binding)
    missing = next((target for target in targets if target not in snapshot.targets), None)
    if missing is None:
        return None
    return (
        f"{missing} (route {targets[missing].name}, attachTo) does not exist. Create it, or correct attachTo; the operator then continues."
    )


def _plugin_clashes(snapshot: Snapshot) -> str | None:
    return " ".join(map(_plugin_clash, plugin_conflicts(snapshot))) or None


def _plugin_clash(conflict: PluginConflict) -> str:
    instead = {"ai-proxy": " (or remove llm from this route)", "pre-function": " (or set sessions.mode to Disabled)"}.get(conflict.type, "")
    return (
        f"{conflict.target} (route {conflict.route}, attachTo) already has {conflict.plugin} of type {conflict.type}; two of a type on one "
        f"{conflict.target.kind} freeze the gateway. Take {conflict.plugin} out of its annotation {names.KONG_PLUGINS_ANNOTATION}{instead}."
    )


def _route_clash(snapshot: Snapshot) -> str | None:
    for route, host, path, other in route_conflicts(snapshot):
        return (
            f"Route {route.name} exposes path {path} on {f'host {host}' if host else 'all hosts'}, which {other} of the same ingress class "
            "already serves. Choose another expose.path or expose.host, or use attachTo."
        )
    return None


def _taken_name(snapshot: Snapshot) -> str | None:
    for taken in taken_names(snapshot):
        return f"{taken} exists already and does not belong to this binding. Rename the binding or the route, or delete that object."
    return None


def _shadowed_plugins(snapshot: Snapshot) -> str | None:
    """Kong's global plugins of our types do not run on our routes."""
    types = {instance.plugin for instance in plugin_instances(snapshot.binding.spec)} if snapshot.binding.spec else set()
    shadowed = [f"KongClusterPlugin {snapshot.global_plugins[kind]} ({kind})" for kind in sorted(types & snapshot.global_plugins.keys())]
    if not shadowed:
        return None
    return (
        f"Accepted, but on these routes the binding's plugins run in place of the global {' and '.join(shadowed)}: Kong runs only the most "
        "specific plugin of a type. Check that the global one is not needed here."
    )


def _accepted(snapshot: Snapshot) -> str:
    unseen = [f"{target} also lists {name}" for target, name in unresolved_names(snapshot)]
    note = f" {'; '.join(unseen)}: no plugin of that name is visible, so its type could not be checked." if unseen else ""
    return f"The spec is valid and clashes with nothing.{note}"


CHECKS: Final[tuple[tuple[str, Callable[[Snapshot], str | None]], ...]] = (
    ("InvalidSpec", _invalid),
    ("WatchForbidden", _forbidden),
    ("KongNotInstalled", _not_installed),
    ("Suspended", _suspended),
    ("EndpointRefused", _refused_endpoint),
    ("GatewayNotGranted", _not_granted),
    ("GatewaySettingsClash", _settings_clash),
    ("TargetNotReadable", _unread_target),
    ("TargetNotFound", _missing_target),
    ("PluginClash", _plugin_clashes),
    ("RouteClash", _route_clash),
    ("NameTaken", _taken_name),
    ("ShadowsGlobalPlugin", _shadowed_plugins),
    ("Accepted", _accepted),
)
"""Reasons and checks in order: the first rows keep a binding from being accepted, the last two are for an accepted one."""
