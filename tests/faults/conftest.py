"""Faults between the operator and what it talks to; by default a representative part of them, with FAULTS=all everything.

`world`  one control plane and the sink that stands in for Fiddler, for all tests that leave them as they were
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.faults.ground import World
from tests.faults.start import start_world


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the exhaustive tests out unless they were asked for."""
    if os.environ.get("FAULTS") == "all" or "exhaustive" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def world(pytestconfig: pytest.Config) -> Iterator[World]:
    with start_world(pytestconfig) as world:
        yield world
