"""Whether text goes to Fiddler as it was written: advice where it is captured and nothing sanitizes it before."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.api import Route
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import SERVICE
from fiddler_kong_operator.plan.references import carrier_of, routes_to, tell_routes
from fiddler_kong_operator.plan.snapshot import Attachable, Snapshot

from .own_models import logs_text

__all__ = ["sanitizer_advice"]

_SANITIZER: Final = "ai-sanitizer"


def sanitizer_advice(snapshot: Snapshot) -> str | None:
    """One sentence for all routes whose text is captured, and on which no sanitizer is visible."""
    spec = snapshot.binding.spec
    if spec is None or _SANITIZER in snapshot.global_plugins:
        return None
    captured = [(route.name, carrier_of(snapshot.binding, route)) for route in spec.routes if _is_captured(snapshot, route, spec.payloads)]
    plain = [name for name, carrier in captured if not _is_sanitized(snapshot, carrier)]
    if not plain:
        return None
    return (
        f"Prompts and answers of {tell_routes(plain)} go to Fiddler as they were written: no {_SANITIZER} plugin is visible there, or "
        "globally. If they may hold personal data, put one there, or capture no text."
    )


def _is_captured(snapshot: Snapshot, route: Route, payloads: str) -> bool:
    if route.llm:
        return (route.payloads or payloads) == "Captured"
    target = snapshot.targets.get(carrier_of(snapshot.binding, route))
    return target is not None and logs_text(snapshot, target)


def _is_sanitized(snapshot: Snapshot, carrier: ObjectKey) -> bool:
    """Whether a sanitizer runs for each call: on the object itself, on all routes to it, or on all Services behind it."""
    target = snapshot.targets.get(carrier)
    if carrier.kind == SERVICE.name:
        others: list[Attachable | None] = [*routes_to(snapshot, carrier)]
    else:
        others = [snapshot.behind.get(service) for group in (target.backends if target else ()) for service in group]
    return _has_one(snapshot, target) or bool(others and all(_has_one(snapshot, other) for other in others))


def _has_one(snapshot: Snapshot, carrier: Attachable | None) -> bool:
    """Names in other namespaces are not resolved."""
    if carrier is None or carrier.key.namespace != snapshot.binding.namespace:
        return False
    names = {*carrier.plugins, *carrier.filters} - snapshot.disabled
    return any(snapshot.plugin_types.get(name) == _SANITIZER for name in names)
