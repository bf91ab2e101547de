"""GatewayConfigured: whether the workload runs, fully rolled out, with the needed settings, on a Kong that can do it.

`ABSENCE` and `CHECKS` read like the specification: the first check that finds something decides, the order is the order in which a person
would repair things.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.api.v1alpha1 import BindingSpec
from fiddler_kong_operator.plan.snapshot import Container, Snapshot, Workload

from . import messages as say
from .env import UNTRUSTED_LUA, Observation, Setting, Standing, is_control_plane, lua_is_off, needed_settings, observe, unknown_lua
from .tenancy import granted, managed_elsewhere, tenants
from .version import Image, known_defects, parse_image, sessions_verified

__all__ = ["ABSENCE", "CHECKS", "GatewayView", "evaluate_gateway"]


@dataclass(frozen=True, slots=True)
class GatewayView:
    """What is found about the gateway; the reconciler replaces `finding` by GatewaySettingsReverted or GatewayWriteRefused on its own."""

    finding: Finding
    version: str | None = None
    image: str | None = None
    lua_ready: bool = False
    """The pre-function plugin may be attached: the settings are there and every pod runs with them."""
    lua_off: bool = False
    """The pre-function plugin must be detached: with KONG_UNTRUSTED_LUA=off every request through it fails. So too without a grant, since
    then the settings are given back, whatever they were."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A gateway that is there: what the checks look at."""

    spec: BindingSpec
    workload: Workload
    container: Container
    image: Image
    observations: tuple[Observation, ...]
    override: bool
    """A binding of this workload and container says `conflicts: Override`."""

    @property
    def applies(self) -> bool:
        """Whether the operator may write the settings."""
        return self.spec.gateway.management == "Apply"

    def standing(self, *standings: Standing) -> tuple[Observation, ...]:
        """The needed settings that stand so."""
        return tuple(o for o in self.observations if o.standing in standings)

    @property
    def unsettled(self) -> tuple[Observation, ...]:
        """The needed settings that are not right."""
        return tuple(o for o in self.observations if o.standing is not Standing.RIGHT)


def evaluate_gateway(snapshot: Snapshot) -> GatewayView:
    """Decide GatewayConfigured for one binding and whether its pre-function plugin may, or must not, be attached."""
    absent = next((found for check in ABSENCE if (found := check(snapshot))), None)
    if absent is not None:
        return GatewayView(absent, lua_off=not _allowed(snapshot))
    case = _case(snapshot)
    if isinstance(case, Finding):
        return GatewayView(case)
    obstacle = next((found for check in CHECKS if (found := check(case))), None)
    return GatewayView(
        finding=obstacle or _verdict(case),
        version=str(case.image.version) if case.image.version else None,
        image=case.container.image,
        lua_ready=obstacle is None,
        lua_off=lua_is_off(case.container),
    )


def _case(snapshot: Snapshot) -> _Case | Finding:
    spec, workload = snapshot.binding.spec, snapshot.workload
    if spec is None or workload is None:
        return _not_evaluated(snapshot)
    container = workload.container(spec.gateway.container)
    if container is None:
        return Finding(reason("GatewayContainerNotFound"), say.container_not_found(workload, spec.gateway.container))
    observations = tuple(observe(workload, container, setting) for setting in needed_settings(spec))
    override = any(
        s.gateway.conflicts == "Override" and s.gateway.container == container.name
        for _, s in tenants(workload, (snapshot.binding, *snapshot.siblings))
    )
    return _Case(spec, workload, container, parse_image(container.image), observations, override)


def _not_evaluated(_snapshot: Snapshot) -> Finding:
    return Finding(reason("GatewayNotEvaluated"), "Not looked at, because the binding was not accepted.")


# What keeps the gateway from being looked at.


def _not_readable(snapshot: Snapshot) -> Finding | None:
    return _not_evaluated(snapshot) if snapshot.binding.spec is None else None


def _not_watched(snapshot: Snapshot) -> Finding | None:
    key = snapshot.binding.workload
    if snapshot.workload_visible or key is None:
        return None
    return Finding(reason("GatewayNotFound"), say.not_watched(key))


def _not_there(snapshot: Snapshot) -> Finding | None:
    key = snapshot.binding.workload
    if snapshot.workload is not None or key is None:
        return None
    return Finding(reason("GatewayNotFound"), say.not_found(key))


def _not_granted(snapshot: Snapshot) -> Finding | None:
    """Nothing of a workload is shown to a namespace that its owner has not allowed."""
    return None if _allowed(snapshot) else _not_evaluated(snapshot)


