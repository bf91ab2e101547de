"""Fills the stock of valid values once for each module."""

from __future__ import annotations

import pytest

from tests.generated.pool import STOCK
from tests.staging import cluster  # noqa: F401 - a fixture, found by its name


@pytest.fixture(autouse=True, scope="module")
def _stock() -> None:
    STOCK.fill()
