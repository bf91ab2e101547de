"""The writes to a gateway workload: the settings its bindings need, and the release of settings that no binding needs any more.

One server-side apply per workload, computed from all its bindings, so that N bindings cost one rollout. The operator sets only values that
no other manager provides: it does not write a value that another manager already set right, and it gives up its ownership of a value that
another manager sets as well (an owner who applies server-side, Helm 4 for example, could not change it otherwise). Giving up ownership of a
value with two owners changes no pod.

With `conflicts: Override` the apply takes over another manager's value by force. The same write records the former value in an annotation,
so no crash can lose it. The release then takes three writes, because server-side apply removes an entry that it no longer lists and does
not restore it:

1. a strategic merge patch under a field manager of its own (`names.RESTORING_MANAGER`) restores former values and deletes the entries that
   the operator added, so that pods are replaced once. The annotation stays. The API server has no such patch for custom resources: there
   a merge patch sends whole lists, as they were read (`spelled_out`). Fields that it does not change keep their managers.
2. an apply without these entries ends our ownership and removes the annotation. Nothing in the pod template changes.
3. a merge patch (`disowning_patch`) removes the restoring manager from managedFields: an owner who applies server-side could otherwise not
   change the value without forcing.

Each write can be repeated. After a crash between them the next plan is the same one, or the rest of it. The patch has a manager of its own
because under the operator's usual manager a restored value would look like one that the operator set, and could be overwritten later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.plan.workload import Container, Workload

from .env import BLOCKED, Observation, SettingState, needed_settings, observe_setting
from .operated import managed_elsewhere
from .process import is_unfit
from .tenancy import tenants
from .workload_kinds import WORKLOADS, WorkloadKind

__all__ = ["SettingsPlan", "disowning_patch", "lacks_values", "plan_settings", "spelled_out"]

_Entry = tuple[str, str]
"""(container, name of the env entry)."""


@dataclass(frozen=True, slots=True)
class SettingsPlan:
    """The writes for one workload: `restore`, then `apply`, then `disowning_patch` of the object that the API server returns."""

    apply: Manifest | None = field(default=None, repr=False)
    """A server-side apply, with field manager `names.FIELD_MANAGER`. Carries the uid, and where forced the resourceVersion."""
    restore: Manifest | None = field(default=None, repr=False)
    """A strategic merge patch, with field manager `names.RESTORING_MANAGER`. Carries uid and resourceVersion. For a custom resource, send
    it `spelled_out`."""
    force: bool = False
    """Force the apply: it takes over values of other managers, which it records."""
    kept: bool = False
    """Settings that none of the bindings needs stay, because others may need them."""

    @property
    def action(self) -> Literal["nothing", "apply", "release"]:
        """`apply` where the workload keeps settings, `release` where all of them are released."""
        if self.apply is None:
            return "nothing"
        return "apply" if "spec" in self.apply else "release"

    @property
    def settings(self) -> Any:
        """The settings of the apply, within the workload's spec; None where it lists none."""
        return (self.apply or {}).get("spec")


@dataclass(frozen=True, slots=True)
class _Desired:
    """The value that the operator will own in an entry; `former` is the other manager's value that it replaces now, if any."""

    value: str
    former: str | None = None


def plan_settings(
    workload: Workload, bindings: Iterable[Binding], kinds: Mapping[str, WorkloadKind] = WORKLOADS, *, unseen_tenants: bool = False
) -> SettingsPlan:
    """Plan the writes to one workload. `bindings` are all that name it, or an object that Kong Operator makes from it.

    Bindings that name such an object only keep settings that are present. Bindings that do not count (`tenants`) have no effect. With
    `unseen_tenants`, other bindings may need what is set: nothing is released.
    """
    if managed_elsewhere(workload) or workload.halted("promoting"):
        return SettingsPlan()
    kind = kinds[workload.key.kind]
    needed = _desired(workload, tenants(workload, bindings))
    held = {e: _Desired(value) for e, value in _values(workload).items() if unseen_tenants and _solely_ours(workload, e)}
    desired, kept = held | needed, not held.keys() <= needed.keys()
    recorded = _recorded(workload)
    former = _former(desired, recorded, workload)
    if _in_sync(workload, desired, recorded, former):
        return SettingsPlan(kept=kept)
    force = any(setting.former is not None for setting in desired.values())
    apply = _apply_manifest(kind, workload, desired, former, pinned=force)
    return SettingsPlan(apply, _restoring_patch(kind, workload, desired, recorded), force, kept)


