"""The cluster as its users see it: they create and change objects, and check that everything works."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from anyio.from_thread import BlockingPortal
from pydantic import SecretStr

from devcluster.cluster import is_rolled_out
from devcluster.errors import ApiError
from devcluster.stage import Stage
from fiddler_kong_operator.api.conditions import ConditionType
from fiddler_kong_operator.plan.kinds import BINDING, KINDS
from fiddler_kong_sink.server import Sink
from fiddler_kong_sink.settings import SinkSettings
from tests.soak.population import GATEWAYS, TARGETS, Manifest, Member, Population, furniture, gateway_manifest, target_manifest

__all__ = ["KEYS", "Estate", "populated_estate"]

KEYS: Final = {"fiddler": "fdl_soak.0123456789ab", "openai": "sk-soak-0123456789abcdef"}
"""The valid keys."""

PATIENCE: Final = 180.0
"""Seconds that a condition may take on a busy machine."""

_POLL: Final = 0.2
_NOT_FOUND: Final = 404
_OWNED: Final = ("Secret", "Service", "Ingress", "KongPlugin")
_ASSIGNED: Final = ("clusterIP", "clusterIPs")


@dataclass
class Estate:
    """A population on a stage. `steady` is a Fiddler that always answers, `troubled` one with faults."""

    stage: Stage
    population: Population
    steady: Sink
    troubled: Sink

    # Actions of users

    def put(self, *manifests: Manifest) -> None:
        """Apply objects as `kubectl apply --server-side --force-conflicts` does."""
        for manifest in manifests:
            path = f"{_path(manifest)}?fieldManager=kubectl&force=true"
            self.stage.cluster.api.request("PATCH", path, manifest, "application/apply-patch+yaml")

    def patch(self, kind: str, namespace: str, name: str, body: Manifest) -> None:
        """Merge-patch an object if it exists."""
        self._unless_missing("PATCH", KINDS[kind].path(namespace, name), body, "application/merge-patch+json")

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object if it exists."""
        self._unless_missing("DELETE", KINDS[kind].path(namespace, name))

    def delete_namespace(self, namespace: str) -> None:
        """Delete a namespace without waiting."""
        self.stage.cluster.api.request("DELETE", f"/api/v1/namespaces/{namespace}")

    def put_gateway(self, name: str) -> None:
        """Apply a gateway in its original form."""
        self.put(gateway_manifest(name))

    def put_target(self, kind: str, namespace: str) -> None:
        """Apply a shared object in its original form, with its users' plugin list."""
        self.put(target_manifest(kind, namespace))

    def put_member(self, member: Member, changes: Manifest | None = None) -> None:
        """Apply a binding, with changes if any."""
        self.put(member.binding(self.url(member), changes))

    def put_again(self, member: Member) -> None:
        """Apply a binding in its original form, after waiting for the end of a deleted one with a finalizer."""

        def stays() -> bool:
            found = self.stage.cluster.api.get(BINDING.path(member.namespace, member.name))
            return found is None or "deletionTimestamp" not in found["metadata"]

        self.until(stays, f"the end of {member.key}")
        self.put_member(member)

    def put_keys(self, member: Member) -> None:
        """Apply a binding's valid keys."""
        self.put(*(member.secret(whose, key) for whose, key in KEYS.items()))

    def url(self, member: Member) -> str:
        """The URL of a binding's Fiddler."""
        return (self.troubled if member.troubled else self.steady).url

    def open(self) -> None:
        """Create the gateways and every namespace with its bindings."""
        self.stage.cluster.create_namespace(GATEWAYS)
        for name in self.population.gateway_names:
            self.put_gateway(name)
        for namespace in self.population.namespaces:
            self.make(namespace)

    def make(self, namespace: str) -> None:
        """Create a namespace with everything in it, after an earlier one of its name is gone."""
        self.until(lambda: self.stage.cluster.api.get(f"/api/v1/namespaces/{namespace}") is None, f"the end of {namespace}")
        self.stage.cluster.create_namespace(namespace)
        self.put(*furniture(namespace))
        for kind in TARGETS:
            self.put_target(kind, namespace)
        for member in self.population.of(namespace):
            self.put_keys(member)
            self.put_member(member)

    # State

    def unready(self) -> list[str]:
        """Bindings that are not Ready for their newest generation, and gateways that are not rolled out, each with its reason."""
        found = {self._key(item): item for item in self._items("FiddlerKongBinding")}
        stories = {member.key: _story(found.get(member.key)) for member in self.population.members}
        rolling = [self._key(item) for item in self._items("Deployment", GATEWAYS) if not is_rolled_out(item)]
        return [f"{key}: {story}" for key, story in stories.items() if story != "Ready"] + rolling

    def contents(self) -> dict[str, Any]:
        """The children, the lists of plugins and the gateways' env, comparable with those of another moment."""
        items = [item for kind in _OWNED for item in self._items(kind) if item["metadata"]["namespace"] in self.population.namespaces]
        children = {f"{item['kind']} {self._key(item)}": _essence(item) for item in items}
        gateways = {self._key(item): _env(item) for item in self._items("Deployment", GATEWAYS)}
        return {**children, **gateways}

    def until(self, holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait until the condition holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s; {self.unready()}"
            time.sleep(_POLL)

    def _items(self, kind: str, namespace: str | None = None) -> Iterable[Manifest]:
        return ({**item, "kind": kind} for item in self.stage.cluster.api.get(KINDS[kind].path(namespace))["items"])

    def _unless_missing(self, *request: Any) -> None:
        try:
            self.stage.cluster.api.request(*request)
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise

    @staticmethod
    def _key(item: Manifest) -> str:
        return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def _path(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return KINDS[manifest["kind"]].path(metadata["namespace"], metadata["name"])


def _story(binding: Manifest | None) -> str:
    """The reason of Ready for the newest generation, with its message unless it is True."""
    if binding is None:
        return "missing"
    status = binding.get("status") or {}
    if status.get("observedGeneration") != binding["metadata"]["generation"]:
        return "no status of its newest generation"
    ready = next(condition for condition in status["conditions"] if condition["type"] == ConditionType.READY)
    return "Ready" if ready["status"] == "True" and ready["reason"] == "Ready" else f"{ready['reason']}: {ready['message']}"


def _essence(item: Manifest) -> Manifest:
    """The fields of an object that clients set. A list of plugins is a set."""
    metadata = item["metadata"]
    annotations = {name: sorted(value.split(",")) for name, value in (metadata.get("annotations") or {}).items()}
    spec = {name: value for name, value in (item.get("spec") or {}).items() if name not in _ASSIGNED}
    kept: Manifest = {name: item[name] for name in ("config", "plugin", "data", "type") if name in item}
    return {"labels": metadata.get("labels"), "annotations": annotations, "spec": spec, **kept}


def _env(deployment: Manifest) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}


@contextmanager
def populated_estate(stage: Stage, portal: BlockingPortal, population: Population) -> Iterator[Estate]:
    """A population with its two endpoints, on a stage where an operator runs; returns without waiting."""
    settings = SinkSettings(api_key=SecretStr(KEYS["fiddler"]))
    with ExitStack() as stack:
        sinks = [stack.enter_context(portal.wrap_async_context_manager(Sink(settings))) for _ in range(2)]
        estate = Estate(stage, population, *sinks)
        estate.open()
        yield estate
