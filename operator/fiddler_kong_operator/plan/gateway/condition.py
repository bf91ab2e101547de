"""GatewayConfigured: whether the workload runs, fully rolled out, with the needed settings, on a Kong that can do it.

The tables `ABSENCE` and `CHECKS` read like the specification: the first row that applies decides. The order is the order in which a person
would repair things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.plan.snapshot import Container, Snapshot, Workload

from . import env
from .env import Observation, Observations, Setting, SettingState
from .tenancy import granted, managed_elsewhere, tenants
from .version import MINIMUM, SESSIONS_VERIFIED, Defect, Image, known_defects, parse_image, sessions_verified
from .workload_kinds import WORKLOADS, WorkloadKind

__all__ = ["ABSENCE", "CHECKS", "Check", "GatewayView", "evaluate_gateway"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check(Generic[T]):
    """One row of a table: it applies if `when` returns a truthy value."""

    reason: str
    when: Callable[[T], object]
    message: str
    """A format string: `of` is the subject of the check, `found` the value of `when`, `minimum` the oldest Kong that works."""
    works: bool = False
    """The gateway works although the row applies."""


@dataclass(frozen=True, slots=True)
class GatewayView:
    """The findings about the gateway. The reconciler replaces `finding` by GatewaySettingsReverted or GatewayWriteRefused on its own."""

    finding: Finding
    version: str | None = None
    image: str | None = None
    lua_ready: bool = False
    """The pre-function plugin may be attached: the settings are right and every pod runs with them."""
    lua_off: bool = False
    """The pre-function plugin must be detached: with KONG_UNTRUSTED_LUA=off every request through it fails. The same holds without a grant,
    because the settings are then released and get back their former values."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A gateway that exists, as the checks see it."""

    spec: BindingSpec
    kind: WorkloadKind
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

    @property
    def lacking(self) -> Observations:
        """The needed settings that are not right."""
        return self._observed(o for o in self.observations if o.state is not SettingState.RIGHT)

    def in_state(self, state: SettingState) -> Observations:
        """The needed settings in this state."""
        return self._observed(o for o in self.observations if o.state is state)

    @property
    def lua_switched_off(self) -> Observations | None:
        """KONG_UNTRUSTED_LUA=off where `untrustedLua: Unmanaged` leaves the setting to others: session grouping cannot work."""
        unmanaged = self.spec.sessions.mode == "Header" and self.spec.gateway.untrusted_lua == "Unmanaged"
        if not unmanaged or not env.lua_is_off(self.container):
            return None
        return self._observed([env.observe_setting(self.workload, self.container, Setting(env.UNTRUSTED_LUA, "sandbox"))])

    def _observed(self, observations: Iterable[Observation]) -> Observations:
        return Observations(tuple(observations), partial(self.kind.env_field, self.container.name))

    @property
    def defects(self) -> tuple[Defect, ...]:
        """Known defects of this Kong."""
        return known_defects(self.image.version) if self.image.version else ()

    @property
    def advice(self) -> str:
        """Facts worth knowing about a version that works."""
        said = [f" Before {d.fixed}, {d.effect}: upgrade to {d.fixed} or later." for d in self.defects]
        if self.image.version and self.spec.sessions.mode == "Header" and not sessions_verified(self.image.version):
            verified = ", ".join(".".join(map(str, minor)) for minor in sorted(SESSIONS_VERIFIED))
            said.append(
                f" Session grouping is unverified on this version (verified: {verified}): check that calls form one session in Fiddler."
            )
        return "".join(said)

    @property
    def progress(self) -> str:
        """The rollout's message as a sentence."""
        message = self.workload.rollout.message.rstrip(".")
        return f" {message}." if message else ""


