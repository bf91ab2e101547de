"""Every panel of the dashboard draws something from the operator's page, and says what it means."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.monitoring.evaluation import evaluate_panels, panels, queries
from tests.unit.runtime.pages import bound, full_page

LABEL: Final = re.compile(r"\{\{(\w+)\}\}")
PANELS: Final = {panel["title"]: panel for panel in panels()}
STATS: Final = [title for title, panel in PANELS.items() if panel["type"] == "stat"]
BROKEN: Final = bound("False", "SecretNotFound", "broken")
TRACED: Final = bound(name="traced", traced="2026-01-01T00:00:00Z", arriving="False")
FAULTS: Final = ("Not Ready", "Failing targets", "Bugs", "Unwatched kinds")
"""Numbers that should be 0."""


def colour(title: str, value: float) -> str:
    """The colour of a number."""
    steps = PANELS[title]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return str([step["color"] for step in steps if step["value"] is None or step["value"] <= value][-1])


def drawn(page: str, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The samples of each panel."""
    found: dict[str, list[dict[str, Any]]] = {}
    for (title, _), samples in zip(queries(), evaluate_panels(page, folder), strict=True):
        found.setdefault(title, []).extend(samples)
    return found


def test_every_panel_has_numbers_and_the_labels_of_its_legend(tmp_path: Path) -> None:
    evaluated = evaluate_panels(full_page(BROKEN, TRACED), tmp_path)

    wanting = [
        (title, target["expr"], samples)
        for (title, target), samples in zip(queries(), evaluated, strict=True)
        if not samples
        or not all(math.isfinite(float(sample["value"])) for sample in samples)
        or not all(set(LABEL.findall(target["legendFormat"])) <= sample["labels"].keys() for sample in samples)
    ]
    assert wanting == []


def test_every_column_of_a_table_is_a_label_or_the_value(tmp_path: Path) -> None:
    samples = drawn(full_page(BROKEN, TRACED), tmp_path)
    tables = {title: panel["transformations"][0]["options"] for title, panel in PANELS.items() if panel["type"] == "table"}

    shown = {title: set(table["indexByName"]) | set(table["excludeByName"]) for title, table in tables.items()}
    assert shown == {title: {*samples[title][0]["labels"], "Time", "Value"} for title in tables}


def test_a_healthy_operator_has_no_number_in_an_alarming_colour(tmp_path: Path) -> None:
    samples = drawn(full_page(faulty=False), tmp_path)

    judged = [title for title in STATS if "thresholds" in PANELS[title]["fieldConfig"]["defaults"]]
    assert {title: colour(title, float(samples[title][0]["value"])) for title in judged} == dict.fromkeys(judged, "green")


def test_without_an_operator_only_the_missing_leader_is_shown(tmp_path: Path) -> None:
    samples = drawn("", tmp_path)

    assert {title: float(found[0]["value"]) for title, found in samples.items() if found} == {"Leaders": 0}
    assert colour("Leaders", 0) == "red"


@pytest.mark.parametrize("title", FAULTS)
def test_one_fault_is_red(title: str) -> None:
    assert (colour(title, 0), colour(title, 1)) == ("green", "red")


@pytest.mark.parametrize("title", STATS)
def test_a_number_without_steps_of_its_own_has_no_colour(title: str) -> None:
    """Grafana would draw it green, and red from 80 on."""
    panel = PANELS[title]

    assert ("thresholds" in panel["fieldConfig"]["defaults"]) == (panel["options"]["colorMode"] == "value")


@pytest.mark.parametrize("title", PANELS)
def test_a_panel_says_what_it_shows(title: str) -> None:
    panel = PANELS[title]
    lines = panel["type"] == "timeseries"

    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert not lines or all(target["legendFormat"] != "__auto" for target in panel["targets"])


def test_the_panels_fill_every_line_of_the_page() -> None:
    places = [panel["gridPos"] for panel in PANELS.values()]
    cells = {(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])}

    assert cells == {(x, y) for x in range(24) for _, y in cells}
