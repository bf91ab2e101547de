"""Checks of the targets of attachTo that look at more than one plugin list. Each returns its message, or None."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api import Route
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.running import RunningKong, running_kongs
from fiddler_kong_operator.plan.gateway.version import KongVersion
from fiddler_kong_operator.plan.kinds import HTTP_ROUTE, INGRESS, KONG_PLUGIN, REFERENCE_GRANT, SERVICE
from fiddler_kong_operator.plan.objects.attachable_kinds import CLASS_ANNOTATION, TLS_VERIFY_ANNOTATION
from fiddler_kong_operator.plan.objects.attachments import is_own_child
from fiddler_kong_operator.plan.plugins import plugin_instances
from fiddler_kong_operator.plan.references import attach_targets, entries_of, plugin_key, routes_to, wanted_children
from fiddler_kong_operator.plan.snapshot import Attachable, Snapshot

__all__ = [
    "missing_target",
    "other_class",
    "owned_target",
    "shared_backend",
    "to_be_left",
    "uninstalled_kind",
    "unknown_note",
    "unknown_plugin",
    "unread_target",
    "unreadable_routes",
    "unverified_tls",
]

_TLS_VERIFIED_SINCE: Final = KongVersion((3, 14))
_TLS_VERIFICATION: Final = "KONG_TLS_CERTIFICATE_VERIFY"


def uninstalled_kind(snapshot: Snapshot) -> str | None:
    """The cluster does not know the kind HTTPRoute. The operator keeps looking for its definition."""
    wanted = dict.fromkeys(attach_targets(snapshot.binding), "attachTo")
    wanted |= dict.fromkeys(entries_of(snapshot.binding), "expose.gatewayRef")
    routes = [(key, field) for key, field in wanted.items() if key.kind == HTTP_ROUTE.name]
    if snapshot.routes_installed or not routes:
        return None
    key, field = routes[0]
    instead = "attach to a Service or Ingress" if field == "attachTo" else "leave gatewayRef out to get an Ingress"
    return (
        f"The cluster does not know HTTPRoute ({HTTP_ROUTE.api_version}), which {field} needs ({key}). Install the resource definitions of "
        f"the Gateway API, or {instead}; the operator then continues."
    )


def unread_target(snapshot: Snapshot) -> str | None:
    """The API server does not answer a read of the object."""
    targets = attach_targets(snapshot.binding)
    unread = [
        f"{_named(targets[key], key)}: {snapshot.unread[key]}. The operator tries again." for key in targets if key in snapshot.unread
    ]
    return " ".join(unread) or None


def missing_target(snapshot: Snapshot) -> str | None:
    """The object does not exist."""
    targets = attach_targets(snapshot.binding)
    missing = next((target for target in targets if target not in snapshot.targets), None)
    if missing is None:
        return None
    return f"{_named(targets[missing], missing)} does not exist. Create it, or correct attachTo; the operator then continues."


def owned_target(snapshot: Snapshot) -> str | None:
    """The object belongs to a binding, which would revert its list."""
    for route, target in _observed(snapshot):
        owner = snapshot.target_owners.get(target.key)
        if owner:
            whose = "this binding" if owner == snapshot.binding.name else f"the binding {owner}"
            return f"{_named(route, target.key)} belongs to {whose}, which already traces it. Name an object that no binding owns."
    return None


def other_class(snapshot: Snapshot) -> str | None:
    """Another gateway serves the target, or a Service's Ingress. It would run the plugins without the settings they need, or not at all."""
    for route, target in _observed(snapshot):
        if target.foreign:
            return (
                f"{_named(route, target.key)} is not Kong's: its parentRefs name no Gateway, or only Gateways of other implementations "
                "(status.parents). Name a Gateway that Kong's controller serves in its parentRefs, or correct attachTo."
            )
        if _is_of_another_class(snapshot, target):
            return _other_class(snapshot, route, target)
        if ingress := _entry_elsewhere(snapshot, target.key):
            return _other_entry(snapshot, route, target.key, ingress)
    return None


def _other_class(snapshot: Snapshot, route: Route, target: Attachable) -> str:
    wanted = snapshot.binding.spec.gateway.ingress_class_name if snapshot.binding.spec else ""
    remedy = f"Name the gateway and the class that serve it, or change its class (the annotation {CLASS_ANNOTATION} comes first)."
    if target.ingress_class is None:
        return f"{_named(route, target.key)} has no ingress class, and {wanted} (gateway.ingressClassName) is not the default. {remedy}"
    return (
        f"{_named(route, target.key)} has the ingress class {target.ingress_class}, but gateway.ingressClassName is {wanted}: another "
        f"gateway than the binding's would run the plugins. {remedy}"
    )


