"""What is borrowed from a gateway workload: which settings are written to it, and how they are given back.

One server-side apply per workload, computed from all its bindings, so that N bindings cost one rollout. Only what nobody else provides is
borrowed: a value that is right and that somebody else sets is not written, and one that somebody else sets as well is let go (an owner who
applies server-side, Helm 4 for example, could not change it otherwise). Letting go of a value with two owners changes no pod.

With `conflicts: Override` a foreign value is taken over by force. The same write records it in an annotation, so no crash can lose it.
Giving back then takes three writes, because an entry that server-side apply drops is removed, not restored:

1. a strategic merge patch under a field manager of its own (`names.RESTORING_MANAGER`) puts former values back and deletes what we added,
   so that pods are replaced once. The annotation stays.
2. the apply without these entries drops our ownership and the annotation. Nothing in the pod template changes.
3. a merge patch (`disowning_patch`) takes the restoring manager out of managedFields, or an owner who applies server-side could not
   change the value any more without forcing.

Each write can be repeated, and after a crash between them the same plan or the rest of it follows again. The patch's own manager matters:
under ours, a restored value would look like one we set and could be overwritten later without asking.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from fiddler_kong_operator import names
from fiddler_kong_operator.api.v1alpha1 import BindingSpec
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.snapshot import Binding, Container, Workload

from .env import BLOCKED, Observation, Standing, is_control_plane, needed_settings, observe, unknown_lua
from .tenancy import managed_elsewhere, tenants
from .version import parse_image

__all__ = ["SettingsPlan", "disowning_patch", "plan_settings"]

_Entry = tuple[str, str]
"""(container, name of the env entry)."""


@dataclass(frozen=True, slots=True)
class SettingsPlan:
    """The writes for one workload: `restore`, then `apply`, then `disowning_patch` of the answer to it, where these exist."""

    apply: Manifest | None = field(default=None, repr=False)
    """A server-side apply, with field manager `names.FIELD_MANAGER`. Carries the uid, and where forced the resourceVersion."""
    restore: Manifest | None = field(default=None, repr=False)
    """A strategic merge patch, with field manager `names.RESTORING_MANAGER`. Carries uid and resourceVersion."""
    force: bool = False
    """Force the apply: it takes over values of other managers, which it records."""

    @property
    def action(self) -> Literal["nothing", "apply", "release"]:
        """`apply` where settings stay on the workload, `release` where everything is given back."""
        if self.apply is None:
            return "nothing"
        return "apply" if "spec" in self.apply else "release"

    @property
    def settings(self) -> Any:
        """What the apply sets, as part of a pod template; None where it sets nothing."""
        return (self.apply or {}).get("spec")


@dataclass(frozen=True, slots=True)
class _Claim:
    """A value to hold in an entry; `former` is the foreign value it replaces now, if any."""

    value: str
    former: str | None = None


def plan_settings(workload: Workload, bindings: Iterable[Binding]) -> SettingsPlan:
    """What to write to one workload, from all bindings that name it (those that do not count are left out here)."""
    if managed_elsewhere(workload):
        return SettingsPlan()
    claims = _claims(workload, tenants(workload, bindings))
    recorded = _recorded(workload)
    former = _former(claims, recorded, workload)
    if _settled(workload, claims, recorded, former):
        return SettingsPlan()
    force = any(claim.former is not None for claim in claims.values())
    return SettingsPlan(_apply_manifest(workload, claims, former, pinned=force), _restoring_patch(workload, claims, recorded), force)


def disowning_patch(observed: Manifest) -> Manifest | None:
    """The JSON merge patch that ends the restoring manager's ownership, from a workload as the API server returned it; None: not needed.

    Carries the resourceVersion, so that no other manager's entry is lost.
    """
    metadata = observed["metadata"]
    managed = metadata.get("managedFields") or []
    rest = [entry for entry in managed if entry.get("manager") != names.RESTORING_MANAGER]
    if len(rest) == len(managed):
        return None
    return {"metadata": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"], "managedFields": rest}}


def _settled(workload: Workload, claims: Mapping[_Entry, _Claim], recorded: Mapping[_Entry, str], former: Mapping[_Entry, str]) -> bool:
    """Whether the workload already is what the writes would make of it."""
    if any(names.RESTORING_MANAGER in managers for managers in workload.env_managers.values()):
        return False
    if not claims:
        return not workload.borrowed
    held = {entry: value for entry, value in _values(workload).items() if _ours(workload, entry)}
    return held == {entry: claim.value for entry, claim in claims.items()} and recorded == former


def _claims(workload: Workload, counted: tuple[tuple[Binding, BindingSpec], ...]) -> dict[_Entry, _Claim]:
    """Every entry we are to own. What an active binding wants precedes what a passive one merely keeps."""
    overriding = frozenset(spec.gateway.container for _, spec in counted if spec.gateway.conflicts == "Override")
    present = _values(workload)
    kept: dict[_Entry, _Claim] = {}
    wanted: dict[_Entry, _Claim] = {}
    for binding, spec in counted:
        container = workload.container(spec.gateway.container)
        if container is None:
            continue
        observations = [observe(workload, container, setting) for setting in needed_settings(spec)]
        if _passive(binding, container, observations, override=container.name in overriding):
            entries = ((container.name, o.setting.name) for o in observations if o.ours)
            kept |= {entry: _Claim(present[entry]) for entry in entries if entry in present}
        else:
            wanted |= {(container.name, o.setting.name): _claim(o) for o in observations if not _provided(o)}
    return kept | wanted


def _passive(binding: Binding, container: Container, observations: list[Observation], *, override: bool) -> bool:
    """Whether a binding only keeps what is there: it is paused or leaving, or writing could not make its gateway work."""
    paused = binding.deleting or (binding.spec is not None and binding.spec.suspend)
    image = parse_image(container.image)
    unfit = is_control_plane(container) or not image.supported or bool(binding.spec and unknown_lua(binding.spec, image.version))
    refused = BLOCKED if override else BLOCKED | {Standing.FOREIGN}
    return paused or unfit or any(o.standing in refused for o in observations)


def _provided(observation: Observation) -> bool:
    return observation.standing is Standing.RIGHT and not observation.solely_ours


def _claim(observation: Observation) -> _Claim:
    if observation.standing is Standing.RIGHT:
        return _Claim(observation.value)
    former = observation.value if observation.standing is Standing.FOREIGN else None
    return _Claim(observation.setting.value, former)


def _recorded(workload: Workload) -> dict[_Entry, str]:
    """The former values in our annotation; what is not of its form (somebody edited it) is left out."""
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


def _former(claims: Mapping[_Entry, _Claim], recorded: Mapping[_Entry, str], workload: Workload) -> dict[_Entry, str]:
    """What to record: values taken over now, and earlier ones as long as our value still stands in their place."""
    kept = {entry: value for entry, value in recorded.items() if entry in claims and _ours(workload, entry)}
    return kept | {entry: claim.former for entry, claim in claims.items() if claim.former is not None}


def _restoring_patch(workload: Workload, claims: Mapping[_Entry, _Claim], recorded: Mapping[_Entry, str]) -> Manifest | None:
    """The patch that precedes the apply where a former value is due; None otherwise: dropping ownership then does it all.

    A value that others changed or also set since is theirs and stays.
    """
    returned = [entry for entry in _values(workload) if entry not in claims and _solely_ours(workload, entry)]
    if not any(entry in recorded for entry in returned):
        return None
    changes = {e: {"name": e[1], "value": recorded[e]} if e in recorded else {"name": e[1], "$patch": "delete"} for e in returned}
    return {"metadata": _preconditions(workload, pinned=True), "spec": _pod_template(changes)}


def _apply_manifest(workload: Workload, claims: Mapping[_Entry, _Claim], former: Mapping[_Entry, str], *, pinned: bool) -> Manifest:
    metadata: Manifest = {"name": workload.key.name, "namespace": workload.key.namespace, **_preconditions(workload, pinned=pinned)}
    if former:
        metadata["annotations"] = {names.FORMER_SETTINGS_ANNOTATION: _former_annotation(former)}
    manifest: Manifest = {"apiVersion": "apps/v1", "kind": workload.key.kind, "metadata": metadata}
    if claims:
        manifest["spec"] = _pod_template({entry: {"name": entry[1], "value": claim.value} for entry, claim in claims.items()})
    return manifest


def _former_annotation(former: Mapping[_Entry, str]) -> str:
    content: dict[str, dict[str, str]] = {}
    for (container, name), value in former.items():
        content.setdefault(container, {})[name] = value
    return json.dumps(content, sort_keys=True)


def _preconditions(workload: Workload, *, pinned: bool) -> dict[str, str]:
    """The uid: an apply must never create a workload. The resourceVersion too where foreign values depend on what was read."""
    return {"uid": workload.uid} | ({"resourceVersion": workload.resource_version} if pinned else {})


def _pod_template(entries: Mapping[_Entry, dict[str, str]]) -> dict[str, Any]:
    env: dict[str, list[dict[str, str]]] = {}
    for (container, _), entry in sorted(entries.items(), key=lambda item: item[0]):
        env.setdefault(container, []).append(entry)
    return {"template": {"spec": {"containers": [{"name": container, "env": entries} for container, entries in env.items()]}}}


def _values(workload: Workload) -> dict[_Entry, str]:
    return {(c.name, e.name): e.value or "" for c in workload.containers for e in c.env}


def _ours(workload: Workload, entry: _Entry) -> bool:
    return names.FIELD_MANAGER in workload.env_managers.get(entry, ())


def _solely_ours(workload: Workload, entry: _Entry) -> bool:
    return workload.env_managers.get(entry) == frozenset({names.FIELD_MANAGER})
