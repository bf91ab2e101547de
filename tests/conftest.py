"""Selection of tests.

Tests marked `exhaustive` run only with FAULTS=all, as in `make test-faults`, or with `-m exhaustive`.
"""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the exhaustive tests unless they were requested."""
    if os.environ.get("FAULTS") == "all" or "exhaustive" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
    config.hook.pytest_deselected(items=left_out)