def _other_entry(snapshot: Snapshot, route: Route, service: ObjectKey, ingress: Attachable) -> str:
    """The Service is also, or only, another Kong's."""
    wanted = snapshot.binding.spec.gateway.ingress_class_name if snapshot.binding.spec else ""
    others = ", ".join(sorted(_classes_of(snapshot, ingress) - {wanted}))
    return (
        f"{_named(route, service)} is reached through {ingress.key}, which another Kong serves: its ingress class is {others}, and "
        f"gateway.ingressClassName is {wanted}. That gateway would run the plugins too, without the settings that they need. Attach to the "
        f"Ingress of class {wanted} instead, or give the class {wanted} a Service of its own."
    )


def _entry_elsewhere(snapshot: Snapshot, service: ObjectKey) -> Attachable | None:
    """An Ingress of another Kong's class that leads to the Service. A class of another implementation does no harm: it knows no plugins."""
    wanted = snapshot.binding.spec.gateway.ingress_class_name if snapshot.binding.spec else ""
    others = snapshot.kong_classes - {wanted}
    leading = routes_to(snapshot, service) if others else ()
    return next((route for route in leading if route.key.kind == INGRESS.name and others & _classes_of(snapshot, route)), None)


def _classes_of(snapshot: Snapshot, ingress: Attachable) -> frozenset[str]:
    """Its class; without one, all default ones, each of which takes it."""
    default = (name for name, is_default in snapshot.ingress_classes.items() if is_default)
    return frozenset({ingress.ingress_class} if ingress.ingress_class else default)


def _is_of_another_class(snapshot: Snapshot, target: Attachable) -> bool:
    if target.key.kind != INGRESS.name or snapshot.binding.spec is None:
        return False
    wanted = snapshot.binding.spec.gateway.ingress_class_name
    if target.ingress_class is None:
        return bool(snapshot.ingress_classes) and not snapshot.ingress_classes.get(wanted)
    return target.ingress_class != wanted


def unreadable_routes(snapshot: Snapshot) -> str | None:
    """HTTPRoutes that may lead to a Service cannot be read, and only they show whether it shares a rule. Attached plugins stay attached."""
    for route, target in _observed(snapshot):
        cause, remedy = _unreadable(snapshot, target.key)
        if cause and target.key.kind == SERVICE.name and _lacking(snapshot, route, target):
            return (
                f"{cause}, so it cannot see whether {_named(route, target.key)} shares a rule of an HTTPRoute with another Service, whose "
                f"route Kong would drop. {remedy}."
            )
    return None


def _unreadable(snapshot: Snapshot, service: ObjectKey) -> tuple[str, str]:
    """Why HTTPRoutes that may lead to a Service cannot be read, and the remedy; empty where all can be read."""
    if not snapshot.routes_readable:
        kinds = f"{HTTP_ROUTE.plural} ({HTTP_ROUTE.group}), or the {REFERENCE_GRANT.plural} by which those of other namespaces lead here"
        return f"The operator may not list {kinds}", "Let an administrator add list and watch to the operator's role"
    for namespace, grant in snapshot.unseen_routes.get(service, {}).items():
        cause = f"{grant} lets HTTPRoutes of namespace {namespace} lead to the Service, and the operator does not see them there"
        remedy = (
            f"Let an administrator add {namespace} to the operator's --namespaces (chart value watchNamespaces), with list and watch of "
            f"{HTTP_ROUTE.plural}, or narrow the grant"
        )
        return cause, remedy
    return "", ""


def shared_backend(snapshot: Snapshot) -> str | None:
    """Kong wants equal annotations on all Services of a rule, and then gets each plugin twice."""
    for route, target in _observed(snapshot):
        shared = next(_sharing(snapshot, target.key), None)
        if shared:
            others = " and ".join(f"Service {_relative(other, target.key)}" for other in shared[1])
            return (
                f"{_named(route, target.key)} shares a rule of {shared[0]} with {others}. Kong drops such a route where only one of its "
                f"Services carries plugins, and refuses its whole configuration where all do. {_instead(shared[0], target.key)}, or give "
                "the Service a rule of its own."
            )
    return None


def _instead(route: ObjectKey, service: ObjectKey) -> str:
    """The remedy: a binding attaches only to objects in its own namespace."""
    attach = f"attachTo: {{kind: {HTTP_ROUTE.name}, name: {route.name}}}"
    if route.namespace == service.namespace:
        return f"Attach to the HTTPRoute instead ({attach}), which may have any number of backends"
    return f"Attach to the HTTPRoute instead, by a binding in namespace {route.namespace} ({attach})"


def _sharing(snapshot: Snapshot, service: ObjectKey) -> Iterator[tuple[ObjectKey, tuple[ObjectKey, ...]]]:
    """The routes with a rule that leads to this Service and to others, each with the other Services."""
    for route in snapshot.routes:
        for group in route.backends:
            if service in group and len(group) > 1:
                yield route.key, tuple(other for other in group if other != service)


def unverified_tls(snapshot: Snapshot) -> str | None:
    """A gateway that verifies certificates by default refuses a Service that says otherwise."""
    refusing = next(filter(_verifies, running_kongs(snapshot)), None)
    if refusing is None:
        return None
    for route, target in _observed(snapshot):
        if target.unverified_tls:
            gateway = f"Kong {refusing.version}" if refusing.version else "a Kong of unknown version"
            return (
                f'{_named(route, target.key)} has the annotation {TLS_VERIFY_ANNOTATION}: "false". From Kong 3.14 on, a gateway refuses '
                f"its whole configuration because of it, and this one runs {gateway}. Remove the annotation, and give Kong the CA of the "
                "Service's certificate."
            )
    return None


