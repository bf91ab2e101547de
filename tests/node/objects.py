"""The objects around the operator on a real node: gateway, Kong Ingress Controller, provider and sink, each in pods of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import trustme

from devcluster.stage import APPLICATION_ID, Keys
from tests.node.gateway import ADMIN_PORT, CERTIFICATES, LICENSE, Gateway

__all__ = ["CONTROLLER", "GATEWAY", "PROXY_PORT", "SINK_PORT", "STAND_INS", "build_objects"]

Manifest = dict[str, Any]

STAND_INS: Final = "localhost/fiddler-kong-stand-ins"
CONTROLLER: Final = "localhost/fiddler-kong-test-controller:latest"

GATEWAY: Final = {"app.kubernetes.io/name": "gateway"}
PROXY_PORT: Final = 30080
SINK_PORT: Final = 30318


def build_objects(keys: Keys, stand_ins: str, gateway: Gateway) -> list[Manifest]:
    """Everything, with the keys that the stand-ins accept; `stand_ins` is the image of sink and provider."""
    return [
        *(_named("v1", "Namespace", name, None) for name in ("kong", "ai")),
        *_sink(keys, stand_ins),
        *_provider(keys, stand_ins),
        *_gateway(gateway),
        *_controller(),
    ]


def _named(api_version: str, kind: str, name: str, namespace: str | None, **content: Any) -> Manifest:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **place}, **content}


def _secret(namespace: str, name: str, **values: str) -> Manifest:
    return _named("v1", "Secret", name, namespace, stringData=values)


def _service(namespace: str, name: str, labels: Mapping[str, str], port: Manifest, **spec: Any) -> Manifest:
    return _named("v1", "Service", name, namespace, spec={"selector": dict(labels), "ports": [port], **spec})


def _deployment(namespace: str, name: str, container: Manifest, labels: Mapping[str, str] | None = None, **pod: Any) -> Manifest:
    chosen = dict(labels or {"app": name})
    spec = {"containers": [{"imagePullPolicy": "Never", **container}], "terminationGracePeriodSeconds": 5, **pod}
    template = {"metadata": {"labels": chosen}, "spec": spec}
    return _named("apps/v1", "Deployment", name, namespace, spec={"replicas": 1, "selector": {"matchLabels": chosen}, "template": template})


def _answers(path: str, port: int, scheme: str = "HTTP") -> Manifest:
    return {"httpGet": {"path": path, "port": port, "scheme": scheme}, "periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 60}


def _key_volume(secret: str) -> Manifest:
    return {"volumes": [{"name": "key", "secret": {"secretName": secret}}]}


def _sink(keys: Keys, image: str) -> list[Manifest]:
    arguments = ["fiddler_kong_sink", "--host=0.0.0.0", "--port=4318", "--api-key-file=/key/api-key", f"--application-id={APPLICATION_ID}"]
    mounts = [{"name": "key", "mountPath": "/key"}]
    container = {"name": "sink", "image": image, "args": arguments, "volumeMounts": mounts, "readinessProbe": _answers("/api/state", 4318)}
    port = {"port": 4318, "nodePort": SINK_PORT}
    return [
        _secret("ai", "sink-accepts", **{"api-key": keys.fiddler}),
        _deployment("ai", "sink", container, **_key_volume("sink-accepts")),
        _service("ai", "sink", {"app": "sink"}, port, type="NodePort"),
    ]


def _provider(keys: Keys, image: str) -> list[Manifest]:
    arguments = ["devcluster.provider", "--host=0.0.0.0", "--port=8080", "--key-file=/key/api-key"]
    mounts = [{"name": "key", "mountPath": "/key"}]
    ready = _answers("/stand-in", 8080)
    container = {"name": "provider", "image": image, "args": arguments, "volumeMounts": mounts, "readinessProbe": ready}
    return [
        _secret("ai", "provider-accepts", **{"api-key": keys.provider}),
        _deployment("ai", "provider", container, **_key_volume("provider-accepts")),
        _service("ai", "provider", {"app": "provider"}, {"port": 8080}),
    ]


def _gateway(gateway: Gateway) -> list[Manifest]:
    """Two pods."""
    certificate = trustme.CA().issue_cert("kong-admin.kong.svc")
    pair = {"tls.crt": certificate.cert_chain_pems[0].bytes().decode(), "tls.key": certificate.private_key_pem.bytes().decode()}
    container = {
        "name": "proxy",
        **gateway.container,
        "ports": [{"name": "proxy", "containerPort": 8000}, {"name": "admin-tls", "containerPort": ADMIN_PORT}],
        "readinessProbe": _answers("/status/ready", *gateway.ready),
        "volumeMounts": [{"name": "admin", "mountPath": CERTIFICATES}],
    }
    volumes = [{"name": "admin", "secret": {"secretName": "kong-admin"}}]
    deployment = _deployment("kong", "kong-gateway", container, GATEWAY, volumes=volumes)
    deployment["spec"] |= {"replicas": 2, "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}
    proxy_port = {"name": "port-80", "port": 80, "targetPort": 8000, "nodePort": PROXY_PORT}
    return [
        _secret("kong", "kong-admin", **pair),
        *([_secret("kong", LICENSE, license=gateway.license)] if gateway.license else []),
        deployment,
        _service("kong", "kong-proxy", GATEWAY, proxy_port, type="NodePort"),
        _service("kong", "kong-admin", GATEWAY, {"name": "admin-tls", "port": ADMIN_PORT}, clusterIP="None"),
    ]


def _controller() -> list[Manifest]:
    """Kong Ingress Controller, which finds each gateway pod by itself. Its role is wider than that of Kong's chart."""
    subject = {"kind": "ServiceAccount", "name": "controller", "namespace": "kong"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    identity = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
    container = {
        "name": "controller",
        "image": CONTROLLER,
        "args": [
            "--kong-admin-svc=kong/kong-admin",
            "--kong-admin-tls-skip-verify",
            "--publish-service=kong/kong-proxy",
            "--publish-status-address=127.0.0.1",
            "--proxy-sync-seconds=0.5",
            "--anonymous-reports=false",
            "--admission-webhook-listen=off",
        ],
        "env": [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in identity.items()],
        "readinessProbe": _answers("/readyz", 10254),
    }
    return [
        _named("v1", "ServiceAccount", "controller", "kong"),
        _named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "kong-controller", None, roleRef=role, subjects=[subject]),
        _deployment("kong", "kong-controller", container, serviceAccountName="controller"),
    ]
