"""Rule tests in promtool's form, evaluated by Prometheus' own code (devcluster/go/promql)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from devcluster.build import Builder
from devcluster.pins import COMPONENTS
from devcluster.progress import Reporter

__all__ = ["NAMESPACE", "Group", "evaluate", "evaluate_panels", "panels", "queries"]

ROOT: Final = Path(__file__).resolve().parents[2]
DASHBOARD: Final = ROOT / "charts/fiddler-kong-operator/dashboards/fiddler-kong-operator.json"
NAMESPACE: Final = "fiddler-kong-operator"
MINUTES: Final = 30
TARGET: Final = {"namespace": NAMESPACE, "pod": "a", "instance": "10.0.0.1:8081", "job": "operator", "endpoint": "metrics"}
"""The labels that a scrape adds."""


@dataclass(frozen=True)
class Group:
    """The results of one group of tests: the alerts that fire, and the samples of each expression, in the order of its tests."""

    name: str
    alerts: list[list[dict[str, Any]]]
    expressions: list[list[dict[str, Any]]]


def evaluate(file: Path) -> list[Group]:
    """Every group of a file; CalledProcessError where a rule or an expression is wrong."""
    program = Builder(Reporter()).programs([COMPONENTS["promql"]])["promql"]
    lines = subprocess.run([program, file], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return [Group(**json.loads(line)) for line in lines]


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard, without the titles of its rows."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, dict[str, Any]]]:
    """The title of a panel and one of its queries, for each query of the dashboard."""
    return ((panel["title"], target) for panel in panels() for target in panel["targets"])


def evaluate_panels(page: str, folder: Path) -> list[list[dict[str, Any]]]:
    """The samples of each query of the dashboard, of a Prometheus that scraped `page` for half an hour while every counter rose."""
    tests = [
        {
            "expr": target["expr"].replace("$namespace", NAMESPACE).replace("$__rate_interval", "4m").replace("$__interval", "1m"),
            "eval_time": f"{MINUTES}m",
        }
        for _, target in queries()
    ]
    file = folder / "dashboard.json"
    file.write_text(json.dumps({"tests": [{"interval": "1m", "input_series": list(_series(page)), "promql_expr_test": tests}]}))
    (group,) = evaluate(file)
    return group.expressions


def _series(page: str) -> Iterator[dict[str, str]]:
    for family in text_string_to_metric_families(page):
        step = "+1" if family.type in {"counter", "histogram"} else ""
        for sample in family.samples:
            labels = ", ".join(f"{name}={json.dumps(value)}" for name, value in (sample.labels | TARGET).items())
            yield {"series": f"{sample.name}{{{labels}}}", "values": f"{sample.value:g}{step}x{MINUTES}"}
