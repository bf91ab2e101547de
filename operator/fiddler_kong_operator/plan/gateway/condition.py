"""GatewayConfigured: whether the workload runs, fully rolled out, with the needed settings, on a Kong that can do it.

The tables `ABSENCE` and `CHECKS` read like the specification: the first row that applies decides. The order is the order in which a person
would repair things.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.plan.plugins import PLUGINS
from fiddler_kong_operator.plan.snapshot import Snapshot
from fiddler_kong_operator.plan.workload import Container, Workload

from . import env
from .case import GatewayCase, make_case
from .env import SettingState
from .operated import managed_elsewhere
from .process import control_plane_elsewhere, has_kong_image, is_control_plane, is_controller, kong_elsewhere, lacking
from .running import is_allowed
from .verify_depth import verify_depth
from .version import MINIMUM, Defect
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
    """The finding about the gateway, which the reconciler replaces if its write of the settings fails, and facts for other decisions."""

    finding: Finding
    version: str | None = None
    image: str | None = None
    lua_ready: bool = False
    """The pre-function plugin may be attached: the settings are right and every pod runs with them."""
    lua_off: bool = False
    """The pre-function plugin must be detached: with KONG_UNTRUSTED_LUA=off every request through it fails, and a value that the operator
    cannot read may be off. The same holds without a grant, because the settings are then released and get back their former values."""
    refused_plugins: frozenset[str] = frozenset()
    """The types of our plugins, wanted or not, that some Kong of it does not have: with one of them, it refuses its whole configuration."""
    plugins_unknown: bool = False
    """It is not known which plugins each Kong has (a list, or a template, cannot be read, or no Kong is found): attach nothing new."""
    verify_depth: int | None = None
    """Intermediate certificates that its Kong accepts in a server's chain; None where that is not known."""
    defects: tuple[Defect, ...] = ()
    """The known defects of this Kong that concern the binding."""


def evaluate_gateway(snapshot: Snapshot, kinds: Mapping[str, WorkloadKind] = WORKLOADS) -> GatewayView:
    """Decide GatewayConfigured for one binding, and which of its plugins may, or must not, be attached."""
    case = make_case(snapshot, kinds)
    if case is None:
        _, finding = _first(ABSENCE, snapshot)
        return GatewayView(finding, lua_off=not is_allowed(snapshot), plugins_unknown=True)
    check, finding = _first(CHECKS, case)
    version = case.image.version
    return GatewayView(
        finding=finding,
        version=str(version) if version else None,
        image=case.container.image,
        lua_ready=check.works,
        lua_off=env.lua_is_off(case.container) or env.is_unread(case.container, env.UNTRUSTED_LUA),
        refused_plugins=frozenset(kind for container in case.running for kind in lacking(PLUGINS, container)),
        plugins_unknown=case.plugins_unknown,
        verify_depth=verify_depth(case.container, version),
        defects=case.defects,
    )


def _first(checks: tuple[Check[T], ...], subject: T) -> tuple[Check[T], Finding]:
    check, found = next((check, found) for check in checks if (found := check.when(subject)))
    return check, Finding(reason(check.reason), check.message.format(of=subject, found=found, minimum=MINIMUM))


def _controllers(snapshot: Snapshot) -> tuple[Container, ...]:
    return tuple(filter(is_controller, snapshot.workload.containers)) if snapshot.workload else ()


def _named(workload: Workload) -> str:
    """The containers, as a choice for `gateway.container`."""
    return ", ".join(f"{c.name} (Kong's image)" if has_kong_image(c) else c.name for c in workload.containers) or "none"


def _init_container(snapshot: Snapshot) -> str | None:
    spec, workload = snapshot.binding.spec, snapshot.workload
    return _named(workload) if spec and workload and spec.gateway.container in workload.init_containers else None


_NOT_EVALUATED: Final = "Not checked, because the binding was not accepted."
_UNUSED: Final = "runs no pod yet: no Gateway of a GatewayClass that names it in parametersRef has a DataPlane."
_CONTROLLER: Final = "runs Kong's controller, which handles no traffic and takes none of the settings."