def lacks_values(workload: Workload, plan: SettingsPlan) -> bool:
    """Whether the plan applies a value that the workload does not have."""
    values, pod = _values(workload), WORKLOADS[workload.key.kind].pod(plan.apply or {})
    return any(values.get((c["name"], entry["name"])) != entry["value"] for c in pod.get("containers") or () for entry in c["env"])


def disowning_patch(observed: Manifest) -> Manifest | None:
    """The JSON merge patch that ends the restoring manager's ownership of a workload; None where it owns nothing.

    `observed` is the workload as the API server returned it. The patch carries its resourceVersion, so that other managers' entries stay.
    """
    metadata = observed["metadata"]
    managed = metadata.get("managedFields") or []
    rest = [entry for entry in managed if entry.get("manager") != names.RESTORING_MANAGER]
    if len(rest) == len(managed):
        return None
    return {"metadata": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"], "managedFields": rest}}


def spelled_out(restore: Manifest, observed: Manifest, kind: WorkloadKind) -> Manifest:
    """A `restore` as a JSON merge patch of the observed object, with its containers complete. It fails on any other version of it."""
    changes = {c["name"]: {entry["name"]: entry for entry in c["env"]} for c in kind.pod(restore)["containers"]}
    containers = [_changed(container, changes.get(container["name"], {})) for container in kind.pod(observed).get("containers") or ()]
    return {"metadata": restore["metadata"], **kind.with_pod({"containers": containers})}


def _changed(container: Mapping[str, Any], changes: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A container with these entries of its env set, or deleted."""
    entries = ({**entry, **changes.get(entry["name"], {})} for entry in container.get("env") or ())
    env = [entry for entry in entries if "$patch" not in entry]
    rest = {field: value for field, value in container.items() if field != "env"}
    return rest | ({"env": env} if env else {})


def _in_sync(workload: Workload, desired: Mapping[_Entry, _Desired], recorded: Mapping[_Entry, str], former: Mapping[_Entry, str]) -> bool:
    """Whether the workload already is as the writes would make it."""
    if any(names.RESTORING_MANAGER in managers for managers in workload.env_managers.values()):
        return False
    if not desired:
        return not workload.borrowed
    held = {entry: value for entry, value in _values(workload).items() if _ours(workload, entry)}
    return held == {entry: setting.value for entry, setting in desired.items()} and recorded == former


def _desired(workload: Workload, counted: tuple[tuple[Binding, BindingSpec], ...]) -> dict[_Entry, _Desired]:
    """Every entry that the operator will own. The need of an active binding takes precedence over the value that a passive one keeps."""
    naming = ((b, spec) for b, spec in counted if b.workload == workload.key)
    overriding = frozenset(spec.gateway.container for _, spec in naming if spec.gateway.conflicts == "Override")
    present = _values(workload)
    kept: dict[_Entry, _Desired] = {}
    needed: dict[_Entry, _Desired] = {}
    for binding, spec in counted:
        container = workload.container(spec.gateway.container)
        if container is None:
            continue
        observations = [observe_setting(workload, container, setting) for setting in needed_settings(spec)]
        if _passive(binding, workload, container, observations, override=container.name in overriding):
            entries = ((container.name, o.setting.name) for o in observations if o.ours)
            kept |= {entry: _Desired(present[entry]) for entry in entries if entry in present}
        else:
            needed |= {(container.name, o.setting.name): _desired_value(o) for o in observations if not _set_by_others(o)}
    return kept | needed


def _passive(binding: Binding, workload: Workload, container: Container, observations: list[Observation], *, override: bool) -> bool:
    """Whether a binding only keeps present settings.

    It names an object that Kong Operator makes from the workload, or is suspended or being deleted; or the workload is scaled to 0; or a
    write could not make its gateway work.
    """
    spec = binding.spec
    if spec is None or spec.suspend or binding.deleting or binding.workload != workload.key or workload.halted("empty"):
        return True
    refused = BLOCKED if override else BLOCKED | {SettingState.FOREIGN, SettingState.HIDDEN}
    return is_unfit(spec, workload, container) or any(o.state in refused for o in observations)


def _set_by_others(observation: Observation) -> bool:
    return observation.state is SettingState.RIGHT and not observation.solely_ours


def _desired_value(observation: Observation) -> _Desired:
    if observation.state is SettingState.RIGHT:
        return _Desired(observation.value)
    former = observation.value if observation.state is SettingState.FOREIGN else None
    return _Desired(observation.setting.value, former)


def _recorded(workload: Workload) -> dict[_Entry, str]:
    """The former values in our annotation; parts of another form (a person edited it) are ignored."""
    try:
        content = orjson.loads(workload.former or "{}")
    except ValueError:
        return {}
    containers = content.items() if isinstance(content, dict) else ()
    return {
        (container, name): value
        for container, values in containers
        if isinstance(values, dict)
        for name, value in values.items()
        if isinstance(value, str)
    }


def _former(desired: Mapping[_Entry, _Desired], recorded: Mapping[_Entry, str], workload: Workload) -> dict[_Entry, str]:
    """The former values to record: those replaced now, and earlier ones while the operator still owns their entry."""
    kept = {entry: value for entry, value in recorded.items() if entry in desired and _ours(workload, entry)}
    return kept | {entry: setting.former for entry, setting in desired.items() if setting.former is not None}


def _restoring_patch(
    kind: WorkloadKind, workload: Workload, desired: Mapping[_Entry, _Desired], recorded: Mapping[_Entry, str]
) -> Manifest | None:
    """The patch that restores former values before the apply; None where there are none: the apply alone then releases the entries.

    A value that another manager has changed or also set since then stays.
    """
    released = [entry for entry in _values(workload) if entry not in desired and _solely_ours(workload, entry)]
    if not any(entry in recorded for entry in released):
        return None
    changes = {e: {"name": e[1], "value": recorded[e]} if e in recorded else {"name": e[1], "$patch": "delete"} for e in released}
    return {"metadata": _preconditions(workload, pinned=True), **kind.with_pod(_pod(changes))}


def _apply_manifest(
    kind: WorkloadKind, workload: Workload, desired: Mapping[_Entry, _Desired], former: Mapping[_Entry, str], *, pinned: bool
) -> Manifest:
    metadata: Manifest = {"name": workload.key.name, "namespace": workload.key.namespace, **_preconditions(workload, pinned=pinned)}
    if former:
        metadata["annotations"] = {names.FORMER_SETTINGS_ANNOTATION: _former_annotation(former)}
    manifest: Manifest = {"apiVersion": kind.kind.api_version, "kind": kind.kind.name, "metadata": metadata}
    if desired:
        manifest |= kind.with_pod(_pod({entry: {"name": entry[1], "value": setting.value} for entry, setting in desired.items()}))
    return manifest


def _former_annotation(former: Mapping[_Entry, str]) -> str:
    content: dict[str, dict[str, str]] = {}
    for (container, name), value in former.items():
        content.setdefault(container, {})[name] = value
    return json.dumps(content, sort_keys=True)


def _preconditions(workload: Workload, *, pinned: bool) -> dict[str, str]:
    """The uid, because an apply must never create a workload; the resourceVersion too where other managers' values were read before."""
    return {"uid": workload.uid} | ({"resourceVersion": workload.resource_version} if pinned else {})


def _pod(entries: Mapping[_Entry, dict[str, str]]) -> dict[str, Any]:
    env: dict[str, list[dict[str, str]]] = {}
    for (container, _), entry in sorted(entries.items(), key=lambda item: item[0]):
        env.setdefault(container, []).append(entry)
    return {"containers": [{"name": container, "env": entries} for container, entries in env.items()]}


def _values(workload: Workload) -> dict[_Entry, str]:
    return {(c.name, e.name): e.value or "" for c in workload.containers for e in c.env}


def _ours(workload: Workload, entry: _Entry) -> bool:
    return names.FIELD_MANAGER in workload.env_managers.get(entry, ())


def _solely_ours(workload: Workload, entry: _Entry) -> bool:
    return workload.env_managers.get(entry) == frozenset({names.FIELD_MANAGER})
