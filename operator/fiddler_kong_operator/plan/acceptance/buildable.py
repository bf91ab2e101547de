"""The rules of a spec that only its plugins and providers know. `plan.checks` reports them; the builders refuse to go on without them."""

from __future__ import annotations

from fiddler_kong_operator.api.conditions import Finding
from fiddler_kong_operator.api.v1alpha1 import BindingSpec
from fiddler_kong_operator.errors import Stalled
from fiddler_kong_operator.plan.objects.overrides import check_overrides
from fiddler_kong_operator.plan.providers import check_providers

__all__ = ["check_buildable", "require_buildable"]


def check_buildable(spec: BindingSpec) -> Finding | None:
    """InvalidSpec where a model or an override breaks a rule; None where everything can be built."""
    return check_providers(spec) or check_overrides(spec)


def require_buildable(spec: BindingSpec) -> None:
    """Stalled(InvalidSpec) where `check_buildable` finds something: no refused override may reach Kong because a caller forgot to ask."""
    found = check_buildable(spec)
    if found:
        raise Stalled(found.reason.name, found.message)