def evaluate_gateway(snapshot: Snapshot, kinds: Mapping[str, WorkloadKind] = WORKLOADS) -> GatewayView:
    """Decide GatewayConfigured for one binding and whether its pre-function plugin may, or must not, be attached."""
    case = _case(snapshot, kinds)
    if case is None:
        _, finding = _first(ABSENCE, snapshot)
        return GatewayView(finding, lua_off=not _allowed(snapshot))
    check, finding = _first(CHECKS, case)
    version = case.image.version
    return GatewayView(finding, str(version) if version else None, case.container.image, check.works, env.lua_is_off(case.container))


def _first(checks: tuple[Check[T], ...], subject: T) -> tuple[Check[T], Finding]:
    check, found = next((check, found) for check in checks if (found := check.when(subject)))
    return check, Finding(reason(check.reason), check.message.format(of=subject, found=found, minimum=MINIMUM))


def _case(snapshot: Snapshot, kinds: Mapping[str, WorkloadKind]) -> _Case | None:
    """The gateway to check; None where a row of `ABSENCE` applies."""
    spec, workload = snapshot.binding.spec, snapshot.workload
    container = workload.container(spec.gateway.container) if spec and workload else None
    if spec is None or workload is None or container is None or not snapshot.workload_visible or not _allowed(snapshot):
        return None
    observations = tuple(env.observe_setting(workload, container, setting) for setting in env.needed_settings(spec))
    override = any(
        s.gateway.conflicts == "Override" and s.gateway.container == container.name
        for _, s in tenants(workload, (snapshot.binding, *snapshot.siblings))
    )
    return _Case(spec, kinds[workload.key.kind], workload, container, parse_image(container.image), observations, override)


def _allowed(snapshot: Snapshot) -> bool:
    return snapshot.workload is None or granted(snapshot.binding, snapshot.workload)


_NOT_EVALUATED: Final = "Not checked, because the binding was not accepted."

ABSENCE: Final[tuple[Check[Snapshot], ...]] = (
    Check("GatewayNotEvaluated", lambda s: s.binding.spec is None, _NOT_EVALUATED),
    Check(
        "GatewayNotFound",
        lambda s: not s.workload_visible and s.binding.workload,
        "The operator does not watch namespace {found.namespace}, so {found} cannot be seen. Ask its administrator to add the namespace.",
    ),
    Check("GatewayNotReadable", lambda s: s.binding.workload and s.unread.get(s.binding.workload), "{found}."),
    Check(
        "GatewayNotFound",
        lambda s: s.workload is None and s.binding.workload,
        "{found} (gateway.targetRef) does not exist. Correct the reference, or install the gateway; the operator then continues.",
    ),
    Check("GatewayNotEvaluated", lambda s: not _allowed(s), _NOT_EVALUATED),  # without a grant, tell nothing about the workload
    Check(
        "GatewayContainerNotFound",
        lambda s: s.workload and (", ".join(container.name for container in s.workload.containers) or "none"),
        "{of.workload.key} has no container {of.binding.spec.gateway.container}. "
        "Set gateway.container to the one that runs Kong; there are: {found}.",
    ),
)
"""Why there is no gateway to check, in order."""

_OPEN_SOURCE: Final = "Kong's open-source image, which never emits"
_UNSUPPORTED: Final = "Image {of.container.image} is Kong {of.image.version}; GenAI spans need Kong Gateway Enterprise {minimum} or later."
_USE: Final = "Use an image such as kong/kong-gateway:{minimum}."
_UNKNOWN: Final = "The gateway runs with the needed settings, but image {of.container.image} does not tell Kong's version."
_TAG: Final = "Use a version tag of {minimum} or later, for example kong/kong-gateway:{minimum} (a digest may follow it)."
_WORKS: Final = "{of.workload.key} runs Kong {of.image.version} with the needed settings.{of.advice}"

