"""The objects that the chart and kustomize make for Prometheus and Grafana, rendered by real Helm and kubectl."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.build import Builder
from devcluster.pins import COMPONENTS
from devcluster.progress import Reporter

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/fiddler-kong-operator"
RELEASE = "fiddler-kong-operator"
ALERTS = yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"][0]["rules"]


@pytest.fixture(scope="module")
def programs() -> dict[str, Path]:
    return Builder(Reporter(quiet=True)).programs([COMPONENTS["helm"], COMPONENTS["kubectl"]])


def helm(programs: dict[str, Path], *settings: str) -> subprocess.CompletedProcess[str]:
    flags = [f"--set={setting}" for setting in settings]
    command: list[str | Path] = [programs["helm"], "template", RELEASE, CHART, f"--namespace={RELEASE}", "--kube-version=1.36.3", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def template(programs: dict[str, Path], *settings: str) -> dict[str, dict[str, Any]]:
    """The objects of a release by kind; of several ones of a kind, the last."""
    done = helm(programs, *settings)
    assert (done.stderr, done.returncode) == ("", 0)
    return {document["kind"]: document for document in yaml.safe_load_all(done.stdout) if document}


def test_nothing_for_prometheus_is_made_unasked(programs: dict[str, Path]) -> None:
    assert {"Service", "ServiceMonitor", "PodMonitor", "PrometheusRule", "ConfigMap"}.intersection(template(programs)) == set()


def test_a_service_monitor_finds_the_service_and_the_service_finds_the_pods(programs: dict[str, Path]) -> None:
    made = template(programs, "monitoring.serviceMonitor.enabled=true", "metricsPort=9100")
    service, monitor, pod = made["Service"], made["ServiceMonitor"], made["Deployment"]["spec"]["template"]

    assert monitor["spec"]["namespaceSelector"] == {"matchNames": [RELEASE]}
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"] == [{"port": "metrics"}]
    assert service["spec"]["ports"] == [{"name": "metrics", "port": 9100, "targetPort": "metrics"}]
    assert {"name": "metrics", "containerPort": 9100} in pod["spec"]["containers"][0]["ports"]


def test_a_pod_monitor_needs_no_service(programs: dict[str, Path]) -> None:
    made = template(programs, "monitoring.podMonitor.enabled=true")

    assert "Service" not in made
    assert (
        made["PodMonitor"]["spec"]["selector"]["matchLabels"].items()
        <= made["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    )
    assert made["PodMonitor"]["spec"]["podMetricsEndpoints"] == [{"port": "metrics"}]


@pytest.mark.parametrize(
    ("value", "kind", "endpoints"), [("serviceMonitor", "ServiceMonitor", "endpoints"), ("podMonitor", "PodMonitor", "podMetricsEndpoints")]
)
def test_a_monitor_takes_what_the_values_say(programs: dict[str, Path], value: str, kind: str, endpoints: str) -> None:
    settings = ("enabled=true", "namespace=monitoring", "labels.release=prometheus", "interval=15s", "scrapeTimeout=10s")
    lists = ("relabelings[0].targetLabel=team", "relabelings[0].replacement=ml", "metricRelabelings[0].action=keep")
    made = template(programs, *(f"monitoring.{value}.{setting}" for setting in (*settings, *lists)))[kind]

    assert (made["metadata"]["namespace"], made["metadata"]["labels"]["release"]) == ("monitoring", "prometheus")
    assert made["spec"]["namespaceSelector"] == {"matchNames": [RELEASE]}
    assert made["spec"][endpoints] == [
        {
            "port": "metrics",
            "interval": "15s",
            "scrapeTimeout": "10s",
            "relabelings": [{"targetLabel": "team", "replacement": "ml"}],
            "metricRelabelings": [{"action": "keep"}],
        }
    ]


def rules(made: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    (group,) = made["PrometheusRule"]["spec"]["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_every_alert_selects_the_release_and_has_a_runbook(programs: dict[str, Path]) -> None:
    made = rules(template(programs, "monitoring.prometheusRule.enabled=true"))

    assert [rule["alert"] for rule in made] == [rule["alert"] for rule in ALERTS]
    assert [rule["expr"] for rule in made if f'{{namespace="{RELEASE}"' not in rule["expr"] or "$" in rule["expr"]] == []
    assert [rule["annotations"]["runbook_url"] for rule in made] == [f"docs/runbooks.md#{rule['alert'].lower()}" for rule in ALERTS]
    assert [rule["annotations"]["summary"] for rule in made] == [rule["annotations"]["summary"] for rule in ALERTS]
    assert [rule for rule in made if "21600" in rule["expr"]] != []


def test_alerts_take_what_the_values_say(programs: dict[str, Path]) -> None:
    settings = (
        "enabled=true",
        "disabled={FiddlerKongTracesStopped,FiddlerKongQueueStuck}",
        "alertLabels.team=ml",
        "alertLabels.severity=page",
        "runbookUrl=https://wiki.example/fiddler",
        'selector=job="fiddler"',
        "labels.release=prometheus",
    )
    made = template(programs, *(f"monitoring.prometheusRule.{setting}" for setting in settings))
    by_name = {rule["alert"]: rule for rule in rules(made)}

    assert made["PrometheusRule"]["metadata"]["labels"]["release"] == "prometheus"
    assert {rule["alert"] for rule in ALERTS} - set(by_name) == {"FiddlerKongTracesStopped", "FiddlerKongQueueStuck"}
    assert by_name["FiddlerKongOperatorDown"]["labels"] == {"severity": "critical", "team": "ml"}
    assert by_name["FiddlerKongOperatorDown"]["expr"] == 'absent(fiddler_kong_operator_build_info{job="fiddler"})'
    assert by_name["FiddlerKongOperatorDown"]["annotations"]["runbook_url"] == "https://wiki.example/fiddler#fiddlerkongoperatordown"


def test_the_dashboard_is_the_file_of_the_chart(programs: dict[str, Path]) -> None:
    made = template(programs, "monitoring.dashboard.enabled=true", "monitoring.dashboard.annotations.folder=AI")["ConfigMap"]

    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert made["metadata"]["annotations"] == {"folder": "AI"}
    assert json.loads(made["data"]["fiddler-kong-operator.json"]) == json.loads(
        (CHART / "dashboards/fiddler-kong-operator.json").read_text()
    )


@pytest.mark.parametrize("value", ["service", "serviceMonitor", "podMonitor", "prometheusRule"])
def test_monitoring_without_metrics_is_refused(programs: dict[str, Path], value: str) -> None:
    done = helm(programs, f"monitoring.{value}.enabled=true", "metricsPort=0")

    assert done.returncode != 0
    assert "monitoring needs /metrics: metricsPort must not be 0" in done.stderr


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("monitoring.serviceMonitor.intervall=15s", "'intervall' not allowed"),
        ("monitoring.podMonitor.interval=soon", "/monitoring/podMonitor/interval"),
        ("monitoring.prometheusRule.disabled={Watchdog}", "/monitoring/prometheusRule/disabled/0"),
        ("monitoring.prometheusRule.tracesStoppedAfter=1", "/monitoring/prometheusRule/tracesStoppedAfter"),
    ],
)
def test_wrong_values_are_refused(programs: dict[str, Path], setting: str, says: str) -> None:
    done = helm(programs, setting)

    assert done.returncode != 0
    assert says in done.stderr


def test_kustomize_makes_the_same_objects(programs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "manifests").symlink_to(ROOT / "manifests")
    kustomization = {"resources": ["manifests/install"], "components": ["manifests/monitoring"]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    built = subprocess.run([programs["kubectl"], "kustomize", tmp_path], capture_output=True, text=True, check=True).stdout
    kustomized = {document["kind"]: document for document in yaml.safe_load_all(built) if document}
    values = (f"monitoring.{value}.enabled=true" for value in ("serviceMonitor", "prometheusRule", "dashboard"))
    charted = template(programs, *values)

    pod = kustomized["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert kustomized["Service"]["spec"]["selector"].items() <= pod.items()
    assert kustomized["ServiceMonitor"]["spec"]["selector"]["matchLabels"].items() <= kustomized["Service"]["metadata"]["labels"].items()
    assert kustomized["Service"]["spec"]["ports"] == charted["Service"]["spec"]["ports"]
    assert kustomized["ServiceMonitor"]["spec"]["endpoints"] == charted["ServiceMonitor"]["spec"]["endpoints"]
    assert kustomized["PrometheusRule"]["spec"] == charted["PrometheusRule"]["spec"]
    assert {name: json.loads(text) for name, text in kustomized["ConfigMap"]["data"].items()} == {
        name: json.loads(text) for name, text in charted["ConfigMap"]["data"].items()
    }
    assert kustomized["ConfigMap"]["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert {kustomized[kind]["metadata"]["namespace"] for kind in ("Service", "ServiceMonitor", "PrometheusRule", "ConfigMap")} == {RELEASE}
