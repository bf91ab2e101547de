"""The sentences of GatewayConfigured: what is wrong, where, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import Container, Workload

from .env import Observation, Setting, Standing
from .version import MINIMUM, SESSIONS_VERIFIED, Defect, Image, KongVersion

__all__ = [
    "configured",
    "conflict",
    "container_not_found",
    "control_plane",
    "duplicate",
    "from_source",
    "lua_switched_off",
    "lua_unknown",
    "managed_elsewhere",
    "missing",
    "not_found",
    "not_running",
    "not_watched",
    "pending",
    "rolling_out",
    "version_unknown",
    "version_unsupported",
]


def not_found(key: ObjectKey) -> str:
    """The workload does not exist."""
    return f"{key} (gateway.targetRef) does not exist. Correct the reference, or install the gateway; the binding goes on by itself."


def not_watched(key: ObjectKey) -> str:
    """The workload's namespace is outside of what the operator sees."""
    return f"The operator does not watch namespace {key.namespace}, so {key} cannot be seen. Ask its administrator to add the namespace."


def container_not_found(workload: Workload, wanted: str) -> str:
    """No such container; names those there are."""
    present = ", ".join(container.name for container in workload.containers)
    return f"{workload.key} has no container {wanted}. Set gateway.container to the one that runs Kong; there are: {present}."


def control_plane(workload: Workload, container: Container) -> str:
    """A control plane handles no traffic."""
    return (
        f"{workload.key}, container {container.name}, has KONG_ROLE=control_plane and handles no traffic. "
        "Set gateway.targetRef to the workload of the data plane."
    )


def version_unsupported(container: Container, image: Image) -> str:
    """Too old; names the open-source image as the likely mistake."""
    said = f"Image {container.image} is Kong {image.version}; GenAI spans need Kong Gateway Enterprise {MINIMUM} or later."
    cause = " It is Kong's open-source image, which never emits them (the default of Kong's Helm charts)." if image.open_source else ""
    return f"{said}{cause} Use an image such as kong/kong-gateway:{MINIMUM}."


def version_unknown(container: Container, image: Image) -> str:
    """Everything else is right, but nobody can tell whether this Kong emits GenAI spans."""
    said = f"The gateway runs with the needed settings, but image {container.image} does not tell Kong's version."
    hint = " It is named like Kong's open-source image, which never emits GenAI spans." if image.open_source else ""
    return f"{said}{hint} Use a version tag of {MINIMUM} or later, for example kong/kong-gateway:{MINIMUM} (a digest may follow it)."


def managed_elsewhere(workload: Workload, container: Container, lacking: tuple[Setting, ...]) -> str:
    """Kong Operator would undo any change."""
    return (
        f"Kong Operator owns {workload.key} and would undo changes. Set {_list(lacking)} in the DataPlane, "
        f'spec.deployment.podTemplateSpec.spec.containers[name="{container.name}"].env, or in its GatewayConfiguration.'
    )


def from_source(container: Container, found: tuple[Observation, ...]) -> str:
    """Values from elsewhere are not changed."""
    said = "comes from valueFrom, which is left alone"
    facts = " ".join(f"{_field(container, o.setting.name)} {said}; needed is {o.setting.value}." for o in found)
    return f"{facts} Replace valueFrom by a plain value, or remove the entry and let the operator set it."


def duplicate(container: Container, found: tuple[Observation, ...]) -> str:
    """An env entry listed twice cannot be applied."""
    facts = " ".join(f"{_field(container, o.setting.name)} is listed more than once." for o in found)
    return f"{facts} Remove all but one of the entries; the one left should be {_list(o.setting for o in found)}."


def conflict(container: Container, found: tuple[Observation, ...]) -> str:
    """Another manager's value differs."""
    facts = " ".join(f"{_present(container, o)}, needed is {o.setting.value}." for o in found)
    return f"{facts} {_remedy(o.setting for o in found)}, or gateway.conflicts: Override to have the operator take it over."


