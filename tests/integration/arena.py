"""One namespace of a test: creates objects there, and reads the operator's results, Kong's configuration and the audit log."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from devcluster.audit import Mark, Write, WriteLog
from devcluster.errors import ApiError
from devcluster.operator_process import USER, OperatorProcess
from devcluster.stage import APPLICATION_ID, Stage
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import BINDING, KINDS, KONG_PLUGIN
from tests.integration.pushed import Pushed

__all__ = ["SETTINGS", "Arena", "changed"]

Manifest = dict[str, Any]

SETTINGS: Final = {"KONG_TRACING_INSTRUMENTATIONS": "all", "KONG_TRACING_SAMPLING_RATE": "1.0", "KONG_UNTRUSTED_LUA": "on"}
"""The settings that the integration page demands of the gateway."""

IMAGE: Final = "kong/kong-gateway:3.13.0.3"
"""That of a gateway for which a test asks for no other: the version that the stand-in is."""

PATIENCE: Final = 120.0
"""Seconds that a condition may take on a busy machine."""

_UNCONFIRMED: Final = "Not confirmed: "
"""Part of the message of a binding that is Ready before Kong has taken the first route of its ingress class."""
_FURNITURE: Final = frozenset({"kube-root-ca.crt", "default"})
"""Objects that the controller manager creates in every namespace."""
_OPERATED: Final = "gateway-operator.konghq.com/managed-by"
"""A label of the objects that Kong Operator makes."""


def changed(manifest: Manifest, changes: Mapping[str, Any]) -> Manifest:
    """A copy with values set at dotted paths (`spec.routes.0.name`); None removes a field. `~1` means a slash, `~2` a dot."""
    result = copy.deepcopy(manifest)
    for path, value in changes.items():
        *parents, leaf = (step.replace("~1", "/").replace("~2", ".") for step in path.split("."))
        node: Any = result
        for step in parents:
            node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
        key = int(leaf) if isinstance(node, list) else leaf
        if value is None:
            del node[key]
        elif isinstance(node, list) and key == len(node):
            node.append(copy.deepcopy(value))
        else:
            node[key] = copy.deepcopy(value)
    return result


def _conditions(binding: Manifest | None) -> dict[str, Manifest]:
    status = (binding or {}).get("status") or {}
    return {condition["type"]: condition for condition in status.get("conditions") or ()}


@dataclass
class Arena:
    """A namespace. `put` and `create` remember the test's objects; a binding must own every other object in it."""

    stage: Stage
    operator: OperatorProcess
    namespace: str
    made: set[tuple[str, str]] = field(default_factory=set)
    poll: ClassVar[float] = 0.1
    """Seconds between two looks at an awaited condition."""
    confirms: ClassVar[bool] = True
    """Whether Kong's controller runs, which confirms routes."""

    # Objects of a test

    def open(self, *, image: str = IMAGE, provided: bool = False) -> None:
        """Create the namespace, its gateway and the Secrets; bindings of a provided gateway find its settings and wait for no rollout."""
        self.stage.cluster.create_namespace(self.namespace)
        self.put(
            self.gateway(image, SETTINGS if provided else None),
            self.secret("fiddler", self.stage.keys.fiddler),
            self.secret("openai", self.stage.keys.provider),
        )
        self.stage.cluster.wait_rolled_out(self.namespace, "kong-gateway", PATIENCE)

    def close(self) -> None:
        """Delete the bindings while the operator runs, then what the test made, without waiting for its end.

        The namespace stays: the controller manager would need some 140 requests to find it empty.
        """
        self.stage.cluster.api.request("DELETE", self.path(BINDING.name))
        self.until(lambda: self.all_of(BINDING.name) == [], f"the end of the bindings in {self.namespace}", 30)
        for kind, name in self.made:
            self._remove(kind, name)

    def gateway(
        self,
        image: str = IMAGE,
        env: Mapping[str, str] | None = None,
        kind: str = "Deployment",
        name: str = "kong-gateway",
    ) -> Manifest:
        """A gateway as Kong's charts make it, or an object of Kong Operator; its pods become ready on the simulated node."""
        labels = {"app": name}
        entries = [{"name": name, "value": value} for name, value in {"KONG_DATABASE": "off", **(env or {})}.items()]
        pod = {"containers": [{"name": "proxy", "image": image, "env": entries}]}
        row = WORKLOADS[kind]
        if row.operated:
            return self.manifest(row.kind.api_version, kind, name, **row.with_pod(pod))
        size = {} if kind == "DaemonSet" else {"replicas": 1}
        spec = {**size, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
        return self.manifest("apps/v1", kind, name, spec=spec)

    def secret(self, name: str, key: str) -> Manifest:
        """A Secret with one key, `api-key`."""
        return self.manifest("v1", "Secret", name, stringData={"api-key": key})

    def binding(self, changes: Mapping[str, Any] | None = None, name: str = "assistant") -> Manifest:
        """The quick start's binding for this namespace, with `changes` at dotted paths below spec."""
        route = {
            "name": "openai",
            "expose": {"path": f"/{self.namespace}"},
            "llm": {
                "provider": "openai",
                "model": "gpt-4o-mini",
                "options": {"maxTokens": 512, "temperature": 0.7},
                "auth": {"secretRef": {"name": "openai", "key": "api-key"}},
            },
        }
        spec = {
            "fiddler": {
                "url": self.stage.sink.url,
                "applicationId": APPLICATION_ID,
                "apiKeySecretRef": {"name": "fiddler", "key": "api-key"},
            },
            "gateway": {"targetRef": {"name": "kong-gateway"}},
            "routes": [route],
            "payloads": "Captured",
        }
        manifest = self.manifest("integrations.fiddler.ai/v1alpha1", "FiddlerKongBinding", name, spec=spec)
        return changed(manifest, {f"spec.{path}": value for path, value in (changes or {}).items()})

    def manifest(self, api_version: str, kind: str, name: str, **content: Any) -> Manifest:
        """An object of this namespace."""
        return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": self.namespace}, **content}

    # Actions of a test

    def put(self, *manifests: Manifest, manager: str = "kubectl") -> None:
        """Apply objects as the administrator, server-side and by force, under the given field manager."""
        for manifest in manifests:
            self._remember(manifest)
            path = f"{self.path(manifest['kind'], manifest['metadata']['name'])}?fieldManager={manager}&force=true"
            self.stage.cluster.api.request("PATCH", path, manifest, "application/apply-patch+yaml")

    def create(self, manifest: Manifest) -> Manifest:
        """Create an object; ApiError if it is refused."""
        self._remember(manifest)
        created: Manifest = self.stage.cluster.api.request("POST", self.path(manifest["kind"]), manifest)
        return created

    def patch(self, kind: str, name: str, body: Manifest) -> Manifest:
        """Merge-patch an object like `kubectl patch --type=merge`."""
        patched: Manifest = self.stage.cluster.api.request("PATCH", self.path(kind, name), body, "application/merge-patch+json")
        return patched

    def delete(self, kind: str, name: str) -> None:
        """Delete an object without waiting for its end."""
        self.made.discard((kind, name))
        self.stage.cluster.api.request("DELETE", self.path(kind, name))

    # State

    def path(self, kind: str, name: str = "") -> str:
        """URL path of an object of this namespace, or of the collection."""
        return KINDS[kind].path(self.namespace, name)

    def get(self, kind: str, name: str) -> Manifest | None:
        """An object; None if it does not exist."""
        found: Manifest | None = self.stage.cluster.api.get(self.path(kind, name))
        return found

    def existing(self, kind: str, name: str) -> Manifest:
        """An object that must exist."""
        found = self.get(kind, name)
        assert found is not None, f"{kind} {self.namespace}/{name} does not exist"
        return found

    def all_of(self, kind: str) -> list[Manifest]:
        """Every object of a kind in this namespace; none of a kind that is not installed."""
        answer = self.stage.cluster.api.get(self.path(kind)) or {"items": []}
        return [{**item, "kind": kind} for item in answer["items"]]

    def conditions(self, name: str = "assistant") -> dict[str, Manifest]:
        """The conditions of a binding by type; {} while there are none."""
        return _conditions(self.get("FiddlerKongBinding", name))

    def settings(self, gateway: str = "kong-gateway", kind: str = "Deployment") -> dict[str, str]:
        """The tracing settings on the gateway's first container."""
        env = WORKLOADS[kind].pod(self.existing(kind, gateway))["containers"][0].get("env") or []
        return {entry["name"]: entry.get("value", "") for entry in env if entry["name"] in SETTINGS}

    def pushed(self) -> Pushed:
        """The part of Kong's last configuration that comes from this namespace."""
        return Pushed.of(self.stage.gateway.config, self.namespace)

    # Waiting

    def until(self, holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait until the condition holds; AssertionError with the conditions of all bindings after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            self.tend()
            if holds():
                return
            if time.monotonic() > deadline:
                bindings = [binding["metadata"]["name"] for binding in self.all_of("FiddlerKongBinding")]
                seen = json.dumps({name: self._story(name) for name in bindings}, indent=1)
                raise AssertionError(f"{what}: not within {seconds:.0f} s. Bindings: {seen}\n{self.operator.log[-3000:]}")
            time.sleep(self.poll)

    def tend(self) -> None:
        """Called before each look at an awaited condition; does nothing here."""

    def until_condition(self, kind: str, status: str, reason: str, name: str = "assistant", seconds: float = PATIENCE) -> Manifest:
        """Wait for a condition of a binding, for its newest generation; returns it."""

        def holds() -> bool:
            found = self.get("FiddlerKongBinding", name)
            condition = _conditions(found).get(kind, {})
            wanted = (status, reason, found["metadata"]["generation"]) if found else None
            return (condition.get("status"), condition.get("reason"), condition.get("observedGeneration")) == wanted

        self.until(holds, f"{kind}={status} ({reason}) of {self.namespace}/{name}", seconds)
        return self.conditions(name)[kind]

    def until_ready(self, name: str = "assistant", seconds: float = PATIENCE) -> Manifest:
        """Wait until a binding is Ready and Kong has confirmed its routes, which the first of a cluster do not wait for."""
        self.until_condition("Ready", "True", "Ready", name, seconds)
        if self.confirms:
            self.until(lambda: _UNCONFIRMED not in self.conditions(name)["PluginsProgrammed"]["message"], f"Kong's word on {name}", seconds)
        return self.conditions(name)["Ready"]

    def until_gone(self, kind: str, name: str, seconds: float = PATIENCE) -> None:
        """Wait until an object is deleted."""
        self.until(lambda: self.get(kind, name) is None, f"the end of {kind} {self.namespace}/{name}", seconds)

    def until_pushed(self, holds: Callable[[Pushed], bool], what: str, seconds: float = PATIENCE) -> Pushed:
        """Wait until Kong's configuration meets the condition; returns it."""
        self.until(lambda: holds(self.pushed()), f"pushed to Kong: {what}", seconds)
        return self.pushed()

    def mark(self) -> Mark:
        """The present moment in the API server's audit log."""
        return self._log.mark()

    def writes(self, since: Mark) -> tuple[Write, ...]:
        """The operator's writes since then in any namespace, including refused and unchanged ones, without its Lease and dry runs."""
        self._log.mark()
        try:
            found = self._log.writes(user=USER, since=since)
        except KeyError:  # a further write arrived while the log waited for earlier answers
            return self.writes(since)
        return tuple(write for write in found if write.resource != "leases" and not write.dry_run)

    def until_quiet(self, seconds: float = 2.0, patience: float = PATIENCE) -> None:
        """Wait until the operator has written nothing for `seconds`."""
        deadline = time.monotonic() + patience
        mark, since = self.mark(), time.monotonic()
        while time.monotonic() - since < seconds:
            assert time.monotonic() < deadline, f"the operator never stops writing: {[str(w) for w in self.writes(mark)]}"
            time.sleep(self.poll)
            if self.writes(mark):
                mark, since = self.mark(), time.monotonic()

    def check_contents(self) -> None:
        """Fail on any object that the test did not create and no existing binding owns."""
        alive = {b["metadata"]["uid"] for b in self.all_of("FiddlerKongBinding")}
        kinds = ("Secret", "Service", "Ingress", "HTTPRoute", KONG_PLUGIN.name, *WORKLOADS)
        strangers = [
            f"{item['kind']} {item['metadata']['name']}"
            for kind in kinds
            for item in self.all_of(kind)
            if (kind, item["metadata"]["name"]) not in self.made
            and item["metadata"]["name"] not in _FURNITURE
            and _OPERATED not in (item["metadata"].get("labels") or {})
            and not alive.intersection(o["uid"] for o in item["metadata"].get("ownerReferences") or ())
            and "deletionTimestamp" not in item["metadata"]
        ]
        orphans = [text for text in strangers if not self._is_collected(text)]
        assert orphans == [], f"unexpected objects in {self.namespace}"

    @property
    def _log(self) -> WriteLog:
        return self.stage.cluster.write_log()

    def _is_collected(self, text: str) -> bool:
        """Whether the garbage collector deletes an object without an existing owner, given time."""
        kind, _, name = text.partition(" ")
        try:
            self.until_gone(kind, name)
        except AssertionError:
            return False
        return True

    def _story(self, name: str) -> list[str]:
        return [f"{c['type']}={c['status']} {c['reason']}: {c['message']}" for c in self.conditions(name).values()]

    def _remove(self, kind: str, name: str) -> None:
        self.stage.cluster.api.delete(self.path(kind, name))

    def _remember(self, manifest: Manifest) -> None:
        self.made.add((manifest["kind"], manifest["metadata"]["name"]))

    def refused(self, manifest: Manifest) -> str:
        """The API server's message when it refuses an object; AssertionError if it accepts it."""
        try:
            self.create(manifest)
        except ApiError as error:
            self.made.discard((manifest["kind"], manifest["metadata"]["name"]))
            return str(error)
        raise AssertionError(f"{manifest['kind']} was accepted")
