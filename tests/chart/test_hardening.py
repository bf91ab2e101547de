"""Checks that linters of manifests, such as kube-linter, make by default, over every file of values of the chart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chart.rendering import VALUES, Helm, only

Pod = dict[str, Any]


def pods(documents: list[dict[str, Any]]) -> list[Pod]:
    """The operator's and that of the chart's test."""
    return [only(documents, "Deployment")["spec"]["template"]["spec"], only(documents, "Pod")["spec"]]


def faults_of(pod: Pod) -> Iterator[str]:
    yield from (f"{name} is set" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name))
    yield from ("a path of the node is mounted" for volume in pod.get("volumes", ()) if "hostPath" in volume)
    if pod["serviceAccountName"] == "default" or "serviceAccount" in pod:
        yield "the service account is the namespace's, or named by the deprecated field"
    if not pod["securityContext"].get("runAsNonRoot"):
        yield "it may run as root"
    for container in pod["containers"]:
        yield from faults_of_container(container)


def faults_of_container(container: dict[str, Any]) -> Iterator[str]:
    context, resources = container["securityContext"], container["resources"]
    image, _, digest = container["image"].partition("@")
    tag = image.rpartition("/")[2].partition(":")[2]
    if not digest and tag in ("", "latest"):
        yield f"the image {image} may be any version"
    if context != {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}:
        yield "it may write its root, or has privileges"
    if not {"cpu", "memory"} <= resources["requests"].keys() or "memory" not in resources["limits"]:
        yield "it requests or limits no CPU or memory"
    yield from (f"{entry['name']} shows a secret" for entry in container["env"] if "secret" in entry["name"].lower() and "value" in entry)
    ports = {port["name"] for port in container.get("ports", ())}
    probes = (container[name]["httpGet"]["port"] for name in ("startupProbe", "livenessProbe", "readinessProbe") if name in container)
    yield from (f"a probe asks port {port}, which is not open" for port in probes if port not in ports)


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.name.removesuffix("-values.yaml"))
def test_no_pod_of_the_chart_has_a_fault_that_linters_look_for(helm: Helm, values: Path) -> None:
    assert [fault for pod in pods(helm.template(values=values)) for fault in faults_of(pod)] == []
