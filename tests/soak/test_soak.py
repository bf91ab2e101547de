"""The shortest meaningful soak; `make soak` runs a long one with the same code."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from tests.soak.endurance import Endurance
from tests.soak.population import Population

Begin = Callable[[Population, int, Collection[int]], Endurance]


@pytest.mark.exhaustive
def test_after_churn_and_faults_all_is_as_before_and_every_write_had_a_cause(endurance: Begin) -> None:
    soak = endurance(Population(24), 8, {6})

    soak.run(0, fewest=1)

    findings = soak.findings()
    assert findings == [], "\n".join(findings)
    assert all(checkpoint.faults > 0 and checkpoint.bystanders > 0 for checkpoint in soak.checkpoints)