def _verifies(kong: RunningKong) -> bool:
    """Whether it may verify certificates."""
    switched_off = kong.container and any((entry.name, entry.value) == (_TLS_VERIFICATION, "off") for entry in kong.container.env)
    return not (switched_off or (kong.version and kong.version.before(_TLS_VERIFIED_SINCE)))


def unknown_plugin(snapshot: Snapshot) -> str | None:
    """A listed name has no visible plugin. Its plugin may exist unseen, or be created later, and have one of our types."""
    for route, target in _observed(snapshot):
        unknown = next(_unknown(snapshot, target), None)
        if unknown and _lacking(snapshot, route, target):
            return f"{_named(route, target.key)} lists {unknown}{_why_unknown(snapshot, target, unknown)}"
    return None


def _why_unknown(snapshot: Snapshot, target: Attachable, name: str) -> str:
    danger = "Of a type that the binding attaches, it would freeze the gateway."
    where = f"the annotation {names.KONG_PLUGINS_ANNOTATION}" if name in target.plugins else "the filters of its rules"
    remedy = f"Create it, or take {name} out of {where}"
    namespace, elsewhere, _ = name.rpartition(":")
    if elsewhere:
        watch = f"if the operator watches only some namespaces, let an administrator add {namespace} (chart value watchNamespaces)"
        return f", but the operator sees no such KongPlugin in namespace {namespace}. {danger} {remedy}; or, {watch}."
    if snapshot.cluster_plugins_readable:
        return f", but there is no KongPlugin or KongClusterPlugin of that name. {danger} {remedy}."
    return (
        f", but no KongPlugin of that name is visible, and the operator may not read KongClusterPlugins. {danger} {remedy}; or let an "
        "administrator set the operator's --read-cluster-kinds (chart value readClusterKinds)."
    )


def unknown_note(snapshot: Snapshot) -> str:
    """The listed names without a visible plugin, where ours stay attached or a webhook adds them to our Service; "" without any."""
    targets = (*(target for _, target in _observed(snapshot)), *_changed_by_webhooks(snapshot))
    found = (f"{target.key} also lists {name}" for target in targets for name in _unknown(snapshot, target))
    listed = "; ".join(found)
    return f"{listed}: no plugin of that name is visible, so its type could not be checked." if listed else ""


def _changed_by_webhooks(snapshot: Snapshot) -> Iterator[Attachable]:
    for key, child in snapshot.children.items():
        if child.defaulted_from is not None and key in snapshot.targets and is_own_child(snapshot, key):
            yield snapshot.targets[key]


def to_be_left(snapshot: Snapshot) -> Iterable[ObjectKey]:
    """Objects of others that must carry no plugin of ours.

    These are Services that share a rule, even if the spec no longer names them, and named objects that another gateway serves.
    """
    named = attach_targets(snapshot.binding)
    for key, target in snapshot.targets.items():
        shared = next(_sharing(snapshot, key), None) is not None
        elsewhere = target.foreign or _is_of_another_class(snapshot, target) or _entry_elsewhere(snapshot, key)
        if (shared or (key in named and elsewhere)) and not is_own_child(snapshot, key):
            yield key


def _unknown(snapshot: Snapshot, target: Attachable) -> Iterator[str]:
    """Names on a list, or in filters, that no visible plugin has, and that are not among those that the binding creates itself."""
    unseen = [name for name in dict.fromkeys((*target.plugins, *target.filters)) if name not in snapshot.plugin_types]
    own = {key.name for key in wanted_children(snapshot.binding) if key.kind == KONG_PLUGIN.name} if unseen else frozenset()
    return (name for name in unseen if name not in own)


def _lacking(snapshot: Snapshot, route: Route, target: Attachable) -> bool:
    """Whether a plugin of the binding is not on the list yet."""
    spec, listed = snapshot.binding.spec, {name.rpartition(":")[2] for name in target.plugins}
    wanted: Iterable[ObjectKey] = (
        plugin_key(snapshot.binding, i.plugin, i.route) for i in (plugin_instances(spec) if spec else ()) if i.route in (None, route.name)
    )
    return not listed.issuperset(key.name for key in wanted)


def _observed(snapshot: Snapshot) -> Iterator[tuple[Route, Attachable]]:
    targets: Mapping[ObjectKey, Route] = attach_targets(snapshot.binding)
    return ((route, snapshot.targets[key]) for key, route in targets.items() if key in snapshot.targets)


def _named(route: Route, target: ObjectKey) -> str:
    return f"{target} (route {route.name}, attachTo)"


def _relative(other: ObjectKey, target: ObjectKey) -> str:
    return other.name if other.namespace == target.namespace else f"{other.namespace}/{other.name}"