ABSENCE: Final[tuple[Check[Snapshot], ...]] = (
    Check("GatewayNotEvaluated", lambda s: s.binding.spec is None, _NOT_EVALUATED),
    Check(
        "GatewayNotFound",
        lambda s: not s.workload_visible and s.binding.workload,
        "The operator does not watch namespace {found.namespace}, so {found} cannot be seen. Have its administrator add it (--namespaces).",
    ),
    Check(
        "GatewayNotFound",
        lambda s: not s.workload_installed and s.binding.workload and WORKLOADS[s.binding.workload.kind].kind,
        "The cluster does not know the kind {found.name} ({found.api_version}). Install Kong Operator, or correct gateway.targetRef.kind.",
    ),
    Check("GatewayNotReadable", lambda s: s.binding.workload and s.unread.get(s.binding.workload), "{found}. The operator tries again."),
    Check(
        "GatewayNotFound",
        lambda s: s.workload is None and s.binding.workload,
        "{found} (gateway.targetRef) does not exist. Correct the reference, or install the gateway; the operator then continues. "
        f"If it is not a {{found.kind}}, set gateway.targetRef.kind; the operator supports {', '.join(WORKLOADS)}.",
    ),
    Check("GatewayNotEvaluated", lambda s: not is_allowed(s), _NOT_EVALUATED),  # without a grant, tell nothing about the workload
    Check(
        "GatewayNotRunning", lambda s: s.workload and s.workload.operated and not s.workload.containers, f"{{of.workload.key}} {_UNUSED}"
    ),
    Check(
        "GatewayControllerOnly",
        lambda s: s.workload and len(_controllers(s)) == len(s.workload.containers) and _controllers(s),
        f"{{of.workload.key}} {_CONTROLLER} Set gateway.targetRef to the workload that runs Kong.",
    ),
    Check(
        "GatewayContainerNotFound",
        _init_container,
        "{of.binding.spec.gateway.container} is an init container of {of.workload.key}; these handle no traffic. "
        "Set gateway.container to the one that runs Kong; there are: {found}.",
    ),
    Check(
        "GatewayContainerNotFound",
        lambda s: s.workload and _named(s.workload),
        "{of.workload.key} has no container {of.binding.spec.gateway.container}. "
        "Set gateway.container to the one that runs Kong; there are: {found}.",
    ),
)
"""Why there is no gateway to check, in order."""

_OPEN_SOURCE: Final = "Kong's open-source image, which never emits"
_DEFAULT: Final = f"It is {_OPEN_SOURCE} them (the default of Kong's Helm charts)."
_NEEDED: Final = "GenAI spans need Kong Gateway Enterprise {minimum} or later."
_UNSUPPORTED: Final = f"Image {{of.container.image}} is Kong {{of.image.version}}; {_NEEDED}"
_STATED: Final = f"gateway.kongVersion says that the gateway runs Kong {{of.image.version}}; {_NEEDED} Correct it, or use a later image."
_USE: Final = "Use an image such as kong/kong-gateway:{minimum}."
_STATE: Final = "If the tag is not Kong's version, set gateway.kongVersion to it."
_UNKNOWN: Final = "image {of.container.image} does not tell Kong's version."
_TELL: Final = "Set gateway.kongVersion, or use kong/kong-gateway with a version tag of {minimum} or later (a digest may follow it)."
_RUNS: Final = "The gateway runs with the needed settings, but"
_WORKS: Final = "{of.workload.key} runs Kong {of.image.version} with the needed settings.{of.served}{of.advice}"
_LATER: Final = "Kong knows gateway.untrustedLua={found} from 3.14 on; the pods of an older one would not start with it."
_HALTED: Final = "The rollout of {of.workload.key} {found.shown}: pods may still run without the settings. {found.remedy}"