def _allowed(snapshot: Snapshot) -> bool:
    return snapshot.workload is None or granted(snapshot.binding, snapshot.workload)


ABSENCE: Final[tuple[Callable[[Snapshot], Finding | None], ...]] = (_not_readable, _not_watched, _not_there, _not_granted)
"""What keeps the gateway from being looked at, in order."""


# What keeps the gateway from working.


def _control_plane(case: _Case) -> Finding | None:
    if not is_control_plane(case.container):
        return None
    return Finding(reason("GatewayControlPlaneOnly"), say.control_plane(case.workload, case.container))


def _version_unsupported(case: _Case) -> Finding | None:
    if case.image.supported:
        return None
    return Finding(reason("GatewayVersionUnsupported"), say.version_unsupported(case.container, case.image))


def _managed_elsewhere(case: _Case) -> Finding | None:
    """Kong Operator's workloads are fine where the settings are right already."""
    if not case.unsettled or not managed_elsewhere(case.workload):
        return None
    return Finding(reason("GatewayManagedElsewhere"), say.managed_elsewhere(case.workload, case.container, _settings(case.unsettled)))


def _from_source(case: _Case) -> Finding | None:
    found = case.standing(Standing.FROM_SOURCE)
    return Finding(reason("GatewaySettingFromSource"), say.from_source(case.container, found)) if found else None


def _duplicate(case: _Case) -> Finding | None:
    found = case.standing(Standing.DUPLICATE)
    return Finding(reason("GatewaySettingDuplicate"), say.duplicate(case.container, found)) if found else None


def _conflict(case: _Case) -> Finding | None:
    found = case.standing(Standing.FOREIGN)
    if not found or case.override or not case.applies:
        return None
    return Finding(reason("GatewaySettingConflict"), say.conflict(case.container, found))


def _lua_switched_off(case: _Case) -> Finding | None:
    """`untrustedLua: Unmanaged` leaves the setting to others, but with `off` session grouping cannot work."""
    unmanaged = case.spec.sessions.mode == "Header" and case.spec.gateway.untrusted_lua == "Unmanaged"
    if not unmanaged or not lua_is_off(case.container):
        return None
    found = observe(case.workload, case.container, Setting(UNTRUSTED_LUA, "on"))
    return Finding(reason("GatewaySettingConflict"), say.lua_switched_off(case.container, found))


def _lua_unknown(case: _Case) -> Finding | None:
    value = unknown_lua(case.spec, case.image.version)
    return Finding(reason("GatewaySettingUnsupported"), say.lua_unknown(case.container, case.image, value)) if value else None


def _missing(case: _Case) -> Finding | None:
    if not case.unsettled or case.applies:
        return None
    return Finding(reason("GatewaySettingsMissing"), say.missing(case.container, case.unsettled))


def _pending(case: _Case) -> Finding | None:
    if not case.unsettled:
        return None
    return Finding(reason("GatewayPending"), say.pending(case.workload, _settings(case.unsettled), suspended=case.spec.suspend))


def _not_running(case: _Case) -> Finding | None:
    if case.workload.rollout.ready:
        return None
    return Finding(reason("GatewayNotRunning"), say.not_running(case.workload))


def _rolling_out(case: _Case) -> Finding | None:
    if case.workload.rollout.complete:
        return None
    return Finding(reason("GatewayRollingOut"), say.rolling_out(case.workload))


CHECKS: Final[tuple[Callable[[_Case], Finding | None], ...]] = (
    _control_plane,
    _version_unsupported,
    _managed_elsewhere,
    _from_source,
    _duplicate,
    _conflict,
    _lua_switched_off,
    _lua_unknown,
    _missing,
    _pending,
    _not_running,
    _rolling_out,
)
"""What keeps a gateway that is there from working, in order."""


def _settings(observations: tuple[Observation, ...]) -> tuple[Setting, ...]:
    return tuple(o.setting for o in observations)


def _verdict(case: _Case) -> Finding:
    """The finding for a gateway that works: what is worth saying about its version."""
    version = case.image.version
    if version is None:
        return Finding(reason("GatewayVersionUnknown"), say.version_unknown(case.container, case.image))
    defects = known_defects(version)
    unverified = case.spec.sessions.mode == "Header" and not sessions_verified(version)
    name = "GatewayVersionAdvised" if any(d.visible for d in defects) else "GatewayConfigured"
    return Finding(reason(name), say.configured(case.workload, version, defects, sessions_unverified=unverified))
