"""The control plane is real: rollouts, garbage collection, permissions and the audit log work as in any cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from devcluster import Cluster, DevClusterError
from devcluster.errors import ApiError
from devcluster.folders import PROJECT_ROOT
from tests.devcluster.waiting import until

GATEWAY = PROJECT_ROOT / "devcluster" / "manifests" / "gateway.yaml"


def gateway_deployment(namespace: str) -> dict[str, Any]:
    deployment: dict[str, Any] = next(item for item in yaml.safe_load_all(GATEWAY.read_text()) if item["kind"] == "Deployment")
    deployment["metadata"]["namespace"] = namespace
    return deployment


def config_map(namespace: str, name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace, **metadata}}


def deployment_status(cluster: Cluster, namespace: str) -> dict[str, Any]:
    status: dict[str, Any] = cluster.api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/kong-gateway")["status"]
    return status


def test_the_server_has_the_pinned_version(cluster: Cluster) -> None:
    assert cluster.api.get("/version")["gitVersion"] == "v1.36.3"


def test_definitions_of_kong_and_of_this_project_are_served(cluster: Cluster) -> None:
    names = cluster.kubectl("api-resources", "--output=name").split()
    assert {"kongplugins.configuration.konghq.com", "fiddlerkongbindings.integrations.fiddler.ai"} <= set(names)
    assert cluster.api.get("/apis/networking.k8s.io/v1/ingressclasses/kong")["spec"]["controller"] == "ingress-controllers.konghq.com/kong"


@pytest.mark.parametrize(
    ("kind", "unlike", "size"), [("Deployment", (), 2), ("DaemonSet", ("strategy", "replicas"), 1), ("StatefulSet", ("strategy",), 2)]
)
def test_a_workload_rolls_out_and_a_change_replaces_its_pods(
    cluster: Cluster, namespace: str, kind: str, unlike: tuple[str, ...], size: int
) -> None:
    workload = gateway_deployment(namespace) | {"kind": kind}
    for field in unlike:
        del workload["spec"][field]
    rolled_out = ("rollout", "status", f"--namespace={namespace}", "--timeout=60s", f"{kind.lower()}/kong-gateway")
    cluster.apply(workload)
    cluster.kubectl(*rolled_out)
    pods = f"/api/v1/namespaces/{namespace}/pods"
    first = {item["metadata"]["uid"] for item in cluster.api.get(pods)["items"]}

    workload["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "KONG_TRACING_INSTRUMENTATIONS", "value": "all"})
    cluster.apply(workload)
    cluster.kubectl(*rolled_out)
    until(lambda: len(cluster.api.get(pods)["items"]) == size)
    items = cluster.api.get(pods)["items"]
    assert not first & {item["metadata"]["uid"] for item in items}
    assert {container["image"] for item in items for container in item["status"]["containerStatuses"]} == {"kong/kong-gateway:3.13.0.3"}


def test_a_rollout_can_be_held_up(cluster: Cluster, namespace: str) -> None:
    deployment = gateway_deployment(namespace)
    cluster.apply(deployment)
    cluster.wait_rolled_out(namespace, "kong-gateway")

    deployment["spec"]["template"]["metadata"]["annotations"] = {"devcluster/ready-after": "1h"}
    cluster.apply(deployment)
    until(lambda: deployment_status(cluster, namespace).get("updatedReplicas") == 1)
    with pytest.raises(DevClusterError, match="did not happen"):
        cluster.wait_rolled_out(namespace, "kong-gateway", seconds=3)
    assert deployment_status(cluster, namespace)["readyReplicas"] == 2

    deployment["spec"]["template"]["metadata"]["annotations"] = {}
    cluster.apply(deployment)
    cluster.wait_rolled_out(namespace, "kong-gateway")


def test_owned_objects_are_collected(cluster: Cluster, namespace: str) -> None:
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = cluster.api.request("POST", maps, config_map(namespace, "owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    cluster.api.request("POST", maps, config_map(namespace, "owned", ownerReferences=[reference]))
    cluster.api.request("DELETE", f"{maps}/owner")
    until(lambda: cluster.api.get(f"{maps}/owned") is None)


def test_every_write_is_counted_and_no_read(cluster: Cluster, namespace: str) -> None:
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    log = cluster.write_log()
    mark = log.mark()
    applied = config_map(namespace, "counted")
    for _ in range(2):  # the second changes nothing, but is still a request
        cluster.api.request("PATCH", f"{maps}/counted?fieldManager=tester", applied, "application/apply-patch+yaml")
    cluster.api.request("PATCH", f"{maps}/counted?dryRun=All", {"data": {"a": "b"}}, "application/merge-patch+json")
    with pytest.raises(ApiError, match="not found"):
        cluster.api.request("DELETE", f"{maps}/absent")
    cluster.api.get(maps)

    writes = [write for write in log.writes(user="admin", since=mark) if write.namespace == namespace]
    assert [(w.verb, w.name, w.code, w.field_manager, w.dry_run) for w in writes] == [
        ("patch", "counted", 201, "tester", False),
        ("patch", "counted", 200, "tester", False),
        ("patch", "counted", 200, "devcluster", True),
        ("delete", "absent", 404, "devcluster", False),
    ]
    assert str(writes[0]) == f"patch configmaps {namespace}/counted by admin -> 201"
    assert log.writes(user="admin", since=log.mark()) == ()


def test_a_service_account_has_its_own_rights_only(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "serviceaccount", "robot", f"--namespace={namespace}")
    kubeconfig = cluster.kubeconfig_for_service_account(namespace, "robot")
    assert kubeconfig.stat().st_mode & 0o077 == 0

    create = ("create", "configmap", "made-by-robot", f"--namespace={namespace}")
    with pytest.raises(DevClusterError, match="forbidden"):
        cluster.kubectl(*create, kubeconfig=kubeconfig)
    cluster.kubectl("create", "role", "r", f"--namespace={namespace}", "--verb=create", "--resource=configmaps")
    cluster.kubectl("create", "rolebinding", "r", f"--namespace={namespace}", "--role=r", f"--serviceaccount={namespace}:robot")
    cluster.kubectl(*create, kubeconfig=kubeconfig)
    with pytest.raises(DevClusterError, match="forbidden"):
        cluster.kubectl("get", "secrets", f"--namespace={namespace}", kubeconfig=kubeconfig)

    codes = [write.code for write in cluster.write_log().writes(user=f"system:serviceaccount:{namespace}:robot")]
    assert codes == [403, 201]


def test_an_unknown_service_account_is_named(cluster: Cluster) -> None:
    with pytest.raises(DevClusterError, match="service account default/nobody"):
        cluster.kubeconfig_for_service_account("default", "nobody")


def test_no_token_is_shown(cluster: Cluster) -> None:
    token = json.loads(cluster.kubeconfig.read_text())["users"][0]["user"]["token"]
    assert token not in repr(cluster.api)
    assert token not in cluster.layout.audit_log.read_text()
