"""`stock` fills the stock of valid values, for modules that draw from it."""

from __future__ import annotations

import pytest

from tests.generated.pool import STOCK


@pytest.fixture(scope="module")
def stock() -> None:
    STOCK.fill()