CHECKS: Final[tuple[Check[_Case], ...]] = (
    Check(
        "GatewayControlPlaneOnly",
        lambda c: env.is_control_plane(c.container),
        "{of.workload.key}, container {of.container.name}, has KONG_ROLE=control_plane and handles no traffic. "
        "Set gateway.targetRef to the workload of the data plane.",
    ),
    Check(
        "GatewayVersionUnsupported",
        lambda c: not c.image.supported and c.image.open_source,
        f"{_UNSUPPORTED} It is {_OPEN_SOURCE} them (the default of Kong's Helm charts). {_USE}",
    ),
    Check("GatewayVersionUnsupported", lambda c: not c.image.supported, f"{_UNSUPPORTED} {_USE}"),
    # A workload of Kong Operator is fine where the settings are right already.
    Check(
        "GatewayManagedElsewhere",
        lambda c: managed_elsewhere(c.workload) and c.lacking,
        "Kong Operator owns {of.workload.key} and would undo changes. Set {found} in the DataPlane, "
        'spec.deployment.podTemplateSpec.spec.containers[name="{of.container.name}"].env, or in its GatewayConfiguration.',
    ),
    Check(
        "GatewaySettingFromSource",
        lambda c: c.in_state(SettingState.FROM_SOURCE),
        "{found.sources} Replace valueFrom by a plain value, or remove the entry and let the operator set it.",
    ),
    Check(
        "GatewaySettingDuplicate",
        lambda c: c.in_state(SettingState.DUPLICATE),
        "{found.duplicates} Remove all but one of the entries; the one left should be {found}.",
    ),
    Check(
        "GatewaySettingConflict",
        lambda c: c.applies and not c.override and c.in_state(SettingState.FOREIGN),
        "{found.lacks} {found.helm}, or gateway.conflicts: Override to have the operator take it over.",
    ),
    Check(
        "GatewaySettingConflict",
        lambda c: c.lua_switched_off,
        "{found.values}, and gateway.untrustedLua is Unmanaged: requests would fail in the plugin for sessions. "
        "{found.helm}, or sessions.mode: Disabled.",
    ),
    Check(
        "GatewaySettingUnsupported",
        lambda c: env.unsupported_lua(c.spec, c.image.version),
        "gateway.untrustedLua is {found}, which Kong knows from 3.14 on; container {of.container.name} runs {of.image.version}, whose pods "
        'would not start with it. Set gateway.untrustedLua to "on" or sandbox, or upgrade Kong.',
    ),
    Check(
        "GatewaySettingsMissing",
        lambda c: not c.applies and c.lacking,
        "{found.lacks} gateway.management is Verify, so nothing was changed. {found.helm}, or gateway.management: Apply.",
    ),
    Check(
        "GatewayPending",
        lambda c: c.spec.suspend and c.lacking,
        "{of.workload.key} lacks {found}; nothing is applied while spec.suspend is true.",
    ),
    Check("GatewayPending", lambda c: c.lacking, "About to set {found} on {of.workload.key}; its pods are then replaced once."),
    Check(
        "GatewayNotRunning",
        lambda c: not c.workload.rollout.ready,
        "{of.workload.key} has no ready pod.{of.progress} Look at its pods: kubectl -n {of.workload.key.namespace} get pods.",
    ),
    Check(
        "GatewayRollingOut",
        lambda c: not c.workload.rollout.complete,
        "The pods of {of.workload.key} are being replaced.{of.progress} Session grouping is attached when all run with the settings.",
    ),
    Check(
        "GatewayVersionUnknown",
        lambda c: c.image.version is None and c.image.open_source,
        f"{_UNKNOWN} It is named like {_OPEN_SOURCE} GenAI spans. {_TAG}",
        works=True,
    ),
    Check("GatewayVersionUnknown", lambda c: c.image.version is None, f"{_UNKNOWN} {_TAG}", works=True),
    Check("GatewayVersionAdvised", lambda c: any(d.visible for d in c.defects), _WORKS, works=True),
    Check("GatewayConfigured", lambda _: True, _WORKS, works=True),
)
"""The faults of a gateway, in order; the last rows are for one that works."""
