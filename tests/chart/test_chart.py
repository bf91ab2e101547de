"""The result of each value of the chart. tests/crd/test_install.py asks a real API server about the same files of values."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from codegen.chart_readme import build_readme
from fiddler_kong_operator import __version__
from tests.chart.rendering import CHART, VALUES, Helm, container, only

FILES = {path.name.removesuffix("-values.yaml"): path for path in VALUES}


def rendered(helm: Helm, name: str) -> list[dict[str, Any]]:
    return helm.template(values=FILES[name])


def pod(documents: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = only(documents, "Deployment")["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("values", VALUES, ids=FILES)
def test_lint_finds_nothing(helm: Helm, values: Path) -> None:
    done = helm.run("lint", "--strict", CHART, f"--values={values}")

    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"\[(INFO|WARNING|ERROR)\]", done.stdout)


@pytest.mark.parametrize("values", VALUES, ids=FILES)
def test_every_object_has_the_release_and_the_common_labels(helm: Helm, values: Path) -> None:
    wanted = (yaml.safe_load(values.read_text()).get("commonLabels") or {}).items() | {
        ("app.kubernetes.io/instance", "fiddler-kong-operator")
    }
    documents = [document for document in helm.template(values=values) if document["kind"] != "ConfigMap"]

    assert [d["metadata"]["name"] for d in documents if not wanted <= d["metadata"]["labels"].items()] == []


def test_the_defaults_make_no_optional_object(helm: Helm) -> None:
    assert {d["kind"] for d in rendered(helm, "default")} & {"PodDisruptionBudget", "NetworkPolicy", "ConfigMap"} == set()


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        ((), f"fiddler-kong-operator:{__version__}"),
        (("image.registry=registry.example.com:5000",), f"registry.example.com:5000/fiddler-kong-operator:{__version__}"),
        (("image.tag=1.2",), "fiddler-kong-operator:1.2"),
        ((f"image.digest=sha256:{'a' * 64}",), f"fiddler-kong-operator@sha256:{'a' * 64}"),
        ((f"image.digest=sha256:{'a' * 64}", "image.tag=1.2"), f"fiddler-kong-operator:1.2@sha256:{'a' * 64}"),
    ],
)
def test_the_image_is_of_registry_repository_tag_and_digest(helm: Helm, settings: tuple[str, ...], image: str) -> None:
    assert container(helm.template(*settings))["image"] == image


def test_one_replica_needs_no_affinity_and_several_prefer_different_nodes(helm: Helm) -> None:
    (term,) = pod(rendered(helm, "highly-available"))["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]

    assert "affinity" not in pod(rendered(helm, "default"))
    assert term["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    assert term["podAffinityTerm"]["labelSelector"] == only(rendered(helm, "highly-available"), "Deployment")["spec"]["selector"]


def test_an_affinity_of_ones_own_replaces_the_default(helm: Helm) -> None:
    assert pod(helm.template("replicaCount=3", "affinity.podAffinity.a=b"))["affinity"] == {"podAffinity": {"a": "b"}}


def test_a_spread_constraint_selects_the_operators_pods_unless_it_has_a_selector(helm: Helm) -> None:
    constraint = {"maxSkew": "1", "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector.matchLabels.a": "b"}
    own = helm.template(*(f"topologySpreadConstraints[0].{key}={value}" for key, value in constraint.items()))

    (filled,) = pod(rendered(helm, "highly-available"))["topologySpreadConstraints"]
    (kept,) = pod(own)["topologySpreadConstraints"]
    assert filled["labelSelector"] == only(rendered(helm, "highly-available"), "Deployment")["spec"]["selector"]
    assert kept["labelSelector"] == {"matchLabels": {"a": "b"}}


@pytest.mark.parametrize(
    ("settings", "budget"),
    [
        ((), {"maxUnavailable": 1}),
        (("podDisruptionBudget.maxUnavailable=50%",), {"maxUnavailable": "50%"}),
        (("podDisruptionBudget.minAvailable=1",), {"minAvailable": 1}),
        (("podDisruptionBudget.minAvailable=0",), {"minAvailable": 0}),
    ],
)
def test_the_disruption_budget_has_one_bound(helm: Helm, settings: tuple[str, ...], budget: dict[str, Any]) -> None:
    spec = only(helm.template("podDisruptionBudget.enabled=true", *settings), "PodDisruptionBudget")["spec"]

    assert {key: spec[key] for key in spec if key.endswith("vailable")} == budget
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_name_of_ones_own_does_not_hide_the_operator_from_its_tools(helm: Helm) -> None:
    """`fiddler-kong` looks for the operator by its label."""
    metadata = only(helm.template("nameOverride=tracing"), "Deployment")["metadata"]
    label = metadata["labels"]["app.kubernetes.io/name"]

    assert (metadata["name"], label) == ("fiddler-kong-operator-tracing", "fiddler-kong-operator")


def test_on_openshift_no_user_or_group_is_fixed(helm: Helm) -> None:
    everywhere, there = pod(rendered(helm, "default")), pod(rendered(helm, "openshift"))

    assert everywhere["securityContext"].keys() - there["securityContext"].keys() == {"runAsUser", "runAsGroup"}
    assert there["securityContext"]["runAsNonRoot"] is True
    assert there["containers"] == everywhere["containers"]


def test_the_test_pod_runs_as_the_operator_does_but_is_not_selected_as_one(helm: Helm) -> None:
    documents = helm.template("watchNamespaces={ai,shop}", "readClusterKinds=true", "nodeSelector.a=b")
    test, selector = only(documents, "Pod"), only(documents, "Deployment")["spec"]["selector"]["matchLabels"]
    mine, theirs = test["spec"]["containers"][0], container(documents)
    alike = {*pod(documents)} - {"containers", "terminationGracePeriodSeconds"}

    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert not selector.items() <= test["metadata"]["labels"].items()
    assert {key: test["spec"][key] for key in alike} == {key: pod(documents)[key] for key in alike}
    assert {key: mine[key] for key in ("image", "env", "securityContext")} == {
        key: theirs[key] for key in ("image", "env", "securityContext")
    }
    assert mine["args"] == [
        "check",
        "--namespaces=ai,shop",
        "--lease-namespace=$(POD_NAMESPACE)",
        "--secrets-access=watch",
        "--read-cluster-kinds",
    ]
    assert {*mine["args"][1:]} <= {*theirs["args"]}


def test_without_leader_election_the_test_looks_for_no_lease(helm: Helm) -> None:
    (made,) = only(rendered(helm, "single"), "Pod")["spec"]["containers"]

    assert made["args"] == ["check", "--secrets-access=watch"]


@pytest.mark.parametrize("settings", [(), ("watchNamespaces={ai}",)], ids=["cluster", "namespaced"])
def test_with_get_no_role_permits_to_list_or_watch_secrets(helm: Helm, settings: tuple[str, ...]) -> None:
    documents = helm.template("secrets.access=get", *settings)
    granted = [rule["verbs"] for d in documents if d["kind"].endswith("Role") for rule in d["rules"] if "secrets" in rule["resources"]]

    assert granted == [["get", "create", "patch", "delete"]]
    assert "--secrets-access=get" in container(documents)["args"]


def test_the_network_policy_by_default_admits_what_the_operator_needs_from_and_to_anywhere(helm: Helm) -> None:
    spec = only(helm.template("networkPolicy.enabled=true"), "NetworkPolicy")["spec"]

    assert spec["podSelector"] == only(rendered(helm, "default"), "Deployment")["spec"]["selector"]
    assert [[port["port"] for port in rule["ports"]] for rule in spec["ingress"]] == [["health"], ["metrics"]]
    assert [[(p["port"], p["protocol"]) for p in rule["ports"]] for rule in spec["egress"]] == [
        [(53, "TCP"), (53, "UDP")],
        [(443, "TCP"), (6443, "TCP")],
        [(443, "TCP")],
    ]
    assert [rule for rule in spec["ingress"] + spec["egress"] if {"from", "to"} & rule.keys()] == []


def test_the_network_policy_names_the_peers_of_each_rule(helm: Helm) -> None:
    values = yaml.safe_load(FILES["restricted-network"].read_text())["networkPolicy"]
    spec = only(rendered(helm, "restricted-network"), "NetworkPolicy")["spec"]

    named = ("dns", "apiServer", "fiddler", "proxy")
    assert [rule["to"] for rule in spec["egress"]] == [
        *(values["egress"][name]["to"] for name in named),
        values["egress"]["extra"][0]["to"],
    ]
    assert spec["ingress"][1]["from"] == values["ingress"]["metricsFrom"]
    assert spec["ingress"][2] == values["ingress"]["extra"][0]


def test_a_network_policy_without_metrics_opens_only_the_health_port(helm: Helm) -> None:
    (rule,) = only(helm.template("networkPolicy.enabled=true", "metricsPort=0"), "NetworkPolicy")["spec"]["ingress"]

    assert [port["port"] for port in rule["ports"]] == ["health"]


def test_the_definition_is_kept_unless_told_otherwise(helm: Helm) -> None:
    kept = only(rendered(helm, "default"), "CustomResourceDefinition")["metadata"]["annotations"]
    loose = only(rendered(helm, "extras"), "CustomResourceDefinition")["metadata"]["annotations"]

    assert (kept, loose) == ({"helm.sh/resource-policy": "keep"}, {"example.com/team": "platform"})
    assert "annotations" not in only(helm.template("crds.keep=false"), "CustomResourceDefinition")["metadata"]


def test_extra_flags_come_last_and_extra_variables_beside_the_charts(helm: Helm) -> None:
    made = container(rendered(helm, "extras"))

    assert made["args"][-1] == "--workers=8"
    assert [entry["name"] for entry in container(rendered(helm, "restricted-network"))["env"]] == [
        "POD_NAMESPACE",
        "HTTPS_PROXY",
        "NO_PROXY",
    ]


def test_extra_objects_are_templates(helm: Helm) -> None:
    assert only(rendered(helm, "extras"), "ConfigMap")["metadata"] == {
        "name": "fiddler-kong-operator-note",
        "namespace": "fiddler-kong-operator",
    }


def test_the_probes_ask_for_health_with_the_timing_of_the_values(helm: Helm) -> None:
    asked = {"path": "/healthz", "port": "health"}
    made = container(rendered(helm, "highly-available"))

    assert [made[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")] == [asked] * 3
    assert made["readinessProbe"]["periodSeconds"] == 5
    assert "readinessProbe" not in container(rendered(helm, "default"))
    assert container(rendered(helm, "extras"))["livenessProbe"] == {
        "httpGet": asked,
        "periodSeconds": 10,
        "timeoutSeconds": 5,
        "failureThreshold": 5,
    }


@pytest.mark.parametrize(
    ("settings", "strategy"),
    [
        ((), None),
        (("leaderElection=false",), {"type": "Recreate"}),
        (("strategy.type=Recreate",), {"type": "Recreate"}),
        (("leaderElection=false", "strategy.type=RollingUpdate"), {"type": "RollingUpdate"}),
    ],
)
def test_without_leader_election_two_pods_never_overlap_unless_asked(
    helm: Helm, settings: tuple[str, ...], strategy: dict[str, str] | None
) -> None:
    assert only(helm.template(*settings), "Deployment")["spec"].get("strategy") == strategy


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("probe.timeou=2", "'timeou' not allowed"),
        ("wrokers=2", "'wrokers' not allowed"),
        ("workers=0", "/workers"),
        ("logFormat=xml", "/logFormat"),
        ("leaderElection=false,replicaCount=2", "/leaderElection"),
        ("replicas=2", "'replicas' not allowed"),
        ("crds.install=false", "'install' not allowed"),
        ("networkPolicy.egres.dns=1", "'egres' not allowed"),
        ("image.registry=registry.example.com/team", "/image/registry"),
        ("image.digest=latest", "/image/digest"),
        ("podDisruptionBudget.maxUnavailable=half", "/podDisruptionBudget/maxUnavailable"),
        ("networkPolicy.egress.dns.ports={0}", "/networkPolicy/egress/dns/ports/0"),
        ("livenessProbe.httpGet.port=9", "'httpGet' not allowed"),
        ("extraEnv[0].value=x", "missing property 'name'"),
        ("extraArgs={workers=2}", "/extraArgs/0"),
        ("strategy.type=Random", "/strategy/type"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(helm: Helm, setting: str, says: str) -> None:
    done = helm.run("template", "x", CHART, "--kube-version=1.36.3", f"--set={setting}")

    assert done.returncode != 0
    assert says in done.stderr


def test_files_for_tests_are_not_in_the_package(helm: Helm, tmp_path: Path) -> None:
    assert helm.run("package", CHART, f"--destination={tmp_path}").returncode == 0

    packed = helm.run("show", "all", tmp_path / f"fiddler-kong-operator-{__version__}.tgz").stdout
    with tarfile.open(tmp_path / f"fiddler-kong-operator-{__version__}.tgz") as archive:
        listed = archive.getnames()
    assert "artifacthub.io/crds" in packed
    assert [name for name in listed if "/ci/" in name] == []


def test_what_artifact_hub_reads_is_yaml(helm: Helm) -> None:
    metadata = yaml.safe_load(helm.run("show", "chart", CHART).stdout)
    notes = {name.removeprefix("artifacthub.io/"): text for name, text in metadata["annotations"].items()}

    (definition,), (example,) = yaml.safe_load(notes["crds"]), yaml.safe_load(notes["crdsExamples"])
    assert definition["name"] == "fiddlerkongbindings.integrations.fiddler.ai"
    assert (example["kind"], example["apiVersion"]) == (definition["kind"], f"integrations.fiddler.ai/{definition['version']}")
    assert metadata["icon"].startswith("data:image/svg+xml;base64,")


def test_a_value_without_a_comment_has_no_place_in_the_readme() -> None:
    with pytest.raises(ValueError, match=r"the value a\.b has no comment"):
        build_readme("a:\n  b: 1\n", {"properties": {"a": {"properties": {"b": {"type": "integer"}}}}})


def test_a_value_is_described_in_one_row_with_its_default() -> None:
    values = "# Whole.\nmap:\n  x: 1\n# Group.\na:\n  # Two\n  # lines.\n  b: [1]\n"
    schema = {
        "definitions": {"m": {"type": "object", "properties": {"x": {"type": "integer"}}}},
        "properties": {"map": {"$ref": "#/definitions/m"}, "a": {"properties": {"b": {"type": "array"}}}},
    }

    rows = build_readme(values, schema).splitlines()[-3:]
    assert rows == ['| `map` | `{"x": 1}` | Whole. |', "| `a` |  | Group. |", "| `a.b` | `[1]` | Two lines. |"]
