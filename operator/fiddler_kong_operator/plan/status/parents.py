"""Whether Kong serves an HTTPRoute, of attachTo or of the binding, by the status.parents that Kong's controllers write.

A controller accepts a route for each Gateway, and then tells by Programmed that Kong took a configuration with it. Like an address of an
Ingress, that says nothing about a later change of annotations or plugins. A controller that never writes Programmed says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.plan.kinds import HTTP_ROUTE
from fiddler_kong_operator.plan.references import attach_targets, entries_of
from fiddler_kong_operator.plan.snapshot import Attachable, Parent, Snapshot

__all__ = ["doubted_route", "judge_route"]

_REMEDIES: Final = {
    "NotAllowedByListeners": "Let a listener of the Gateway admit HTTPRoutes of namespace {namespace} (allowedRoutes).",
    "NoMatchingParent": "Name a listener that the Gateway has (sectionName, port), or none.",
    "NoMatchingListenerHostname": "Use a host name that a listener of the Gateway serves.",
    "BackendNotFound": "Create the Service that the rule names.",
    "RefNotPermitted": "Let a ReferenceGrant in the Service's namespace admit HTTPRoutes of namespace {namespace}.",
}
"""By the reason of a condition in status.parents."""


def doubted_route(snapshot: Snapshot) -> Finding | None:
    """The finding about the first HTTPRoute of the binding that Kong may not serve; None where nothing says so."""
    keys = (key for key in (*attach_targets(snapshot.binding), *entries_of(snapshot.binding)) if key.kind == HTTP_ROUTE.name)
    targets = (snapshot.targets.get(key, Attachable(key, "", "")) for key in keys)
    return next((found for target in targets if (found := judge_route(target))), None)


def judge_route(route: Attachable) -> Finding | None:
    """Why Kong may not serve the HTTPRoute; None where nothing says so, or for another kind."""
    if route.key.kind != HTTP_ROUTE.name or route.published:
        return None
    if route.foreign:
        return Finding(
            reason("RouteNotAccepted"),
            f"{route.key} is not Kong's: another implementation of the Gateway API serves the Gateways in its parentRefs (status.parents). "
            "Name a Gateway that Kong's controller serves.",
        )
    accepted = [parent for parent in route.parents if parent.accepted]
    if not route.parents:
        return Finding(
            reason("KongNotConfirmed"),
            f"No Kong Gateway has accepted {route.key} yet (status.parents). Check that its parentRefs name a Gateway that exists and "
            "that Kong's controller serves, and that the controller runs.",
        )
    if not accepted:
        return Finding(reason("RouteNotAccepted"), f"No Kong Gateway accepts {route.key}. {_said(route, route.parents)}")
    if all(parent.programmed is None and not parent.message for parent in accepted):
        return None
    return Finding(
        reason("KongNotConfirmed"),
        f"Kong has not confirmed {route.key} yet: a condition in its status.parents is not True. {_said(route, accepted)}",
    )


def _said(route: Attachable, parents: Sequence[Parent]) -> str:
    """Kong's words for each Gateway, then the remedies."""
    words = (f"Gateway {parent.gateway}: {parent.message or 'no reason is given'}." for parent in parents)
    reasons = dict.fromkeys(parent.message.partition(":")[0] for parent in parents)
    remedies = (_REMEDIES[told].format(namespace=route.key.namespace) for told in reasons if told in _REMEDIES)
    return " ".join((*words, *remedies))
