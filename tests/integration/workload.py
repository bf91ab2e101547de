"""The gateway's workload: env, owners of values, rollouts, the operator's writes; and changes by other managers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from devcluster.audit import Mark, Write
from fiddler_kong_operator import names
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import KINDS
from tests.integration.arena import SETTINGS, Arena, Manifest

__all__ = ["HOLD", "INSTRUMENTATIONS", "LUA", "OPERATOR", "RATE", "Gateway"]

INSTRUMENTATIONS: Final = "KONG_TRACING_INSTRUMENTATIONS"
RATE: Final = "KONG_TRACING_SAMPLING_RATE"
LUA: Final = "KONG_UNTRUSTED_LUA"
OPERATOR: Final = frozenset({names.FIELD_MANAGER})
HOLD: Final = "devcluster/ready-after"
"""Annotation of a pod: the time until the simulated node makes it ready."""


@dataclass
class Gateway:
    """A workload in the arena's namespace."""

    arena: Arena
    name: str = "kong-gateway"
    kind: str = "Deployment"
    start: Mark = field(init=False)

    def __post_init__(self) -> None:
        """Remember this moment as the start of `writes`."""
        self.start = self.arena.mark()

    # State

    @property
    def raw(self) -> Manifest:
        """The object."""
        return self.arena.existing(self.kind, self.name)

    @property
    def entries(self) -> list[Manifest]:
        """The env of the first container, in order."""
        return list(WORKLOADS[self.kind].pod(self.raw)["containers"][0].get("env") or ())

    @property
    def env(self) -> dict[str, str]:
        """Values by name."""
        return {entry["name"]: entry.get("value", "") for entry in self.entries}

    @property
    def settings(self) -> dict[str, str]:
        """The present tracing settings."""
        return self.arena.settings(self.name, self.kind)

    def owners(self, setting: str) -> frozenset[str]:
        """The field managers that own a value."""
        return frozenset(entry["manager"] for entry in self.raw["metadata"]["managedFields"] if setting in self._owned_env(entry))

    @property
    def traces_of_us(self) -> list[str]:
        """Our field managers and annotations."""
        metadata = self.raw["metadata"]
        managers = [e["manager"] for e in metadata["managedFields"] if e["manager"].startswith(names.FIELD_MANAGER)]
        return managers + [key for key in metadata.get("annotations") or {} if key == names.FORMER_SETTINGS_ANNOTATION]

    @property
    def former(self) -> str | None:
        """The recorded former values."""
        return (self.raw["metadata"].get("annotations") or {}).get(names.FORMER_SETTINGS_ANNOTATION)

    @property
    def replica_sets(self) -> int:
        """The number of its pod templates so far, each of which has a ReplicaSet or a ControllerRevision."""
        histories = "replicasets" if self.kind == "Deployment" else "controllerrevisions"
        path = f"/apis/apps/v1/namespaces/{self.arena.namespace}/{histories}"
        owners = [s["metadata"]["ownerReferences"][0]["name"] for s in self.arena.stage.cluster.api.get(path)["items"]]
        return owners.count(self.name)

    @property
    def generation(self) -> int:
        """The generation of the spec."""
        generation: int = self.raw["metadata"]["generation"]
        return generation

    def writes(self, since: Mark | None = None) -> tuple[Write, ...]:
        """The operator's writes to it, including refused and unchanged ones, since the start of the test or a given moment."""
        found = self.arena.writes(since or self.start)
        return tuple(w for w in found if (w.resource, w.namespace, w.name) == (KINDS[self.kind].plural, self.arena.namespace, self.name))

    def codes(self) -> list[int]:
        """The HTTP status of each, without those for which somebody was faster (409): the operator tries again."""
        return [write.code for write in self.writes() if write.code != HTTPStatus.CONFLICT]

    # Changes by others

    def upgrade(self, env: Mapping[str, str], manager: str = "helm", *, force: bool = False) -> None:
        """Apply the whole gateway with these values, as Helm 4 does; ApiError (409) if another manager owns one with another value."""
        path = f"{self._path}?fieldManager={manager}&force={str(force).lower()}"
        manifest = self.arena.gateway(env=env, kind=self.kind, name=self.name)
        self.arena.stage.cluster.api.request("PATCH", path, manifest, "application/apply-patch+yaml")

    def edit(self, body: Manifest) -> None:
        """Strategic merge patch, as `kubectl edit` and `kubectl patch` do."""
        self.arena.stage.cluster.api.request(
            "PATCH", f"{self._path}?fieldManager=kubectl-edit", body, "application/strategic-merge-patch+json"
        )

    def set_env(self, *entries: Mapping[str, Any]) -> None:
        """Change entries of the env by hand; `$patch: delete` removes one."""
        self.edit({"spec": {"template": {"spec": {"containers": [{"name": "proxy", "env": list(entries)}]}}}})

    def drop(self, settings: Iterable[str] = SETTINGS) -> None:
        """Remove entries by hand."""
        self.set_env(*({"name": name, "$patch": "delete"} for name in settings))

    def hold(self, delay: str | None = "1h") -> None:
        """Delay the readiness of new pods; None removes the delay."""
        self.edit({"spec": {"template": {"metadata": {"annotations": {HOLD: delay}}}}})

    @property
    def _path(self) -> str:
        return KINDS[self.kind].path(self.arena.namespace, self.name)

    def _owned_env(self, entry: Mapping[str, Any]) -> set[str]:
        """Names of the env entries in a managedFields entry."""
        fields = WORKLOADS[self.kind].owned_pod_fields(entry.get("fieldsV1") or {})
        for step in ("f:containers", 'k:{"name":"proxy"}', "f:env"):
            fields = fields.get(step) or {}
        return {key.removeprefix('k:{"name":"').removesuffix('"}') for key, owned in fields.items() if "f:value" in owned}
