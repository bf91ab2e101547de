"""Whether Kong serves an HTTPRoute named in attachTo, from what Kong's controllers write into its status.parents.

A controller accepts a route for each Gateway, and then tells by Programmed that Kong took a configuration with it. Like an address of an
Ingress, that says nothing about a later change of annotations or plugins. A controller that never writes Programmed says nothing.
"""

from __future__ import annotations

from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.plan.kinds import HTTP_ROUTE
from fiddler_kong_operator.plan.references import attach_targets
from fiddler_kong_operator.plan.snapshot import Attachable, Parent, Snapshot

__all__ = ["doubted_route", "judge_route"]


def doubted_route(snapshot: Snapshot) -> Finding | None:
    """The finding about the first HTTPRoute of the binding that Kong may not serve; None where nothing says so."""
    targets = (snapshot.targets.get(key) for key in attach_targets(snapshot.binding))
    return next((found for target in targets if target and (found := judge_route(target))), None)


def judge_route(route: Attachable) -> Finding | None:
    """Why Kong may not serve the HTTPRoute; None where nothing says so, or for another kind."""
    if route.key.kind != HTTP_ROUTE.name or route.published:
        return None
    accepted = [parent for parent in route.parents if parent.accepted]
    if not route.parents:
        return Finding(
            reason("KongNotConfirmed"),
            f"No Gateway of Kong's has accepted {route.key} yet (status.parents). Check that its parentRefs name a Gateway that Kong's "
            "controller serves, and that the controller runs.",
        )
    if not accepted:
        return Finding(reason("RouteNotAccepted"), f"No Gateway of Kong's accepts {route.key}. {' '.join(map(_words, route.parents))}")
    if all(parent.programmed is None for parent in accepted):
        return None
    waiting = " ".join(map(_words, accepted))
    return Finding(reason("KongNotConfirmed"), f"Kong has not confirmed {route.key} yet: its condition Programmed is not True. {waiting}")


def _words(parent: Parent) -> str:
    return f"Gateway {parent.gateway}: {parent.message or 'no reason is given'}."
