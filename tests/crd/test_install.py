"""The chart, the kustomize manifests and the samples, with real Helm, kubectl and API server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster import Cluster
from fiddler_kong_operator import __version__
from fiddler_kong_operator.observe.rbac import Scope, rules

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/fiddler-kong-operator"
NAMESPACE = "fiddler-kong-operator"
"""Where the operator is installed already, with its Pod Security level: warnings and refusals are those of a real installation."""


def helm(cluster: Cluster, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([cluster.program("helm"), *arguments], capture_output=True, text=True, check=False)


def template(cluster: Cluster, *settings: str, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
    flags = [f"--set={setting}" for setting in settings]
    done = helm(cluster, "template", "fiddler-kong-operator", CHART, f"--namespace={namespace}", "--kube-version=1.36.3", *flags)
    assert done.stderr == ""
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def only(documents: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = (document for document in documents if document["kind"] == kind)
    return found


def kinds(documents: list[dict[str, Any]]) -> set[str]:
    return {document["kind"] for document in documents}


@pytest.fixture(scope="module")
def chart_namespace(cluster: Cluster) -> Iterator[str]:
    """A further namespace of the same level: a Deployment's selector, which differs in the chart, cannot change."""
    namespace = yaml.safe_load((ROOT / "manifests/install/namespace.yaml").read_text())
    cluster.api.apply([{**namespace, "metadata": {**namespace["metadata"], "name": "by-chart"}}])
    yield "by-chart"
    cluster.api.request("DELETE", "/api/v1/namespaces/by-chart")


def test_chart_passes_lint(cluster: Cluster) -> None:
    done = helm(cluster, "lint", "--strict", CHART)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("watchNamespaces={default,kube-public}", "crds.install=false"),
        ("replicas=2", "probe.caFile=/etc/ca/ca.pem", "probe.allowedAddresses={10.0.0.0/8,127.0.0.0/8}", "probe.allowHttp=true"),
        ("leaderElection=false", "serviceAccount.annotations.a=b", "podLabels.team=ml", "priorityClassName=system-cluster-critical"),
    ],
    ids=["defaults", "namespaced", "probe", "extras"],
)
def test_what_the_chart_renders_is_accepted(cluster: Cluster, chart_namespace: str, settings: tuple[str, ...]) -> None:
    rendered = yaml.safe_dump_all(template(cluster, *settings, namespace=chart_namespace))

    applied = cluster.kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename=-", stdin=rendered)

    assert "deployment.apps/fiddler-kong-operator serverside-applied" in applied


def test_cluster_wide_roles_are_the_table(cluster: Cluster) -> None:
    documents = template(cluster)

    granted = [d["rules"] for d in documents if d["kind"] == "ClusterRole" and d["metadata"]["name"] == "fiddler-kong-operator"]
    assert granted == [rules(Scope.WATCHED, Scope.CLUSTER)]
    assert only(documents, "Role")["rules"] == rules(Scope.OWN)


def test_namespaced_mode_has_only_roles(cluster: Cluster) -> None:
    documents = template(cluster, "watchNamespaces={ai,kong}", "crds.install=false")

    assert kinds(documents) == {"ServiceAccount", "Role", "RoleBinding", "Deployment"}
    roles = {(d["metadata"]["namespace"], d["metadata"]["name"]): d["rules"] for d in documents if d["kind"] == "Role"}
    assert roles == {
        ("ai", "fiddler-kong-operator"): rules(Scope.WATCHED),
        ("kong", "fiddler-kong-operator"): rules(Scope.WATCHED),
        (NAMESPACE, "fiddler-kong-operator-lease"): rules(Scope.OWN),
    }
    assert "--namespaces=ai,kong" in arguments(documents)


def test_namespaced_mode_may_read_the_kinds_of_the_cluster(cluster: Cluster) -> None:
    documents = template(cluster, "watchNamespaces={ai,kong}", "readClusterKinds=true", "crds.install=false", "rbac.aggregate=false")

    assert only(documents, "ClusterRole")["rules"] == rules(Scope.CLUSTER)
    assert only(documents, "ClusterRoleBinding")["roleRef"]["name"] == only(documents, "ClusterRole")["metadata"]["name"]
    assert "--read-cluster-kinds" in arguments(documents)


def test_the_definition_is_kept_when_the_release_is_deleted(cluster: Cluster) -> None:
    definition = only(template(cluster), "CustomResourceDefinition")

    assert definition["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("probe.timeou=2", "'timeou' not allowed"),
        ("wrokers=2", "'wrokers' not allowed"),
        ("workers=0", "/workers"),
        ("logFormat=xml", "/logFormat"),
        ("leaderElection=false,replicas=2", "/leaderElection"),
    ],
)
def test_wrong_values_are_refused(cluster: Cluster, setting: str, says: str) -> None:
    done = helm(cluster, "template", "x", CHART, "--kube-version=1.36.3", f"--set={setting}")

    assert done.returncode != 0
    assert says in done.stderr


def arguments(documents: list[dict[str, Any]]) -> list[str]:
    found: list[str] = only(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
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
