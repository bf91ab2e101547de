"""Selection and order of tests, and the fixtures of the one control plane.

Tests marked `exhaustive` run only with FAULTS=all, as in `make test-faults`, or with `-m exhaustive`. Tests without a control plane run
first, and the folder whose one test takes longest before the others.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from tests.staging import cluster, namespace, stage  # noqa: F401 - fixtures, found by their names

_HERE: Final = Path(__file__).parent
_ORDER: Final = ("soak", "crd", "devcluster", "faults", "generated", "integration", "security")
"""The folders whose tests need a control plane."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests in order, and deselect the exhaustive ones unless they were requested."""
    items.sort(key=_position)
    if os.environ.get("FAULTS") == "all" or "exhaustive" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
    config.hook.pytest_deselected(items=left_out)


def _position(item: pytest.Item) -> int:
    folder = item.path.relative_to(_HERE).parts[0]
    return _ORDER.index(folder) if folder in _ORDER else -1
