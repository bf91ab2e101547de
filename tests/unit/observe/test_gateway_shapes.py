"""The pods that gateways really have, in one table over all kinds of workloads: which container gets the settings, and who may ask."""

from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.gateway.condition import evaluate_gateway
from fiddler_kong_operator.plan.gateway.settings_plan import plan_settings
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from tests.unit.observe.objects import binding, family, spec
from tests.unit.observe.test_reader import Desk
from tests.unit.plan.situations import WANTED

KONG = "kong/kong-gateway:3.13.0.7"
PROXY: Manifest = {"name": "proxy", "image": KONG}
CONTROLLER: Manifest = {"name": "ingress-controller", "image": "kong/kubernetes-ingress-controller:3.5"}
MESH: Manifest = {"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.29.0", "restartPolicy": "Always"}
ENVOY: Manifest = {"name": "proxy", "image": "envoyproxy/envoy:v1.36"}
LIKE: list[Manifest] = [
    {"name": "kube-rbac-proxy", "image": "quay.io/brancz/kube-rbac-proxy:v0.20"},
    {"name": "proxy-debug", "image": "alpine:3"},
]


def env(**values: str) -> list[Manifest]:
    return [{"name": f"KONG_{name}", "value": value} for name, value in values.items()]


DATA_PLANE = {**PROXY, "env": env(ROLE="data_plane", CLUSTER_CONTROL_PLANE="kong-cp.kong.svc.cluster.local:8005", DATABASE="off")}
KONNECT = {**PROXY, "env": env(ROLE="data_plane", CLUSTER_CONTROL_PLANE="abc.us.cp0.konghq.com:443")}
CONTROL_PLANE = {**PROXY, "env": env(ROLE="control_plane")}
CLEAR = {"name": "clear-stale-pid", "image": KONG}

SHAPES: list[tuple[str, Manifest, str, str, str | None]] = [
    ("Kong alone", {"containers": [PROXY]}, "proxy", "GatewayPending", "proxy"),
    ("the controller beside it", {"containers": [CONTROLLER, PROXY]}, "proxy", "GatewayPending", "proxy"),
    ("a mesh's sidecar before it", {"containers": [MESH, PROXY]}, "proxy", "GatewayPending", "proxy"),
    ("a native sidecar", {"initContainers": [MESH], "containers": [PROXY]}, "proxy", "GatewayPending", "proxy"),
    ("an init container of Kong's image", {"initContainers": [CLEAR], "containers": [PROXY]}, "proxy", "GatewayPending", "proxy"),
    ("names like it", {"containers": [*LIKE, PROXY]}, "proxy", "GatewayPending", "proxy"),
    ("Kong under another name", {"containers": [{**PROXY, "name": "kong"}, ENVOY]}, "kong", "GatewayPending", "kong"),
    ("another proxy of that name", {"containers": [{**PROXY, "name": "kong"}, ENVOY]}, "proxy", "GatewayContainerNotKong", None),
    ("only names like it", {"containers": LIKE}, "proxy", "GatewayContainerNotFound", None),
    ("the init container named", {"initContainers": [CLEAR], "containers": [PROXY]}, "clear-stale-pid", "GatewayContainerNotFound", None),
    ("the controller named", {"containers": [CONTROLLER, PROXY]}, "ingress-controller", "GatewayControllerOnly", None),
    ("the controller's workload", {"containers": [CONTROLLER]}, "proxy", "GatewayControllerOnly", None),
    ("hybrid mode, the data plane", {"containers": [DATA_PLANE]}, "proxy", "GatewayPending", "proxy"),
    ("hybrid mode, a sidecar too", {"containers": [MESH, DATA_PLANE]}, "proxy", "GatewayPending", "proxy"),
    ("hybrid mode, the control plane", {"containers": [CONTROL_PLANE]}, "proxy", "GatewayControlPlaneOnly", None),
    ("Konnect", {"containers": [KONNECT]}, "proxy", "GatewayControlledElsewhere", None),
]
TENANCIES = [("same namespace", "kong", None), ("granted", "ai", "ai"), ("not granted", "ai", None)]


def gateway(kind: str, pod: Manifest, grant: str | None) -> list[Manifest]:
    """A gateway of that kind whose pods look like this, with everything that Kong Operator makes from it."""
    found = family(kind, annotations={names.GRANT_ANNOTATION: grant} if grant else {})
    return [{**raw, **WORKLOADS[raw["kind"]].with_pod(pod)} if raw["kind"] in WORKLOADS else raw for raw in found]


def applied(kind: str, plan: Any) -> dict[str, dict[str, str]]:
    """Container -> env that a plan writes."""
    containers = WORKLOADS[kind].pod(plan.apply or {}).get("containers", ())
    return {container["name"]: {entry["name"]: entry["value"] for entry in container["env"]} for container in containers}


@pytest.mark.parametrize("kind", WORKLOADS)
@pytest.mark.parametrize("tenancy", TENANCIES, ids=lambda row: row[0])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda row: row[0])
async def test_the_settings_go_to_kongs_container_and_to_no_other(
    kind: str, tenancy: tuple[str, str, str | None], shape: tuple[str, Manifest, str, str, str | None]
) -> None:
    (case, namespace, grant), (_, pod, container, reason, written) = tenancy, shape
    target = {"targetRef": {"kind": kind, "namespace": "kong", "name": "gateway"}, "container": container}
    desk = Desk(binding(spec_=spec(gateway=target), namespace=namespace), *gateway(kind, pod, grant))

    workload, bindings = await desk.reader.gather_workload(ObjectKey(kind, "kong", "gateway"))
    snapshot = await desk.reader.gather(ObjectKey("FiddlerKongBinding", namespace, "assistant"))

    assert workload
    assert snapshot
    refused = case == "not granted"
    assert evaluate_gateway(snapshot).finding.reason.name == ("GatewayNotEvaluated" if refused else reason)
    assert applied(kind, plan_settings(workload, bindings)) == ({written: WANTED} if written and not refused else {})
