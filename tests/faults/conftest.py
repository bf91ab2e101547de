"""Faults between the operator and what it talks to; by default a representative part of them, with FAULTS=all everything.

`world`  one control plane and the sink that stands in for Fiddler, for all tests that leave them as they were
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.ground import World
from tests.faults.start import start_world


@pytest.fixture(scope="session")
def world(pytestconfig: pytest.Config) -> Iterator[World]:
    with start_world(pytestconfig) as world:
        yield world
