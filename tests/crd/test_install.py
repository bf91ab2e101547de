"""The chart, the kustomize manifests and the samples, with real Helm, kubectl and API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster import Cluster
from fiddler_kong_operator import __version__
from fiddler_kong_operator.observe.rbac import Scope, rules
from tests.chart.rendering import CHART, NAMESPACE, VALUES, Helm, container, only
from tests.crd.release import Release

ROOT = Path(__file__).resolve().parents[2]


def template(cluster: Cluster, *settings: str, values: Path | None = None, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
    return Helm(cluster.program("helm")).template(*settings, values=values, namespace=namespace)


def kinds(documents: list[dict[str, Any]]) -> set[str]:
    return {document["kind"] for document in documents}


@pytest.fixture(scope="module")
def chart_namespace(cluster: Cluster) -> Iterator[str]:
    """A further namespace of the same level: a Deployment's selector, which differs in the chart, cannot change."""
    namespace = yaml.safe_load((ROOT / "manifests/install/namespace.yaml").read_text())
    cluster.api.apply([{**namespace, "metadata": {**namespace["metadata"], "name": "by-chart"}}])
    yield "by-chart"
    cluster.api.request("DELETE", "/api/v1/namespaces/by-chart")


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.name.removesuffix("-values.yaml"))
def test_what_the_chart_renders_is_accepted(cluster: Cluster, chart_namespace: str, values: Path) -> None:
    """With every file of values, and without a warning of the namespace's level `restricted`."""
    documents = template(cluster, values=values, namespace=chart_namespace)
    rendered = yaml.safe_dump_all(documents)
    cluster.apply(only(documents, "ServiceAccount"))  # a pod needs one that exists

    applied = cluster.kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename=-", stdin=rendered)

    assert "deployment.apps/fiddler-kong-operator serverside-applied" in applied
    assert "pod/fiddler-kong-operator-test serverside-applied" in applied


def test_cluster_wide_roles_are_the_table(cluster: Cluster) -> None:
    documents = template(cluster)

    granted = [d["rules"] for d in documents if d["kind"] == "ClusterRole" and d["metadata"]["name"] == "fiddler-kong-operator"]
    assert granted == [rules(Scope.WATCHED, Scope.CLUSTER)]
    assert only(documents, "Role")["rules"] == rules(Scope.OWN)


def test_namespaced_mode_has_only_roles(cluster: Cluster) -> None:
    documents = template(cluster, "watchNamespaces={ai,kong}", "crds.enabled=false")

    assert kinds(documents) == {"ServiceAccount", "Role", "RoleBinding", "Deployment", "Pod"}
    roles = {(d["metadata"]["namespace"], d["metadata"]["name"]): d["rules"] for d in documents if d["kind"] == "Role"}
    assert roles == {
        ("ai", "fiddler-kong-operator"): rules(Scope.WATCHED),
        ("kong", "fiddler-kong-operator"): rules(Scope.WATCHED),
        (NAMESPACE, "fiddler-kong-operator-lease"): rules(Scope.OWN),
    }
    assert "--namespaces=ai,kong" in arguments(documents)


def test_namespaced_mode_may_read_the_kinds_of_the_cluster(cluster: Cluster) -> None:
    documents = template(cluster, "watchNamespaces={ai,kong}", "readClusterKinds=true", "crds.enabled=false", "rbac.aggregate=false")

    assert only(documents, "ClusterRole")["rules"] == rules(Scope.CLUSTER)
    assert only(documents, "ClusterRoleBinding")["roleRef"]["name"] == only(documents, "ClusterRole")["metadata"]["name"]
    assert "--read-cluster-kinds" in arguments(documents)


@pytest.fixture
def by_helm(cluster: Cluster, namespace: str) -> Iterator[Release]:
    """A release beside the installation that applied the definition, without roles and pods."""
    release = Release(cluster, namespace)
    yield release
    release.run("uninstall")


NO_PODS = ("--set=replicaCount=0", "--set=rbac.create=false")


def test_a_definition_applied_before_is_adopted_on_request(by_helm: Release) -> None:
    refused = by_helm.run("install", CHART, *NO_PODS)
    adopted = by_helm.run("install", CHART, *NO_PODS, "--take-ownership")

    assert "invalid ownership metadata" in refused.stderr
    assert adopted.returncode == 0, adopted.stderr


def test_an_upgrade_keeps_the_values_that_were_set_and_changes_nothing_else(by_helm: Release) -> None:
    installed = by_helm.run("install", CHART, *NO_PODS, "--set=probe.timeout=7", "--take-ownership")
    before = by_helm.deployment()
    by_helm.run("upgrade", CHART, "--reset-then-reuse-values")
    same = by_helm.deployment()
    by_helm.run("upgrade", CHART, "--reset-then-reuse-values", "--set=image.tag=next")
    after = by_helm.deployment()

    assert installed.returncode == 0, installed.stderr
    assert "--probe-timeout=7" in container([after])["args"]
    assert same["metadata"]["generation"] == before["metadata"]["generation"]
    assert container([after])["image"] == "fiddler-kong-operator:next"


