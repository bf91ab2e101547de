"""Accepted: whether a binding may do what its spec says, without breaking anything that is already on the gateway.

`CHECKS` reads like the specification. Each check returns the message for its reason, or None; the first message decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.conditions import Finding, reason, tell_problems
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.env import UNTRUSTED_LUA, needed_lua
from fiddler_kong_operator.plan.gateway.running import running_kongs
from fiddler_kong_operator.plan.gateway.tenancy import granted, settings_rival
from fiddler_kong_operator.plan.kinds import HTTP_ROUTE
from fiddler_kong_operator.plan.objects.overrides import check_plugins
from fiddler_kong_operator.plan.providers import model_advice, models_of
from fiddler_kong_operator.plan.snapshot import Snapshot

from . import routing, targets
from .clashes import PluginConflict, plugin_conflicts, route_conflicts, taken_names
from .endpoint import COLLECTOR, refusal, upstream_refusal
from .own_models import own_model_advice
from .replaced import replaced_globals, replaced_on_services
from .sanitizing import sanitizer_advice

__all__ = ["CHECKS", "Acceptance", "evaluate_acceptance"]


_VERSION: Final = 14
"""The place of the version's digit in a UUID."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The finding for Accepted, the targets from which our plugins must be, or stay, detached, and what an accepted author should know."""

    finding: Finding
    clashing_targets: frozenset[ObjectKey] = frozenset()
    advice: str = ""
    """The finding's message without the words that all is well; "" where the binding is not accepted or there is nothing to say."""


def evaluate_acceptance(snapshot: Snapshot) -> Acceptance:
    """Decide Accepted. Clashing targets are named whichever check decides: two plugins of a type there freeze the whole gateway."""
    name, message = next((name, message) for name, check in CHECKS if (message := check(snapshot)))
    found, advice = reason(name), ""
    if found.status == "True":
        said = (check(snapshot) for kind, check in CHECKS if name in _ADVICE and kind in _ADVICE)
        advice = " ".join(filter(None, (*said, *_notes(snapshot))))
        message = advice if name in _ADVICE else " ".join(filter(None, (message, advice)))
    clashing = frozenset(conflict.target for conflict in plugin_conflicts(snapshot))
    return Acceptance(Finding(found, message), clashing, advice)


def _invalid(snapshot: Snapshot) -> str | None:
    spec = snapshot.binding.spec
    if spec is None:
        return snapshot.binding.invalid or "The spec could not be read."
    newest, *older = (kong.version.minor if kong.version else None for kong in running_kongs(snapshot))
    found = check_plugins(spec, newest)
    if found:
        return found.message
    for minor in older:
        if found := check_plugins(spec, minor):
            return f"{found.message} Pods of an older template may still run it; the operator looks again when they are gone."
    return None


def _forbidden(snapshot: Snapshot) -> str | None:
    return tell_problems([f"{problem}." for problem in snapshot.forbidden]) or None


def _not_installed(snapshot: Snapshot) -> str | None:
    if snapshot.kong_installed:
        return None
    return f"The cluster does not know KongPlugin ({names.KONG_GROUP}). Install Kong Ingress Controller with its CRDs."


def _suspended(snapshot: Snapshot) -> str | None:
    """The message also has the reasons for which plugins are detached all the same."""
    if snapshot.binding.spec is None or not snapshot.binding.spec.suspend:
        return None
    harm = [f"{name}: {message}" for name, check in CHECKS if name in _HARMFUL and (message := check(snapshot))]
    leave = ["Even so, the operator detaches plugins where they do harm."] if harm else []
    return " ".join(["spec.suspend is true: nothing is changed. Set it to false to resume.", *leave, *harm])


def _refused_endpoint(snapshot: Snapshot) -> str | None:
    """Neither the gateway nor the operator may send a key in clear, or traces to the machine or to a cloud's metadata service."""
    spec = snapshot.binding.spec
    export = spec.fiddler.export if spec else None
    return (
        (refusal(spec.fiddler.url, snapshot.endpoints) if spec else None)
        or (refusal(export.endpoint, snapshot.endpoints, COLLECTOR) if export else None)
        or _refused_upstream(snapshot)
    )


def _refused_upstream(snapshot: Snapshot) -> str | None:
    """The gateway passes a model's answer to the client, who must not read the gateway's own machine that way."""
    for field, model in models_of(snapshot.binding.spec) if snapshot.binding.spec else ():
        url = model.options.upstream_url
        problem = upstream_refusal(url) if url else None
        if problem:
            return f"{field}.options.upstreamUrl: {problem}"
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


def _plugin_clashes(snapshot: Snapshot) -> str | None:
    return " ".join(map(_plugin_clash, plugin_conflicts(snapshot))) or None


_INSTEAD: Final = {
    **dict.fromkeys(("ai-proxy", "ai-proxy-advanced"), " (or remove llm from this route)"),
    "pre-function": " (or set sessions.mode to Disabled and leave attributes out)",
}


def _plugin_clash(conflict: PluginConflict) -> str:
    instead = _INSTEAD.get(conflict.ours, "")
    danger = f"two of a type on one {conflict.target.kind} freeze the gateway"
    if conflict.type != conflict.ours:
        danger = f"beside {conflict.ours} on one {conflict.target.kind}, both would answer the call"
    foreign = f"{conflict.plugin} of type {conflict.type}"
    remedy = f"Take {conflict.plugin} out of its annotation {names.KONG_PLUGINS_ANNOTATION}"
    if conflict.exposed:
        return (
            f"Something, perhaps an admission policy, adds {foreign} to {conflict.target} (route {conflict.route}, expose); {danger}, so "
            f"the operator has detached the binding's own. Exempt the Service from the policy. {remedy}."
        )
    if conflict.filtered:
        remedy = f"Take the filter (extensionRef) that names {conflict.plugin} out of its rules"
    return f"{conflict.target} (route {conflict.route}, attachTo) already has {foreign}; {danger}. {remedy}{instead}."


