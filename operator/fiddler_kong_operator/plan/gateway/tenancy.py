"""How bindings share one gateway workload: who may change it, who counts, and who gives way where two want different things.

The older binding wins (time of creation, then namespace and name), as in Gateway API.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.v1alpha1 import BindingSpec
from fiddler_kong_operator.plan.snapshot import Binding, Workload

from .env import wanted_lua

__all__ = ["asked", "demand", "granted", "managed_elsewhere", "seniority", "settings_rival", "standing", "tenants"]

_KONG_OPERATOR_LABEL: Final = "gateway-operator.konghq.com/managed-by"


def granted(binding: Binding, workload: Workload) -> bool:
    """Whether the workload's owner lets this binding use it: same namespace, or named (or `*`) in the grant annotation."""
    if binding.namespace == workload.key.namespace:
        return True
    allowed = {entry.strip() for entry in (workload.grant or "").split(",")}
    return "*" in allowed or binding.namespace in allowed


def managed_elsewhere(workload: Workload) -> bool:
    """Whether Kong Operator owns the workload through a DataPlane: it puts back every change."""
    return "DataPlane" in workload.owner_kinds or workload.labels.get(_KONG_OPERATOR_LABEL) == "dataplane"


def seniority(binding: Binding) -> tuple[str, str, str]:
    """Sort key: the oldest binding first."""
    return binding.created, binding.namespace, binding.name


def demand(binding: Binding) -> Hashable:
    """Everything of a binding that the settings of its workload depend on.

    Of bindings with equal demands the oldest speaks for all: `tenants`, `settings_rival` and `plan_settings` come to the same whether they
    are given the others or not. What they look at must be in here.
    """
    if binding.spec is None:
        return None
    return (binding.namespace, asked(binding.spec), binding.spec.suspend, binding.deleting, names.FINALIZER in binding.finalizers)


def asked(spec: BindingSpec) -> Hashable:
    """What a spec asks of its workload; bindings that ask the same cannot clash over it."""
    gateway = spec.gateway
    return (gateway.container, gateway.management, gateway.conflicts, gateway.untrusted_lua, spec.sessions.mode)


def tenants(workload: Workload, bindings: Iterable[Binding]) -> tuple[tuple[Binding, BindingSpec], ...]:
    """The bindings that count for the workload's settings, oldest first, each with its valid spec.

    They name this workload with `management: Apply`, are granted, and do not lose a clash of settings. Suspended ones count. One that is
    being deleted counts while it holds our finalizer, because until then its pre-function plugin may still be attached. Whether a binding
    is accepted in other respects does not matter: a passing clash must not restart the gateway.
    """
    counted = sorted((b for b in bindings if _counts(b, workload)), key=seniority)
    granted_wishes: dict[str | None, str] = {}
    return tuple((b, b.spec) for b in counted if b.spec is not None and _heeded(b, granted_wishes))


def _heeded(binding: Binding, granted_wishes: dict[str | None, str]) -> bool:
    """Whether no older binding asked for something else in the same container; notes the wish where it is the first."""
    wish = _wish(binding)
    return wish is None or granted_wishes.setdefault(_container(binding), wish) == wish


def settings_rival(binding: Binding, others: Iterable[Binding], workload: Workload) -> Binding | None:
    """The older binding that asks for another KONG_UNTRUSTED_LUA in the same container; None where this one may have its wish."""
    if not _counts(binding, workload) or _wish(binding) is None:
        return None
    rivals = (b for b in (binding, *others) if _counts(b, workload) and _wish(b) is not None and _container(b) == _container(binding))
    winner = min(rivals, key=seniority)
    return None if _wish(winner) == _wish(binding) else winner


def _counts(binding: Binding, workload: Workload) -> bool:
    if binding.spec is None or binding.workload != workload.key or binding.spec.gateway.management != "Apply":
        return False
    leaving = binding.deleting and names.FINALIZER not in binding.finalizers
    return not leaving and granted(binding, workload)


def _wish(binding: Binding) -> str | None:
    return wanted_lua(binding.spec) if binding.spec else None


def _container(binding: Binding) -> str | None:
    return binding.spec.gateway.container if binding.spec else None


def standing(binding: Binding) -> tuple[Hashable, ...]:
    """What a binding is to the others of its gateway."""
    return binding.workload, demand(binding), seniority(binding)
