"""The exhaustive part runs with `make test-faults`, by the same switch as the fault injection: FAULTS=all, or `-m exhaustive`."""

from __future__ import annotations

import os

import pytest

from tests.generated.pool import STOCK


@pytest.fixture(autouse=True, scope="module")
def _stock() -> None:
    STOCK.fill()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the exhaustive tests out unless they were asked for."""
    if os.environ.get("FAULTS") == "all" or "exhaustive" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
    config.hook.pytest_deselected(items=left_out)