def _route_clash(snapshot: Snapshot) -> str | None:
    for route, host, path, other in route_conflicts(snapshot):
        return (
            f"Route {route.name} exposes path {path} on {f'host {host}' if host else 'all hosts'}, which {other} of the same "
            f"{'Gateway' if other.kind == HTTP_ROUTE.name else 'ingress class'} already serves. Choose another expose.path or expose.host, "
            "or use attachTo."
        )
    return None


def _taken_name(snapshot: Snapshot) -> str | None:
    taken: dict[str, list[str]] = {}
    for key in taken_names(snapshot):
        taken.setdefault(key.kind, []).append(key.name)
    if not taken:
        return None
    binding, objects = snapshot.binding, "; ".join(f"{kind} {', '.join(found)}" for kind, found in taken.items())
    kinds, selector = ",".join(taken).lower(), f"{names.BINDING_LABEL}={binding.name}"
    return (
        f"Objects with these names exist already and do not belong to this binding: {objects}. Rename the binding or the route, or delete "
        "these objects. After a restore from a backup, they belong to the binding as it was before: delete them, and the operator creates "
        f"them again: `kubectl delete {kinds} --namespace {binding.namespace} --selector {selector}`."
    )


def _notes(snapshot: Snapshot) -> tuple[str | None, ...]:
    """Advice for the author of an accepted binding."""
    spec = snapshot.binding.spec
    of_spec = (*model_advice(spec), _other_uuid(spec), _sampled(spec), _unlinked(spec)) if spec else ()
    return (targets.unknown_note(snapshot), *of_spec, *own_model_advice(snapshot), sanitizer_advice(snapshot))


def _other_uuid(spec: BindingSpec) -> str | None:
    """Fiddler drops spans with an unknown id without an error. Its client library takes only ids of version 4 for an application's."""
    version = spec.fiddler.application_id[_VERSION]
    if version == "4":
        return None
    return (
        f"fiddler.applicationId is a UUID of version {version}, and those of Fiddler's applications are of version 4: check that it is the "
        "id of the application, as Fiddler drops spans with another one."
    )


def _sampled(spec: BindingSpec) -> str | None:
    """The price of tracing only some calls."""
    if spec.tracing.sampling_rate == 1:
        return None
    place = "sessions in Fiddler lack" if spec.sessions.mode == "Header" else "Fiddler lacks"
    return (
        f"tracing.samplingRate is {spec.tracing.sampling_rate:g}: Kong traces that share of the calls, chosen at random, so {place} the "
        "others, with their text, tokens and costs."
    )


def _unlinked(spec: BindingSpec) -> str | None:
    """Without an id, only the client's trace makes a session of several calls."""
    if spec.tracing.propagation == "Continue" or spec.sessions.mode == "Header":
        return None
    return (
        "tracing.propagation is Ignore and sessions.mode is Disabled, so every call is a session of its own in Fiddler. Set one of them "
        "otherwise if calls belong together."
    )


CHECKS: Final[tuple[tuple[str, Callable[[Snapshot], str | None]], ...]] = (
    ("InvalidSpec", _invalid),
    ("WatchForbidden", _forbidden),
    ("KongNotInstalled", _not_installed),
    ("Suspended", _suspended),
    ("EndpointRefused", _refused_endpoint),
    ("GatewayNotGranted", _not_granted),
    ("GatewaySettingsClash", _settings_clash),
    ("IngressClassNotFound", routing.missing_class),
    ("GatewayApiNotInstalled", targets.uninstalled_kind),
    ("TargetNotReadable", targets.unread_target),
    ("TargetNotFound", targets.missing_target),
    ("TargetOwned", targets.owned_target),
    ("OtherIngressClass", targets.other_class),
    ("RoutesNotReadable", targets.unreadable_routes),
    ("SharedBackend", targets.shared_backend),
    ("TlsVerificationOff", targets.unverified_tls),
    ("PluginClash", _plugin_clashes),
    ("UnknownPlugin", targets.unknown_plugin),
    ("RouteClash", _route_clash),
    ("NameTaken", _taken_name),
    ("ShadowedPlugin", routing.shadowed_plugin),
    ("ShadowedPlugin", routing.shadowed_by_consumers),
    ("PathOverlap", routing.taken_by_pattern),
    ("PathOverlap", routing.served_nearby),
    ("PathOverlap", routing.served_below),
    ("ShadowsGlobalPlugin", replaced_globals),
    ("ShadowsServicePlugin", replaced_on_services),
    ("Accepted", lambda _: "The spec is valid and clashes with nothing."),
)
"""Reasons and checks in order: the first rows keep a binding from being accepted, `_ADVICE` and the last are for an accepted one."""

_HARMFUL: Final = frozenset({"OtherIngressClass", "SharedBackend", "PluginClash"})
"""For these reasons plugins are detached even if another check decides: see `decision.decide`."""

_ADVICE: Final = frozenset({"ShadowedPlugin", "PathOverlap", "ShadowsGlobalPlugin", "ShadowsServicePlugin"})
"""If one of these decides, the message has the sentences of all of them."""
