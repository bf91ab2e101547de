"""A stand-in for Kong Operator, with definitions of our own (`kong_operator.yaml`): the real one cannot be had.

It makes a Deployment from each DataPlane, and a DataPlane from each Gateway whose class names a GatewayConfiguration, and keeps them so by
force. It knows no status, no blue/green rollout and no default but the image.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from devcluster import Cluster
from devcluster.crds import definitions_in
from devcluster.errors import ApiError
from devcluster.folders import PROJECT_ROOT
from fiddler_kong_operator.kube.objects import Kind
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import DATA_PLANE, DEPLOYMENT, GATEWAY, GATEWAY_CLASS, GATEWAY_CONFIGURATION
from tests.integration.arena import Arena, Manifest

__all__ = ["gateway_objects", "kong_operating", "plane_of"]

PAUSE: Final = 0.2
"""Seconds between two looks at all objects."""

IMAGE: Final = "kong/kong-gateway:3.13.0.3"
_FOLDER: Final = PROJECT_ROOT / "tests" / "integration"


@contextmanager
def kong_operating(cluster: Cluster) -> Iterator[None]:
    """Install the definitions, which stay, and run the stand-in."""
    cluster.install_definitions(raw for raw in definitions_in(_FOLDER) if raw.get("kind") == "CustomResourceDefinition")
    stopped = threading.Event()
    thread = threading.Thread(target=_run, args=(cluster, stopped), name="kong operator")
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def gateway_objects(arena: Arena, configuration: str, *names: str) -> list[Manifest]:
    """A GatewayClass with this GatewayConfiguration of the namespace, and Gateways of it. The class has the namespace's name."""
    ref = {"group": GATEWAY_CONFIGURATION.group, "kind": GATEWAY_CONFIGURATION.name, "name": configuration, "namespace": arena.namespace}
    spec = {"controllerName": "konghq.com/gateway-operator", "parametersRef": ref}
    metadata = {"name": arena.namespace}
    made = {"apiVersion": GATEWAY_CLASS.api_version, "kind": GATEWAY_CLASS.name, "metadata": metadata, "spec": spec}
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    gateway = {"gatewayClassName": arena.namespace, "listeners": [listener]}
    return [made, *(arena.manifest(GATEWAY.api_version, GATEWAY.name, name, spec=gateway) for name in names)]


def plane_of(gateway: str) -> str:
    """The name of the DataPlane that is made from a Gateway."""
    return f"{gateway}-plane"


def _run(cluster: Cluster, stopped: threading.Event) -> None:
    seen: dict[str, Any] = {}
    while not stopped.wait(PAUSE):
        with suppress(ApiError, OSError):  # an object that is gone meanwhile, or the end of the cluster
            for kind, manifest in (*_planes(cluster), *_deployments(cluster)):
                _keep(cluster, kind, manifest, seen)


def _keep(cluster: Cluster, kind: Kind, manifest: Manifest, seen: dict[str, Any]) -> None:
    metadata = manifest["metadata"]
    path = kind.path(metadata["namespace"], metadata["name"])
    if seen.get(path) != manifest:
        cluster.api.request("PATCH", f"{path}?fieldManager=kong-operator&force=true", manifest, "application/apply-patch+yaml")
        seen[path] = manifest


def _all(cluster: Cluster, kind: Kind) -> list[Manifest]:
    items: list[Manifest] = cluster.api.get(kind.path())["items"]
    return [{**item, "kind": kind.name, "apiVersion": kind.api_version} for item in items if "deletionTimestamp" not in item["metadata"]]


def _planes(cluster: Cluster) -> Iterator[tuple[Kind, Manifest]]:
    configurations = {(c["metadata"]["namespace"], c["metadata"]["name"]): c for c in _all(cluster, GATEWAY_CONFIGURATION)}
    refs = {c["metadata"]["name"]: c["spec"].get("parametersRef") or {} for c in _all(cluster, GATEWAY_CLASS)}
    for gateway in _all(cluster, GATEWAY):
        ref = refs.get(gateway["spec"]["gatewayClassName"], {})
        configuration = configurations.get((ref.get("namespace"), ref.get("name")))
        if configuration:
            pod = WORKLOADS[GATEWAY_CONFIGURATION.name].pod(configuration)
            yield (
                DATA_PLANE,
                _made(DATA_PLANE, gateway, plane_of(gateway["metadata"]["name"]), WORKLOADS[DATA_PLANE.name].with_pod(_filled(pod))),
            )


def _filled(pod: Any) -> Manifest:
    """The pod with the container that a GatewayConfiguration may leave out."""
    containers = {"proxy": {"name": "proxy"}} | {container["name"]: container for container in pod.get("containers") or ()}
    containers["proxy"] = {"image": IMAGE, **containers["proxy"]}
    return {**pod, "containers": list(containers.values())}


def _deployments(cluster: Cluster) -> Iterator[tuple[Kind, Manifest]]:
    for plane in _all(cluster, DATA_PLANE):
        labels = {"app": plane["metadata"]["name"]}
        template = {"metadata": {"labels": labels}, "spec": WORKLOADS[DATA_PLANE.name].pod(plane)}
        spec = {"replicas": plane["spec"]["deployment"].get("replicas", 1), "selector": {"matchLabels": labels}, "template": template}
        yield DEPLOYMENT, _made(DEPLOYMENT, plane, f"dataplane-{plane['metadata']['name']}", {"spec": spec})


def _made(kind: Kind, owner: Manifest, name: str, content: Manifest) -> Manifest:
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    metadata = {
        "name": name,
        "namespace": owner["metadata"]["namespace"],
        "labels": {"gateway-operator.konghq.com/managed-by": owner["kind"].lower()},
        "ownerReferences": [reference],
    }
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **content}
