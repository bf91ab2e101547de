"""Raw objects as an API server sends them. Everything is in namespace `ai` unless a test says otherwise."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import KINDS

LLM = {"provider": "openai", "model": "gpt-4o-mini", "auth": {"secretRef": {"name": "openai", "key": "api-key"}}}
EXPOSED = {"name": "openai", "expose": {"path": "/openai"}, "llm": LLM}
ATTACHED = {"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}}
ASSISTANT = ObjectKey("FiddlerKongBinding", "ai", "assistant")
GATEWAY = ObjectKey("Deployment", "kong", "gateway")
FIDDLER = ObjectKey("Secret", "ai", "fiddler")
OPENAI = ObjectKey("Secret", "ai", "openai")
CHAT = ObjectKey("Service", "ai", "chat")


def key(raw: Manifest) -> ObjectKey:
    """Identity of a raw object."""
    return KINDS[raw["kind"]].key(raw)


def spec(*routes: Mapping[str, Any], gateway: Mapping[str, Any] | None = None, **fields: Any) -> Manifest:
    """A valid spec with these routes (one exposed route when none)."""
    fiddler = {
        "url": "https://acme.fiddler.ai",
        "applicationId": "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11",
        "apiKeySecretRef": {"name": "fiddler", "key": "api-key"},
    }
    target = {"targetRef": {"name": GATEWAY.name, "namespace": GATEWAY.namespace}}
    return {"fiddler": fiddler, "gateway": {**target, **(gateway or {})}, "routes": list(routes or (EXPOSED,)), **fields}


def raw_object(kind: str, name: str, version: int = 1, content: Manifest | None = None, **metadata: Any) -> Manifest:
    """Any object; its uid follows from kind and name unless it is given."""
    known = KINDS[kind]
    place = {"namespace": "ai"} if known.namespaced else {}
    identity = {"name": name, **place, "uid": f"uid-{kind}-{name}", "resourceVersion": str(version), **metadata}
    return {"apiVersion": known.api_version, "kind": kind, "metadata": identity, **(content or {})}


def binding(name: str = "assistant", version: int = 1, spec_: Any = None, **metadata: Any) -> Manifest:
    """A binding whose uid is `uid-NAME`."""
    given = {"uid": f"uid-{name}", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z", **metadata}
    return raw_object("FiddlerKongBinding", name, version, {"spec": spec() if spec_ is None else spec_}, **given)


def secret(name: str = "fiddler", version: int = 1, value: bytes = b"the-key", **metadata: Any) -> Manifest:
    """A Secret with one entry, `api-key`."""
    return raw_object("Secret", name, version, {"type": "Opaque", "data": {"api-key": base64.b64encode(value).decode()}}, **metadata)


def service(name: str = "chat", version: int = 1, plugins: str | None = None, **metadata: Any) -> Manifest:
    """A Service that carries these plugins."""
    listed = {"annotations": {names.KONG_PLUGINS_ANNOTATION: plugins}} if plugins is not None else {}
    return raw_object("Service", name, version, {"spec": {"type": "ClusterIP"}}, **{**listed, **metadata})


def ingress(
    name: str = "shop",
    version: int = 1,
    *paths: tuple[str, str],
    ingress_class: str | None = "kong",
    plugins: str | None = None,
    address: str | None = None,
    **metadata: Any,
) -> Manifest:
    """An Ingress that serves these (host, path) pairs; Kong's controller has given it that address."""
    listed = {"annotations": {names.KONG_PLUGINS_ANNOTATION: plugins}} if plugins is not None else {}
    rules = [{"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix"}]}} for host, path in paths]
    status = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}} if address else {}
    content = {"spec": {"ingressClassName": ingress_class, "rules": rules}, **status}
    return raw_object("Ingress", name, version, content, **{**listed, **metadata})


def http_route(
    name: str,
    version: int = 1,
    *services: str,
    plugins: str | None = None,
    hostnames: Sequence[str] = (),
    paths: Sequence[str] = (),
    **metadata: Any,
) -> Manifest:
    """An HTTPRoute with one rule that leads to these Services."""
    listed = {"annotations": {names.KONG_PLUGINS_ANNOTATION: plugins}} if plugins is not None else {}
    matches = [{"path": {"type": "PathPrefix", "value": path}} for path in paths]
    rules = [{"matches": matches, "backendRefs": [{"name": service, "port": 80} for service in services]}]
    content = {"spec": {"parentRefs": [{"name": "kong"}], "hostnames": list(hostnames), "rules": rules}}
    return raw_object("HTTPRoute", name, version, content, **{**listed, **metadata})


def leading(raw: Manifest, *services: str) -> Manifest:
    """The same Ingress with paths that lead to these Services."""
    paths = [{"path": f"/{name}", "pathType": "Prefix", "backend": {"service": {"name": name}}} for name in services]
    return {**raw, "spec": {**raw["spec"], "rules": [{"http": {"paths": paths}}]}}


def plugin(name: str = "rate-limit", version: int = 1, type_: str = "rate-limiting", **metadata: Any) -> Manifest:
    """A KongPlugin."""
    return raw_object("KongPlugin", name, version, {"plugin": type_, "config": {"minute": 5}}, **metadata)


def reference_grant(
    namespace: str,
    plugin: str | None = None,
    source: Manifest | None = None,
    to: tuple[str, str] = ("configuration.konghq.com", "KongPlugin"),
) -> Manifest:
    """A ReferenceGrant by which Services of `ai` may name plugins of its namespace."""
    named = {"group": to[0], "kind": to[1], **({"name": plugin} if plugin else {})}
    content = {"spec": {"from": [{"group": "", "kind": "Service", "namespace": "ai", **(source or {})}], "to": [named]}}
    return raw_object("ReferenceGrant", "grant", 1, content, namespace=namespace)


