"""Faults between the operator and its servers: by default a representative part, with FAULTS=all every fault.

`world`  one control plane and a sink in Fiddler's place, for all tests that do not change them
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.ground import World
from tests.faults.start import start_world


@pytest.fixture(scope="package")
def world(pytestconfig: pytest.Config) -> Iterator[World]:
    with start_world(pytestconfig) as world:
        yield world