def lua_switched_off(container: Container, found: Observation) -> str:
    """Unmanaged, but switched off."""
    return (
        f"{_present(container, found)}, and gateway.untrustedLua is Unmanaged: requests would fail in the plugin for sessions. "
        f"{_remedy([Setting(found.setting.name, 'sandbox')])}, or sessions.mode: Disabled."
    )


def missing(container: Container, found: tuple[Observation, ...]) -> str:
    """Verify writes nothing: say what to set."""
    facts = " ".join(_lack(container, o) for o in found)
    remedy = _remedy(o.setting for o in found)
    return f"{facts} gateway.management is Verify, so nothing was changed. {remedy}, or gateway.management: Apply."


def pending(workload: Workload, lacking: tuple[Setting, ...], *, suspended: bool) -> str:
    """About to be written, unless suspended."""
    if suspended:
        return f"{workload.key} lacks {_list(lacking)}; nothing is applied while spec.suspend is true."
    return f"About to set {_list(lacking)} on {workload.key}; its pods are then replaced once."


def lua_unknown(container: Container, image: Image, value: str) -> str:
    """This Kong does not know the wanted value; its new pods would not start."""
    return (
        f"gateway.untrustedLua is {value}, which Kong knows from 3.14 on; container {container.name} runs {image.version}, whose pods "
        'would not start with it. Set gateway.untrustedLua to "on" or sandbox, or upgrade Kong.'
    )


def not_running(workload: Workload) -> str:
    """No pod serves."""
    return f"{workload.key} has no ready pod.{_detail(workload)} Look at its pods: kubectl -n {workload.key.namespace} get pods."


def rolling_out(workload: Workload) -> str:
    """Pods are being replaced."""
    return f"The pods of {workload.key} are being replaced.{_detail(workload)} Session grouping is attached when all run with the settings."


def configured(workload: Workload, version: KongVersion, defects: tuple[Defect, ...], *, sessions_unverified: bool) -> str:
    """The gateway works; with what is worth knowing about its version."""
    said = [f"{workload.key} runs Kong {version} with the needed settings."]
    said += [f"Before {d.fixed}, {d.effect}: upgrade to {d.fixed} or later." for d in defects]
    if sessions_unverified:
        verified = ", ".join(".".join(map(str, minor)) for minor in sorted(SESSIONS_VERIFIED))
        said.append(f"Session grouping is unverified on this version (verified: {verified}): check that calls form one session in Fiddler.")
    return " ".join(said)


def _field(container: Container, name: str) -> str:
    return f'spec.template.spec.containers[name="{container.name}"].env[name="{name}"]'


def _present(container: Container, found: Observation) -> str:
    return f"{_field(container, found.setting.name)}.value is {found.value or 'empty'}, set by {_managers(found)}"


def _managers(found: Observation) -> str:
    others = sorted(found.managers - {names.FIELD_MANAGER})
    shown = [f"{m} (this operator put an earlier value back)" if m == names.RESTORING_MANAGER else f"manager {m}" for m in others]
    return " and ".join(shown) or "an unknown manager"


def _lack(container: Container, found: Observation) -> str:
    if found.standing is Standing.ABSENT:
        return f"{_field(container, found.setting.name)} is missing, needed is {found.setting.value}."
    return f"{_present(container, found)}, needed is {found.setting.value}."


def _list(settings: Iterable[Setting]) -> str:
    return ", ".join(map(str, settings))


def _detail(workload: Workload) -> str:
    return f" {workload.rollout.message.rstrip('.')}." if workload.rollout.message else ""


def _remedy(settings: Iterable[Setting]) -> str:
    lines = [setting.helm_value for setting in settings]
    kong = ", ".join(f"env.{line}" for line in lines)
    ingress = ", ".join(f"gateway.env.{line}" for line in lines)
    return f"With Helm, set {kong} (chart kong) or {ingress} (chart ingress)"