def consumer(
    name: str, version: int = 1, plugins: str | None = None, kind: str = "KongConsumer", ingress_class: str | None = "kong", **metadata: Any
) -> Manifest:
    """A KongConsumer or KongConsumerGroup of namespace `shop`."""
    named = {names.KONG_PLUGINS_ANNOTATION: plugins, "kubernetes.io/ingress.class": ingress_class}
    annotations = {name: value for name, value in named.items() if value is not None}
    return raw_object(kind, name, version, **{"namespace": "shop", "annotations": annotations, **metadata})


def cluster_plugin(name: str, version: int = 1, type_: str = "prometheus", ingress_class: str = "kong", **metadata: Any) -> Manifest:
    """A global KongClusterPlugin."""
    given = {"annotations": {"kubernetes.io/ingress.class": ingress_class}, "labels": {"global": "true"}, **metadata}
    return raw_object("KongClusterPlugin", name, version, {"plugin": type_}, **given)


def warning(
    about: str, version: int = 1, seconds: float = 0, message: str = "invalid", name: str = "event", kind: str = "KongPlugin"
) -> Manifest:
    """Kong's complaint about a plugin or another object, stored that many seconds (below an hour) after midnight."""
    moment = f"2026-01-01T00:{int(seconds) // 60:02}:{int(seconds) % 60:02}Z"
    content = {
        "involvedObject": {"kind": kind, "namespace": "ai", "name": about},
        "reason": "KongConfigurationTranslationFailed",
        "message": message,
    }
    return raw_object("Event", name, version, content, managedFields=[{"manager": "kong", "operation": "Update", "time": moment}])


def deployment(version: int = 1, *env: Mapping[str, Any], namespace: str = "kong", name: str = "gateway", **metadata: Any) -> Manifest:
    """A gateway, fully rolled out."""
    return workload("Deployment", version, *env, namespace=namespace, name=name, **metadata)


ROLLED_OUT: Final[Manifest] = {
    "observedGeneration": 1,
    **dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1),
    **dict.fromkeys(("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled", "numberAvailable"), 1),
}
"""The status of a workload with one pod, in the words of every kind."""


def workload(
    kind: str,
    version: int = 1,
    *env: Mapping[str, Any],
    namespace: str = "kong",
    name: str = "gateway",
    image: str = "kong/kong-gateway:3.13",
    **metadata: Any,
) -> Manifest:
    """A gateway of that kind, fully rolled out."""
    container = {"name": "proxy", "image": image, "env": list(env)}
    spec_ = {"replicas": 1, **WORKLOADS[kind].with_pod({"containers": [container]})["spec"]}
    content = {"spec": spec_, "status": dict(ROLLED_OUT)}
    return raw_object(kind, name, version, content, **{"namespace": namespace, "generation": 1, **metadata})


def family(kind: str, version: int = 1, *env: Mapping[str, Any], name: str = "gateway", **fields: Any) -> list[Manifest]:
    """A gateway of that kind, and what Kong Operator makes from it: the last one runs the pods, fully rolled out."""
    first = workload(kind, version, *env, name=name, **fields)
    inherited = {field: value for field, value in fields.items() if field in {"namespace", "image"}}
    namespace = first["metadata"]["namespace"]
    if kind == "DataPlane":
        return [first, made(workload("Deployment", version, *env, name=f"dataplane-{name}-x", **inherited), first)]
    if kind != "GatewayConfiguration":
        return [first]
    ref = {"group": "gateway-operator.konghq.com", "kind": kind, "name": name, "namespace": namespace}
    gateway_class = raw_object("GatewayClass", name, version, {"spec": {"parametersRef": ref}})
    gateway = raw_object("Gateway", name, version, {"spec": {"gatewayClassName": name}}, namespace=namespace)
    plane, deployment_ = family("DataPlane", version, *env, name=f"{name}-x", **inherited)
    return [first, gateway_class, gateway, made(plane, gateway), deployment_]


def made(raw: Manifest, owner: Manifest, label: str = "", **metadata: Any) -> Manifest:
    """The same object as Kong Operator makes it from that owner."""
    reference = {"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], "controller": True}
    labels = {"gateway-operator.konghq.com/managed-by": owner["kind"].lower(), **({_STATE: label} if label else {})}
    return {**raw, "metadata": {**raw["metadata"], "ownerReferences": [reference], "labels": labels, **metadata}}


_STATE: Final = "gateway-operator.konghq.com/dataplane-deployment-state"


def ours(raw: Manifest, owner: str = "assistant", **metadata: Any) -> Manifest:
    """The same object with the labels and the owner that the operator gives to a child of that binding."""
    labels = {names.MANAGED_BY_LABEL: names.APPLICATION, names.BINDING_LABEL: owner}
    return {**raw, "metadata": {**raw["metadata"], "labels": labels, "ownerReferences": owners(owner), **metadata}}


WRITTEN: Final = [{"manager": names.FIELD_MANAGER, "operation": "Update", "time": "2026-01-01T00:00:00Z"}]
"""managedFields of what the operator has written."""


def owners(*bindings: str, controller: bool = True) -> Sequence[Manifest]:
    """References to the bindings of these names."""
    return [{"kind": names.KIND, "name": name, "uid": f"uid-{name}", "controller": controller} for name in bindings]


def at(raw: Manifest, version: int, **content: Any) -> Manifest:
    """The same object at another version, with other content."""
    return {**raw, **content, "metadata": {**raw["metadata"], "resourceVersion": str(version)}}
