"""Whether Kong's controller has confirmed the binding: exposed routes by the addresses of their Ingresses, the rest by its events.

For HTTPRoutes see `parents`.

Kong's controller writes an address into the status of an Ingress once Kong took a configuration that contains it. It never takes it away,
and not every installation publishes one. So an address says that Kong serves the route, and a missing one says something only where
other Ingresses of the class have one. The writer makes an Ingress again whose class changes, so no address is one of a former class.
Neither says anything about a later change of annotations or plugins.

So a change that was written while Kong refuses everything because of another object is not confirmed either. Kong's controller posts that
refusal with the next synchronization, and a success about every five minutes. A new address tells earlier that the refusal is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import HTTP_ROUTE, INGRESS
from fiddler_kong_operator.plan.references import attach_targets, entries_of
from fiddler_kong_operator.plan.snapshot import KongWarning, Snapshot

from .parents import doubted_route
from .warnings import is_recent

__all__ = ["RECHECK", "confirm", "seconds_to_confirm"]

RECHECK: Final = 10.0
"""Seconds until the operator looks again for the cause why a binding waits for Kong. The confirmation itself requeues the binding."""

_SYNC: Final = 10.0
"""Seconds within which Kong's controller gives a change to Kong, and a refusal shows as an event: three of its synchronizations."""

_POD: Final = "Pod"
_REFUSED: Final = "HTTP status 400"
"""Words of Kong Ingress Controller 3.4 on its Pod where Kong refused the configuration; a Pod that cannot be reached has others."""

_OTHER_CLASS: Final = (
    "Something, perhaps an admission policy, gives {key} the class {other} with each write, so the Kong of class {wanted} does not serve "
    "it. Exempt this Ingress from the policy."
)

_FROZEN: Final = "kubectl get events --all-namespaces --field-selector=reason=KongConfigurationApplyFailed"


def confirm(snapshot: Snapshot) -> Finding:
    """PluginsProgrammed of a binding whose plugins are all applied and attached, and not refused."""
    spec, taken = snapshot.binding.spec, _taken(snapshot)
    waiting = [key for key in entries_of(snapshot.binding) if key.kind == INGRESS.name and key not in taken]
    ingress_class, doubted = spec.gateway.ingress_class_name if spec else "", doubted_route(snapshot)
    if doubted:
        return doubted
    for key, other in _moved(snapshot):
        return Finding(reason("KongNotConfirmed"), _OTHER_CLASS.format(key=key, other=other, wanted=ingress_class))
    if waiting and snapshot.class_published:
        return Finding(reason("KongNotConfirmed"), f"{_waiting(waiting, ingress_class)} {_cause(snapshot)}")
    if any(_refuses_last_change(refusal, snapshot) for refusal in _others_refusals(snapshot)):
        return Finding(reason("KongNotConfirmed"), f"Kong has not confirmed the last change yet. {_cause(snapshot)}")
    if waiting:
        return _programmed(
            "and Kong has not refused them. Not confirmed: Kong's controller confirms a route by an address in the status of its Ingress, "
            f"and no Ingress of class {ingress_class} has one."
        )
    confirmable = entries_of(snapshot.binding) or attach_targets(snapshot.binding)
    confirmed = "and Kong has taken the routes." if taken.issuperset(confirmable) else "and Kong has not refused them."
    return _programmed(confirmed)


def _taken(snapshot: Snapshot) -> frozenset[ObjectKey]:
    """The exposed routes' Ingresses with an address, and the HTTPRoutes that Kong has, including those of attachTo."""
    routes = (key for key in attach_targets(snapshot.binding) if key.kind == HTTP_ROUTE.name)
    targets = (snapshot.targets.get(key) for key in (*entries_of(snapshot.binding), *routes))
    return frozenset(target.key for target in targets if target and target.published)


def _moved(snapshot: Snapshot) -> Iterator[tuple[ObjectKey, str]]:
    """The binding's Ingresses that come out of our own writes with another class than the binding's, each with that class."""
    wanted = snapshot.binding.spec.gateway.ingress_class_name if snapshot.binding.spec else ""
    for key in entries_of(snapshot.binding):
        target, child = snapshot.targets.get(key), snapshot.children.get(key)
        if target and child and child.defaulted_from is not None and target.ingress_class not in (None, wanted):
            yield key, target.ingress_class


def seconds_to_confirm(snapshot: Snapshot) -> float | None:
    """Seconds until Kong's controller must have reported whether Kong refuses the last change; None once that time is over."""
    left = _last_change(snapshot) + _SYNC - snapshot.now
    return min(left, _SYNC) if left > 0 else None


def _last_change(snapshot: Snapshot) -> float:
    own = (child.applied_at for child in snapshot.children.values() if child.belongs_to(snapshot.binding))
    return max((snapshot.written_at, *own, *(target.attached_at for target in snapshot.targets.values())))


def _others_refusals(snapshot: Snapshot) -> Iterator[KongWarning]:
    """Recent refusals that are not about an object of the binding or one that it is attached to: those show as `KongRefused`."""
    own = {*snapshot.children, *snapshot.targets}
    return (refusal for refusal in snapshot.refusals if refusal.about not in own and is_recent(refusal, snapshot.now))


def _refuses_last_change(refusal: KongWarning, snapshot: Snapshot) -> bool:
    """Whether Kong cannot have taken the last change: it came after this refusal began, the last success, and the routes' addresses."""
    if refusal.about.kind == _POD and (_REFUSED not in refusal.message or refusal.about.namespace != _namespace(snapshot)):
        return False
    return _last_change(snapshot) > max(refusal.first_seen - _SYNC, snapshot.taken_at, *_addressed(snapshot))


def _addressed(snapshot: Snapshot) -> Iterator[float]:
    """When the binding's Ingresses got their addresses."""
    targets = (snapshot.targets.get(key) for key in entries_of(snapshot.binding))
    return (target.published_at for target in targets if target)


def _namespace(snapshot: Snapshot) -> str | None:
    workload = snapshot.binding.workload
    return workload.namespace if workload else None


def _programmed(rest: str) -> Finding:
    return Finding(reason("PluginsProgrammed"), f"All plugins are applied and attached, {rest}")


def _waiting(waiting: Sequence[ObjectKey], ingress_class: str) -> str:
    ingresses = ", ".join(map(str, waiting))
    routes = "routes" if len(waiting) > 1 else "route"
    return (
        f"Kong has not confirmed the {routes} yet: no address in the status of {ingresses}, but others of class {ingress_class} have one."
    )


def _cause(snapshot: Snapshot) -> str:
    """The object for which Kong refuses every configuration, where an event tells; the Pod of Kong's controller names none.

    The event's words are left out: they may quote text that the author of this binding must not read.
    """
    first = min(_others_refusals(snapshot), key=lambda warning: (warning.about.kind == _POD, warning.about), default=None)
    if first is None:
        return f"Check that Kong's controller runs, serves the class and watches this namespace, and that nothing freezes Kong: {_FROZEN}"
    return f"Kong refuses every change by anybody at present; an Event about {first.about} says why. Nothing is wrong with this binding."