CHECKS: Final[tuple[Check[GatewayCase], ...]] = (
    Check(
        "GatewayControllerOnly",
        lambda c: is_controller(c.container),
        f"{{of.workload.key}}, container {{of.container.name}}, {_CONTROLLER} "
        "Set gateway.container, or gateway.targetRef, to where Kong runs.",
    ),
    Check(
        "GatewayContainerNotKong",
        lambda c: kong_elsewhere(c.spec, c.workload, c.container),
        "{of.workload.key}: container {of.container.name} runs {of.container.image}, while container {found.name} runs Kong's image. "
        "Set gateway.container to {found.name}; if {of.container.name} runs Kong too, set gateway.kongVersion.",
    ),
    Check(
        "GatewayControlPlaneOnly",
        lambda c: is_control_plane(c.container),
        "{of.workload.key}, container {of.container.name}, has KONG_ROLE=control_plane and handles no traffic. "
        "Set gateway.targetRef to the workload of the data plane.",
    ),
    Check(
        "GatewayControlledElsewhere",
        lambda c: control_plane_elsewhere(c.container),
        "{of.workload.key}, container {of.container.name}, has {found}: its plugins come from a control plane outside this cluster, never "
        "from KongPlugins. Configure Fiddler there, or name a gateway that Kong Ingress Controller configures.",
    ),
    Check(
        "GatewayVersionUnsupported",
        lambda c: not c.image.supported and c.image.at_hub and c.image.open_source,
        f"{_UNSUPPORTED} {_DEFAULT} {_USE}",
    ),
    Check("GatewayVersionUnsupported", lambda c: not c.image.supported and c.spec.gateway.kong_version == str(c.image.version), _STATED),
    Check("GatewayVersionUnsupported", lambda c: not c.image.supported and c.image.at_hub, f"{_UNSUPPORTED} {_USE}"),
    Check("GatewayVersionUnsupported", lambda c: not c.image.supported, f"{_UNSUPPORTED} {_USE} {_STATE}"),
    Check(
        "GatewayPluginsNotEnabled",
        lambda c: c.missing_plugins,
        "{of.workload.key}: {of.plugin_list}, without {found}. Kong would refuse its whole configuration, for all its users, so the "
        "operator attaches none of these. Set {of.wanted_list} (or add them to it). {of.wanted_list.remedy}.",
    ),
    # A workload of Kong Operator is fine where the settings are right already.
    Check(
        "GatewayManagedElsewhere",
        lambda c: managed_elsewhere(c.workload) and c.lacking,
        "Kong Operator owns {of.workload.key} and would undo changes. Set gateway.targetRef to {of.target}: this operator then sets "
        "{found} there. Or set them yourself. {found.remedy}.",
    ),
    Check(
        "GatewaySettingFromSource",
        lambda c: c.unread,
        "{of.workload.key}: {found} The operator opens no ConfigMap or Secret for this, so the values are unknown. Put plain values into "
        "env, in place of valueFrom and with precedence over envFrom: {found.wanted}.{found.choice}",
    ),
    Check(
        "GatewaySettingDuplicate",
        lambda c: c.in_state(SettingState.DUPLICATE),
        "{of.workload.key}: {found.duplicates} Leave one entry for each: {found}.",
    ),
    Check(
        "GatewaySettingConflict",
        lambda c: c.applies and not c.override and c.in_state(SettingState.FOREIGN),
        "{of.workload.key}: {found.lacks} {found.remedy}. Or set gateway.conflicts to Override, to have the operator take it over.",
    ),
    Check(
        "GatewaySettingConflict",
        lambda c: c.lua_unfit,
        "{of.workload.key}: {found.values}, and gateway.untrustedLua is Unmanaged: requests would fail in the pre-function plugin. "
        "{found.remedy}. Or set sessions.mode to Disabled, and leave attributes out.",
    ),
    Check(
        "GatewaySettingUnsupported",
        lambda c: env.unsupported_lua(c.spec, c.image.version),
        f"{_LATER} Container {{of.container.name}} runs {{of.image.version}}. "
        'Set gateway.untrustedLua to "on" or sandbox, or upgrade Kong.',
    ),
    Check("GatewayVersionUnknown", lambda c: env.unproven_lua(c.spec, c.image.version), f"{_LATER} The {_UNKNOWN} {_TELL}"),
    Check(
        "GatewaySettingsMissing",
        lambda c: not c.applies and c.lacking,
        "{of.workload.key}: {found.lacks} gateway.management is Verify, so nothing was changed. {found.remedy}. Or set it to Apply.",
    ),
    Check(
        "GatewayScaledToZero",
        lambda c: c.workload.halted("empty"),
        "{of.workload.key} {found.shown} and serves nothing; nothing is written to it. {found.remedy}",
    ),
    Check(
        "GatewayPending",
        lambda c: c.lacking and c.workload.halted("promoting"),
        "Nothing is written to {of.workload.key} now: what runs its pods {found.shown}. {found.remedy}",
    ),
    Check(
        "GatewayPending",
        lambda c: c.spec.suspend and c.lacking,
        "{of.workload.key} lacks {found}; nothing is applied while spec.suspend is true.",
    ),
    Check(
        "GatewayPending",
        lambda c: c.rival and c.lacking,
        "{of.workload.key} lacks {found}. Only the settings of the older binding {of.rival.namespace}/{of.rival.name} apply: use these.",
    ),
    Check("GatewayPending", lambda c: c.lacking, "About to set on {of.workload.key}: {found}. {of.replacement}{of.served}"),
    Check("GatewayNotRunning", lambda c: c.workload.halted("unscheduled"), "{of.workload.key} {found.shown}. {found.remedy}"),
    Check("GatewayNotReadable", lambda c: c.unseen, "{found}."),
    Check("GatewayNotRunning", lambda c: c.unmade, "{found}"),
    Check(
        "GatewayNotRunning",
        lambda c: c.down,
        "{found.key} has no ready pod. Look at its pods: kubectl -n {found.key.namespace} get pods.",
    ),
    Check("GatewayRolloutManual", lambda c: c.mixed and c.workload.halted("manual"), _HALTED),
    Check("GatewayRolloutPaused", lambda c: c.mixed and c.workload.halted("paused"), _HALTED),
    Check("GatewayRolloutStuck", lambda c: c.mixed and c.workload.halted("stuck"), _HALTED),
    Check(
        "GatewayRollingOut",
        lambda c: c.mixed,
        "The pods of {of.workload.key} are being replaced. The operator attaches {of.late_plugins} when all run with the settings.",
    ),
    Check(
        "GatewayVersionUnknown",
        lambda c: c.image.version is None and c.image.open_source,
        f"{_RUNS} {_UNKNOWN} It is {_OPEN_SOURCE} GenAI spans. {_TELL}",
        works=True,
    ),
    Check("GatewayVersionUnknown", lambda c: c.image.version is None, f"{_RUNS} {_UNKNOWN} {_TELL}", works=True),
    Check("GatewayVersionAdvised", lambda c: any(d.visible for d in c.defects), _WORKS, works=True),
    Check("GatewayConfigured", lambda _: True, _WORKS, works=True),
)
"""The faults of a gateway, in order; the last rows are for one that works."""
