"""Fills the stock of valid values once for each module."""

from __future__ import annotations

import pytest

from tests.generated.pool import STOCK


@pytest.fixture(autouse=True, scope="module")
def _stock() -> None:
    STOCK.fill()
