"""Each alert fires when it should, with its texts, and is silent when it should be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.monitoring.evaluation import ROOT, evaluate
from tests.unit.runtime.pages import PREFIX, full_page, shown

FILE: Final = Path(__file__).parent / "alerts.yaml"
TESTS: Final[list[dict[str, Any]]] = yaml.safe_load(FILE.read_text())["tests"]
SPEC: Final[dict[str, Any]] = yaml.safe_load((ROOT / "manifests/monitoring/prometheus-rule.yaml").read_text())["spec"]
ALERTS: Final = [rule["alert"] for group in SPEC["groups"] for rule in group["rules"]]
OF_TARGET: Final = {"namespace", "pod", "endpoint"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[dict[str, Any]]]]:
    """The alerts that fire, by the name of a group of tests."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "rules.yaml").write_text(yaml.safe_dump(SPEC))
    (folder / FILE.name).write_text(FILE.read_text())
    return {group.name: group.alerts for group in evaluate(folder / FILE.name)}


@pytest.mark.parametrize("group", TESTS, ids=lambda group: group["name"])
def test_what_fires_is_what_should(group: dict[str, Any], found: dict[str, list[list[dict[str, Any]]]]) -> None:
    times = [test["eval_time"] for test in group["alert_rule_test"]]

    assert dict(zip(times, found[group["name"]], strict=True)) == {t["eval_time"]: t["exp_alerts"] for t in group["alert_rule_test"]}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_never_does(alert: str) -> None:
    asked = [[test for test in group["alert_rule_test"] if test["alertname"] == alert] for group in TESTS]
    fires = {any(test["exp_alerts"] for test in tests) for tests in asked if tests}

    assert fires == {True, False}


def test_the_series_of_the_cases_are_those_of_the_operator() -> None:
    metrics = shown(full_page())
    asked = [re.fullmatch(r"(\w+)\{(.*)\}", entry["series"]) for group in TESTS for entry in group["input_series"]]
    series = [(match[1].removeprefix(PREFIX), set(re.findall(r"(\w+)=", match[2]))) for match in asked if match]

    assert len(series) == len(asked)
    assert [name for name, labels in series if labels - OF_TARGET != metrics[name].labels or not labels >= OF_TARGET] == []