def test_the_definition_outlives_the_release(cluster: Cluster, by_helm: Release) -> None:
    by_helm.run("install", CHART, *NO_PODS, "--take-ownership")

    removed = by_helm.run("uninstall")

    assert removed.returncode == 0, removed.stderr
    assert "fiddlerkongbindings.integrations.fiddler.ai" in cluster.kubectl("get", "crd", "--output=name")


def arguments(documents: list[dict[str, Any]]) -> list[str]:
    found: list[str] = container(documents)["args"]
    return found


def test_flags_of_the_chart_are_flags_of_the_program(cluster: Cluster) -> None:
    every = ("watchNamespaces={a,b}", "probe.caFile=/ca.pem", "probe.allowedAddresses={10.0.0.0/8}", "probe.allowHttp=true")
    command, *flags = arguments(template(cluster, *every))
    run = __import__("fiddler_kong_operator.cli.run", fromlist=["run"]).run

    context = run.make_context(command, [flag.replace("$(POD_NAMESPACE)", "here") for flag in flags])

    assert context.params["namespaces"] == (("a", "b"),)
    assert context.params["log_format"] == "json"


def kustomized(cluster: Cluster, folder: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(cluster.kubectl("kustomize", ROOT / folder)) if document]


def test_install_manifests_are_accepted(cluster: Cluster) -> None:
    applied = cluster.kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", f"--kustomize={ROOT / 'manifests/install'}"
    )

    assert f"namespace/{NAMESPACE} serverside-applied" in applied
    assert "deployment.apps/fiddler-kong-operator serverside-applied" in applied


def test_chart_and_kustomize_start_the_same_pod(cluster: Cluster) -> None:
    pods = [
        only(documents, "Deployment")["spec"]["template"]["spec"]
        for documents in (template(cluster), kustomized(cluster, "manifests/install"))
    ]
    flags = [set(pod["containers"][0].pop("args")) for pod in pods]

    assert pods[0] == pods[1]
    assert pods[0]["containers"][0]["image"] == f"fiddler-kong-operator:{__version__}"
    assert flags[1] <= flags[0]


def test_the_pod_meets_the_restricted_level(cluster: Cluster) -> None:
    spec = only(kustomized(cluster, "manifests/install"), "Deployment")["spec"]["template"]["spec"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "level", "namespace": NAMESPACE},
        "spec": spec | {"serviceAccountName": None},
    }
    pod["spec"]["automountServiceAccountToken"] = False
    cluster.kubectl("create", "serviceaccount", "default", f"--namespace={NAMESPACE}", "--dry-run=client")

    created = cluster.kubectl("create", "--dry-run=server", "--filename=-", stdin=yaml.safe_dump(pod))

    assert "pod/level created" in created


@pytest.mark.parametrize(
    "sample", sorted(path.name for path in (ROOT / "manifests/samples").glob("*.yaml") if path.stem != "kustomization")
)
def test_sample_is_accepted(cluster: Cluster, sample: str) -> None:
    applied = cluster.kubectl("create", "--dry-run=server", f"--filename={ROOT / 'manifests/samples' / sample}")

    assert "fiddlerkongbinding.integrations.fiddler.ai/" in applied


def test_the_quickstart_has_the_values_of_the_integration_page() -> None:
    *_, sample = yaml.safe_load_all((ROOT / "manifests/samples/quickstart.yaml").read_text())
    (route,) = sample["spec"]["routes"]

    assert route["expose"] == {"path": "/openai"}
    assert (route["llm"]["provider"], route["llm"]["model"]) == ("openai", "gpt-4o-mini")
    assert route["llm"]["options"] == {"maxTokens": 512, "temperature": 0.7}
    assert sample["spec"]["payloads"] == "Captured"


def test_no_two_samples_make_the_same_object() -> None:
    samples = (path for path in (ROOT / "manifests/samples").glob("*.yaml") if path.stem != "kustomization")
    made = [(raw["kind"], raw["metadata"]["name"]) for path in samples for raw in yaml.safe_load_all(path.read_text())]
    assert sorted(made) == sorted(set(made)), "kustomize refuses a folder that has an object twice"


def test_samples_kustomization_names_every_sample() -> None:
    folder = ROOT / "manifests/samples"
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]

    assert sorted([*listed, "kustomization.yaml"]) == sorted(path.name for path in folder.glob("*.yaml"))
