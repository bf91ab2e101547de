"""Generates manifests/monitoring: for kustomize, the objects that the chart makes of `monitoring`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from codegen.dashboard import build_dashboard
from codegen.text import dump_all
from fiddler_kong_operator import names

__all__ = ["DASHBOARD_FILE", "build_monitoring"]

CHART: Final = f"charts/{names.APPLICATION}"
DASHBOARD_FILE: Final = f"{names.APPLICATION}.json"
ALERTS: Final = Path(__file__).resolve().parents[1] / CHART / "files/alerts.yaml"
FOLDER: Final = "manifests/monitoring"
SELECTOR: Final = f'namespace="{names.APPLICATION}"'
TRACES_STOPPED_AFTER: Final = 21600
RUNBOOKS: Final = "docs/runbooks.md"
LABELS: Final = {"app.kubernetes.io/name": names.APPLICATION}


def build_monitoring() -> dict[str, str]:
    """Content of each generated file, by path."""
    dashboard = build_dashboard()
    objects = {
        "service": _service(),
        "service-monitor": _service_monitor(),
        "prometheus-rule": _prometheus_rule(),
        "dashboard": _config_map(dashboard),
    }
    files = {f"{FOLDER}/{name}.yaml": dump_all(content) for name, content in objects.items()}
    component = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "resources": [f"{name}.yaml" for name in objects]}
    return files | {
        f"{FOLDER}/kustomization.yaml": dump_all(component),
        f"{CHART}/dashboards/{DASHBOARD_FILE}": dashboard,
    }


def _object(api_version: str, kind: str, suffix: str = "", **labels: str) -> dict[str, Any]:
    metadata = {"name": names.APPLICATION + suffix, "namespace": names.APPLICATION, "labels": LABELS | labels}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _service() -> dict[str, Any]:
    port = {"name": "metrics", "port": 8081, "targetPort": "metrics"}
    return _object("v1", "Service", "-metrics") | {"spec": {"clusterIP": "None", "selector": LABELS, "ports": [port]}}


def _service_monitor() -> dict[str, Any]:
    where = {"namespaceSelector": {"matchNames": [names.APPLICATION]}, "selector": {"matchLabels": LABELS}}
    return _object("monitoring.coreos.com/v1", "ServiceMonitor") | {"spec": where | {"endpoints": [{"port": "metrics"}]}}


def _prometheus_rule() -> dict[str, Any]:
    text = ALERTS.read_text().replace("$selector", SELECTOR).replace("$traces_stopped_after", str(TRACES_STOPPED_AFTER))
    groups = yaml.safe_load(text)["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        rule["annotations"]["runbook_url"] = f"{RUNBOOKS}#{rule['alert'].lower()}"
    return _object("monitoring.coreos.com/v1", "PrometheusRule") | {"spec": {"groups": groups}}


def _config_map(dashboard: str) -> dict[str, Any]:
    return _object("v1", "ConfigMap", "-dashboard", grafana_dashboard="1") | {"data": {DASHBOARD_FILE: dashboard}}
