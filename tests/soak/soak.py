"""`make soak`: minutes of churn and faults, after which the operator uses no more resources than before.

The file's name keeps it out of `make test`. SOAK_MINUTES sets the duration, SOAK_SEED the random seed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

from tests.soak.endurance import PERMANENT, Endurance
from tests.soak.population import Population
from tests.soak.verdict import ENOUGH, growth

MINUTES = float(os.environ.get("SOAK_MINUTES") or 10)

Begin = Callable[[Population, int, Collection[int]], Endurance]


def test_the_operator_endures(endurance: Begin) -> None:
    soak = endurance(Population(40), 24, {12})

    soak.run(MINUTES * 60, fewest=ENOUGH)

    idle = soak.until_connections_have_ended()
    soak.tell(f"growth {growth(soak.checkpoints):.1f} MiB, {idle} connections in the end")
    findings = soak.findings()
    assert findings == [], "\n".join(findings)
    assert idle <= PERMANENT
