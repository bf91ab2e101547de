"""How bindings share one gateway workload: which may change it, which count, and which wins where two demand different settings.

The older binding wins (time of creation, then namespace and name), as in Gateway API.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.plan.plugins import needs_lua, plugin_types
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.plan.workload import Workload

from .env import needed_lua

__all__ = [
    "demand",
    "granted",
    "namespaces_in_grant",
    "seniority",
    "settings_demand",
    "settings_namespaces",
    "settings_rival",
    "tenancy_of",
    "tenant_namespaces",
    "tenants",
]


def granted(binding: Binding, workload: Workload) -> bool:
    """Whether the workload's owner lets this binding use it.

    The binding is in the workload's namespace, or a grant annotation names the binding's namespace (or `*`). The annotation may be on the
    workload, or on an object from which Kong Operator makes the workload: only there does an annotation last.
    """
    return not tenant_namespaces(workload).isdisjoint({"*", binding.namespace})


def tenant_namespaces(workload: Workload) -> frozenset[str]:
    """The namespaces whose bindings may use a workload: its own and the granted ones; `*` for all."""
    return frozenset({workload.key.namespace}) | _granted_namespaces(workload)


def settings_namespaces(workload: Workload) -> frozenset[str]:
    """The namespaces whose bindings may need its settings: those that may use it, or what Kong Operator makes from it; `*` for all."""
    return frozenset().union(*map(tenant_namespaces, workload.family()))


def _granted_namespaces(workload: Workload) -> frozenset[str]:
    """Those in the grants on the workload, and on the objects from which Kong Operator makes it."""
    return frozenset(namespaces_in_grant(workload)) | (_granted_namespaces(workload.owner) if workload.owner else frozenset())


def namespaces_in_grant(workload: Workload) -> tuple[str, ...]:
    """The entries of the grant on the workload itself, in its order; `*` for all."""
    return tuple(entry for part in (workload.grant or "").split(",") if (entry := part.strip()))


def seniority(binding: Binding) -> tuple[str, str, str]:
    """Sort key: the oldest binding first."""
    return binding.created, binding.namespace, binding.name


def demand(binding: Binding) -> Hashable:
    """All fields of a binding that affect the settings of its workload.

    The oldest of the bindings with equal demands represents them all: `tenants`, `settings_rival` and `plan_settings` must give the same
    result with or without the others. Every field that these functions read must therefore be in here.
    """
    if binding.spec is None:
        return None
    return (
        binding.namespace,
        settings_demand(binding.spec),
        binding.spec.gateway.kong_version,
        plugin_types(binding.spec),
        binding.spec.suspend,
        binding.deleting,
        names.FINALIZER in binding.finalizers,
    )


def settings_demand(spec: BindingSpec) -> Hashable:
    """The part of a spec that demands settings of its workload; bindings with equal parts cannot clash over it."""
    gateway = spec.gateway
    return (gateway.container, gateway.management, gateway.conflicts, gateway.untrusted_lua, needs_lua(spec))


def tenancy_of(binding: Binding) -> tuple[Hashable, ...]:
    """The fields of a binding that other bindings of its gateway depend on."""
    return binding.workload, demand(binding), seniority(binding)


def tenants(workload: Workload, bindings: Iterable[Binding]) -> tuple[tuple[Binding, BindingSpec], ...]:
    """The bindings that count for the workload's settings, each with its valid spec.

    They have `management: Apply`, are granted, and do not lose a clash of settings. First come those that name this workload, then those
    that name an object that Kong Operator makes from it, each group oldest first. Suspended ones count. One that is being deleted counts
    while it holds our finalizer, because until then its pre-function plugin may still be attached. Whether a binding is accepted in other
    respects does not matter: a passing clash must not restart the gateway.
    """
    counted = sorted((b for b in bindings if _counts(b, workload)), key=lambda b: (b.workload != workload.key, seniority(b)))
    winners: dict[str | None, str] = {}
    return tuple((b, b.spec) for b in counted if b.spec is not None and _wins(b, winners))


def _wins(binding: Binding, winners: dict[str | None, str]) -> bool:
    """Whether no older binding demanded another value in the same container; notes the first demand of each container."""
    lua = _lua_demand(binding)
    return lua is None or winners.setdefault(_container(binding), lua) == lua


def settings_rival(binding: Binding, others: Iterable[Binding], workload: Workload) -> Binding | None:
    """The older binding that demands another KONG_UNTRUSTED_LUA in the same container; None where this binding wins."""
    if not _counts(binding, workload) or _lua_demand(binding) is None:
        return None
    rivals = (b for b in (binding, *others) if _counts(b, workload) and _lua_demand(b) is not None and _container(b) == _container(binding))
    winner = min(rivals, key=seniority)
    return None if _lua_demand(winner) == _lua_demand(binding) else winner


def _counts(binding: Binding, workload: Workload) -> bool:
    named = next((member for member in workload.family() if member.key == binding.workload), None)
    if binding.spec is None or named is None or binding.spec.gateway.management != "Apply":
        return False
    released = binding.deleting and names.FINALIZER not in binding.finalizers
    return not released and (granted(binding, workload) or granted(binding, named))


def _lua_demand(binding: Binding) -> str | None:
    return needed_lua(binding.spec) if binding.spec else None


def _container(binding: Binding) -> str | None:
    return binding.spec.gateway.container if binding.spec else None
