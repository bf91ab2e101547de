"""Alerts, runbooks and dashboard ask for metrics, labels and values that the operator's page has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from fiddler_kong_operator.api.conditions import REASONS, ConditionType
from tests.unit.runtime.pages import PREFIX, full_page, shown

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "charts/fiddler-kong-operator"
RULES: Final[list[dict[str, Any]]] = [
    rule for group in yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARD: Final[dict[str, Any]] = json.loads((CHART / "dashboards/fiddler-kong-operator.json").read_text())
PANELS: Final = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RUNBOOKS: Final = (ROOT / "docs/runbooks.md").read_text()

OF_TARGET: Final = {"namespace", "pod", "instance", "job"}
OF_PROMETHEUS_OPERATOR: Final = OF_TARGET | {"service", "container", "endpoint", "node", "name"}
"""The labels that a scrape sets: those of a metric with the same name would be hidden."""
OF_HISTOGRAM: Final = ("_bucket", "_count", "_sum")
CALL: Final = re.compile(r"\b((?:fiddler_kong_operator|process)_\w+)\{([^}]*)\}")
MATCHER: Final = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
GROUPING: Final = re.compile(r"\b(?:by|on) \(([^)]*)\)")
VALUES: Final[dict[str, set[str]]] = {
    "condition": set(ConditionType),
    "status": {"True", "False", "Unknown"},
    "reason": set(REASONS),
    "verb": {"get", "list", "watch"},
    "code": {"400", "403", "422"},
}


@dataclass(frozen=True)
class Asked:
    """One expression, and the labels that its result may be grouped by or shown with."""

    title: str
    expression: str
    texts: str


def expressions() -> Iterator[Asked]:
    for rule in RULES:
        yield Asked(rule["alert"], rule["expr"].replace("$selector", 'namespace="operator"'), str(rule["annotations"]))
    for panel in PANELS:
        for target in panel["targets"]:
            yield Asked(panel["title"], target["expr"], target["legendFormat"])


def metric(name: str) -> str:
    """The metric of a series."""
    bare = name.removeprefix(PREFIX)
    return next((bare.removesuffix(end) for end in OF_HISTOGRAM if bare.endswith(end)), bare)


EVERY: Final = list(expressions())
METRICS: Final = shown(full_page())


@pytest.mark.parametrize("asked", EVERY, ids=lambda asked: asked.title)
def test_an_expression_asks_for_metrics_and_labels_of_the_page(asked: Asked) -> None:
    calls = CALL.findall(asked.expression)
    known: set[str] = {"le"} | OF_TARGET
    for name, matchers in calls:
        labels = METRICS[metric(name)].labels if name.startswith(PREFIX) else frozenset()
        assert {label for label, _, _ in MATCHER.findall(matchers)} <= labels | OF_TARGET, name
        known |= labels

    assert calls
    assert asked.expression.count("fiddler_kong_operator_") == len([name for name, _ in calls if name.startswith(PREFIX)])
    assert {label.strip() for labels in GROUPING.findall(asked.expression) for label in labels.split(",") if label.strip()} <= known
    assert set(re.findall(r"\{\{ *(?:\$labels\.)?(\w+)[ |}]", asked.texts)) - {"value"} <= known


@pytest.mark.parametrize("asked", EVERY, ids=lambda asked: asked.title)
def test_an_expression_compares_labels_with_values_that_exist(asked: Asked) -> None:
    matchers = [found for _, text in CALL.findall(asked.expression) for found in MATCHER.findall(text) if found[0] not in OF_TARGET]

    wrong = [(label, value) for label, _, text in matchers for value in text.split("|") if value not in VALUES[label]]
    assert wrong == []


@pytest.mark.parametrize("asked", EVERY, ids=lambda asked: asked.title)
def test_an_expression_asks_for_one_installation_only(asked: Asked) -> None:
    assert [name for name, matchers in CALL.findall(asked.expression) if not matchers.startswith("namespace=")] == []


def test_no_label_of_a_metric_is_hidden_by_one_that_the_scrape_sets() -> None:
    assert {name: found.labels & OF_PROMETHEUS_OPERATOR for name, found in METRICS.items() if found.labels & OF_PROMETHEUS_OPERATOR} == {}


def test_every_metric_is_in_an_alert_or_a_panel() -> None:
    used = {metric(name) for asked in EVERY for name, _ in CALL.findall(asked.expression)}

    assert sorted(set(METRICS) - used) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_has_a_severity_texts_and_a_runbook(rule: dict[str, Any]) -> None:
    section = re.search(rf"^## {rule['alert']}\n(.*?)(?=^## |\Z)", RUNBOOKS, re.MULTILINE | re.DOTALL)

    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description"}
    assert section
    assert re.findall(r"^\*\*(.*?)\.\*\*", section[1], re.MULTILINE) == ["Meaning", "Impact", "Look at", "Fix"]


def test_no_runbook_is_left_of_an_alert_that_is_gone() -> None:
    assert re.findall(r"^## (\w+)$", RUNBOOKS, re.MULTILINE) == [rule["alert"] for rule in RULES]


def test_the_documentation_lists_every_alert() -> None:
    listed = re.findall(r"^\| \[(FiddlerKong\w+)\].*\| (\w+) \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)

    assert listed == [(rule["alert"], rule["labels"]["severity"]) for rule in RULES]


def test_no_two_panels_overlap_or_have_the_same_id() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
