from __future__ import annotations

import pytest

from tests.chart.rendering import Helm


@pytest.fixture(scope="session")
def helm() -> Helm:
    return Helm.built()
