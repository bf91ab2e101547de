"""Every panel of the dashboard draws something from the operator's page, with the labels of its legend."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

from tests.monitoring.evaluation import evaluate_panels, panels
from tests.unit.runtime.pages import bound, full_page

LABEL: Final = re.compile(r"\{\{(\w+)\}\}")


def test_every_panel_has_numbers_and_the_labels_of_its_legend(tmp_path: Path) -> None:
    drawn = evaluate_panels(full_page(bound("False", "SecretNotFound", "broken")), tmp_path)

    wanting = [
        (title, target["expr"], samples)
        for (title, target), samples in zip(panels(), drawn, strict=True)
        if not samples
        or not all(math.isfinite(float(sample["value"])) for sample in samples)
        or not all(set(LABEL.findall(target["legendFormat"])) <= sample["labels"].keys() for sample in samples)
    ]
    assert wanting == []
