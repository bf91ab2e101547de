"""The routes of a binding that are served with all its plugins: the count in the status.

A route counts while everything that makes it work is there, whatever the conditions say: a suspended or refused binding keeps what is
attached. It does not count while something says that Kong may not have it: no address on its Ingress where others of its class have one,
a warning about one of its objects, or a gateway that is frozen. Then only an address shows that Kong has taken a route.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from fiddler_kong_operator.api import BindingSpec, Route
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import INGRESS, KONG_PLUGIN, SERVICE
from fiddler_kong_operator.plan.objects.attachable_kinds import listed
from fiddler_kong_operator.plan.objects.attachments import effective_names, is_verified
from fiddler_kong_operator.plan.objects.desired import BindingPlan
from fiddler_kong_operator.plan.plugins import plugin_instances
from fiddler_kong_operator.plan.references import carrier_of, entry_of, needed_secret, plugin_key, route_object
from fiddler_kong_operator.plan.snapshot import Binding, Snapshot

from .frozen import evaluate_freeze
from .parents import judge_route
from .warnings import current_warnings, outdate_warnings

__all__ = ["count_served"]

_Lists = Mapping[ObjectKey, Sequence[str]]
"""The plugins on each Service, Ingress and HTTPRoute that exists."""


def count_served(snapshot: Snapshot, done: BindingPlan, gone: Collection[ObjectKey] = ()) -> str | None:
    """The routes that are served, out of all: `1/1`; None without a valid spec.

    `done` are the writes made since the snapshot was taken, `gone` the objects that do not count: they are
    deleted, or other clients keep reverting them.
    """
    spec = snapshot.binding.spec
    if spec is None:
        return None
    lists, now = _lists(snapshot, done, gone), outdate_warnings(snapshot, _changed(snapshot, done))
    needed = _needed(now.binding, spec)
    own = {key for key, child in snapshot.children.items() if child.belongs_to(snapshot.binding) and not child.deleting}
    existing = own.union(desired.key for desired in done.objects).difference(gone)
    served = [route for route in spec.routes if needed[route.name] <= existing and _is_taken(now, route, needed[route.name], lists)]
    return f"{len(served)}/{len(spec.routes)}"


def _lists(snapshot: Snapshot, done: BindingPlan, gone: Collection[ObjectKey]) -> _Lists:
    services = (desired for desired in done.objects if desired.key.kind == SERVICE.name)
    lists: dict[ObjectKey, Sequence[str]] = {key: target.plugins for key, target in snapshot.targets.items() if key not in gone}
    lists |= {service.key: listed(service.manifest) for service in services}
    return lists | {attachment.target: attachment.plugins for attachment in done.attachments}


def _changed(snapshot: Snapshot, done: BindingPlan) -> list[ObjectKey]:
    differing = (desired.key for desired in done.objects if desired.differs(snapshot.children.get(desired.key)))
    return [*differing, *(attachment.target for attachment in done.attachments)]


def _needed(binding: Binding, spec: BindingSpec) -> Mapping[str, frozenset[ObjectKey]]:
    """The objects of the binding that each route needs, by the route's name."""
    instances = plugin_instances(spec)
    plugins = [(i.route, plugin_key(binding, i.plugin, i.route)) for i in instances]
    secret = needed_secret(binding, instances)
    return {
        route.name: frozenset(
            (
                *secret,
                *(key for only, key in plugins if only in (None, route.name)),
                *((route_object(binding, SERVICE, route.name), entry_of(binding, route)) if route.expose else ()),
            )
        )
        for route in spec.routes
    }


def _is_taken(snapshot: Snapshot, route: Route, needed: frozenset[ObjectKey], lists: _Lists) -> bool:
    """Whether all plugins are on the route's list, and nothing says that Kong may not have them."""
    carrier = carrier_of(snapshot.binding, route)
    filters = snapshot.targets[carrier].common_filters if is_verified(snapshot, carrier) and carrier in snapshot.targets else ()
    attached = effective_names(snapshot, (*lists.get(carrier, ()), *filters))
    doubted = {warning.about for warning in current_warnings(snapshot)}
    whole = attached.issuperset(key.name for key in needed if key.kind == KONG_PLUGIN.name)
    return whole and doubted.isdisjoint({carrier, *needed}) and _is_confirmed(snapshot, route)


def _is_confirmed(snapshot: Snapshot, route: Route) -> bool:
    """Whether the status of its Ingress or HTTPRoute confirms the route, or can confirm nothing while the gateway takes changes."""
    key = entry_of(snapshot.binding, route) if route.expose else carrier_of(snapshot.binding, route)
    confirming = snapshot.targets.get(key)
    if confirming and (confirming.published or judge_route(confirming)):
        return confirming.published
    if route.expose and (snapshot.class_published if key.kind == INGRESS.name else not confirming):
        return False
    return evaluate_freeze(snapshot) is None
