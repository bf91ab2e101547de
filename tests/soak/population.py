"""The population of the cluster: bindings in several namespaces, on shared gateways. Pure: manifests, no I/O."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.plan.kinds import BINDING, KINDS
from tests.integration.arena import changed

__all__ = ["GATEWAYS", "TARGETS", "Manifest", "Member", "Population", "gateway_manifest", "target_manifest"]

Manifest = dict[str, Any]

GATEWAYS: Final = "gateways"
"""The namespace of all gateways; each grants every namespace."""

TARGETS: Final = {"Service": "chat", "Ingress": "page"}
"""The shared objects of a namespace, with a user's plugin on each: name by kind."""

USERS_PLUGIN: Final = "rate-limit"

_IMAGE: Final = "kong/kong-gateway:3.13.0.3"


@dataclass(frozen=True)
class Member:
    """One binding that exists and is Ready at the end of each round."""

    number: int
    namespace: str
    gateway: str
    troubled: bool
    """Whether its endpoint is the one with faults."""
    attached: str = ""
    """The kind of the shared object it is attached to; "" if it exposes its own path."""

    @property
    def name(self) -> str:
        """The names of its children begin with it and a hyphen; no name is a prefix of another."""
        return f"b{self.number:02d}"

    @property
    def key(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{self.name}"

    @property
    def expose(self) -> Manifest:
        """A path that no other binding exposes."""
        return {"path": f"/{self.namespace}/{self.name}"}

    def binding(self, url: str, changes: Mapping[str, Any] | None = None) -> Manifest:
        """The binding, with `changes` at dotted paths below spec; `url` is its Fiddler."""
        spec = {
            "fiddler": {
                "url": url,
                "applicationId": str(uuid.uuid5(uuid.NAMESPACE_URL, self.name)),
                "apiKeySecretRef": {"name": f"fiddler-{self.number:02d}", "key": "api-key"},
            },
            "gateway": {"targetRef": {"namespace": GATEWAYS, "name": self.gateway}},
            "routes": [{"name": "openai", **self._place(), "llm": self._llm()}],
            "payloads": "Captured",
        }
        manifest = manifest_of(BINDING.name, self.namespace, self.name, spec=spec)
        return changed(manifest, {f"spec.{path}": value for path, value in (changes or {}).items()})

    def secret(self, whose: str, key: str) -> Manifest:
        """The Secret with its key at Fiddler (`fiddler`) or at its provider (`openai`)."""
        return manifest_of("Secret", self.namespace, f"{whose}-{self.number:02d}", stringData={"api-key": key})

    def _place(self) -> Manifest:
        if not self.attached:
            return {"expose": self.expose}
        return {"attachTo": {"kind": self.attached, "name": TARGETS[self.attached]}}

    def _llm(self) -> Manifest:
        return {
            "provider": "openai",
            "model": "gpt-4o-mini",
            "options": {"maxTokens": 512},
            "auth": {"secretRef": {"name": f"openai-{self.number:02d}", "key": "api-key"}},
        }


@dataclass(frozen=True)
class Population:
    """`size` bindings, spread over `teams` namespaces and `gateways` gateways; two of each namespace are attached to shared objects."""

    size: int
    teams: int = 4
    gateways: int = 3

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces of the bindings."""
        return tuple(f"team-{number}" for number in range(self.teams))

    @property
    def gateway_names(self) -> tuple[str, ...]:
        """The gateways."""
        return tuple(f"gateway-{number}" for number in range(self.gateways))

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """Every binding. The first two rows of them are attached, one of each namespace to its Service and one to its Ingress."""
        kinds = [kind for kind in TARGETS for _ in range(self.teams)]
        return tuple(
            Member(
                number,
                self.namespaces[number % self.teams],
                self.gateway_names[number % self.gateways],
                troubled=number // self.teams % 2 == 1,
                attached=kinds[number] if number < len(kinds) else "",
            )
            for number in range(self.size)
        )

    def of(self, namespace: str) -> tuple[Member, ...]:
        """The bindings of a namespace."""
        return tuple(member for member in self.members if member.namespace == namespace)


def manifest_of(kind: str, namespace: str, name: str, **content: Any) -> Manifest:
    """An object of a kind that the project knows."""
    return {"apiVersion": KINDS[kind].api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **content}


def gateway_manifest(name: str) -> Manifest:
    """A gateway as Kong's charts create it, with a grant for every namespace."""
    labels = {"app": name}
    pod = {"containers": [{"name": "proxy", "image": _IMAGE, "env": [{"name": "KONG_DATABASE", "value": "off"}]}]}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    return _annotated(manifest_of("Deployment", GATEWAYS, name, spec=spec), {names.GRANT_ANNOTATION: "*"})


def target_manifest(kind: str, namespace: str) -> Manifest:
    """The shared Service or Ingress of a namespace with its users' list of plugins. The Ingress has another Service as its backend."""
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {"http": {"paths": [{"path": f"/{namespace}/page", "pathType": "Prefix", "backend": backend}]}}
    spec = {"ports": [{"port": 80}]} if kind == "Service" else {"ingressClassName": "kong", "rules": [rule]}
    return _annotated(manifest_of(kind, namespace, TARGETS[kind], spec=spec), {names.KONG_PLUGINS_ANNOTATION: USERS_PLUGIN})


def furniture(namespace: str) -> Iterable[Manifest]:
    """Further objects of a namespace, which never change."""
    yield manifest_of("Service", namespace, "web", spec={"ports": [{"port": 80}]})
    yield manifest_of("KongPlugin", namespace, USERS_PLUGIN, plugin="rate-limiting", config={"minute": 5, "policy": "local"})


def _annotated(manifest: Manifest, annotations: Mapping[str, str]) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": dict(annotations)}}
